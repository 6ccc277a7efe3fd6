"""AsyncLLM: results of LLM, awaited; cancelling, closing and many at once."""

import asyncio
import gc
import time

import pytest
import skald

LONG = {"max_tokens": 900, "min_tokens": 900, "seed": 1}


@pytest.fixture
def alm(lm):
    return skald.AsyncLLM(lm)


def settled(model):
    """Rows that the model has computed once it rests."""
    before = -1
    while (now := model.statistics["rows"]) != before:
        before = now
        time.sleep(0.2)
    return now


def test_results_are_those_of_llm(lm, alm):
    async def work():
        return (
            await alm.generate("Once", max_tokens=9, seed=1, return_token_ids=True),
            await alm.generate(["Once", "The king"], max_tokens=9, seed=1, n=2),
            await alm.generate("Once", max_tokens=9, num_beams=3, n=2),
            await alm.embed(["Once", "The king"]),
            (await alm.score("Once upon a time")).total,
        )

    one, several, beams, vectors, total = asyncio.run(work())
    assert one == lm.generate("Once", max_tokens=9, seed=1, return_token_ids=True)
    assert several == lm.generate(["Once", "The king"], max_tokens=9, seed=1, n=2)
    assert beams == lm.generate("Once", max_tokens=9, num_beams=3, n=2)
    assert (vectors == lm.embed(["Once", "The king"])).all()
    assert total == lm.score("Once upon a time").total


def test_streams_are_those_of_llm(lm, alm):
    options = {"max_tokens": 30, "seed": 3, "return_token_ids": True}

    async def work():
        return [piece async for piece in alm.stream("Once upon a time", **options)]

    pieces = asyncio.run(work())
    assert "".join(piece["text"] for piece in pieces) == lm.generate("Once upon a time", **options)["text"]
    assert [piece["finish_reason"] for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert pieces[-1]["finish_reason"] in ("length", "stop")


def test_many_at_once(lm, alm):
    async def work():
        return await asyncio.gather(*(alm.generate("Once", max_tokens=10, seed=seed) for seed in range(40)))

    texts = [result["text"] for result in asyncio.run(work())]
    assert texts == [lm.generate("Once", max_tokens=10, seed=seed)["text"] for seed in range(40)]


def test_the_loop_goes_on_meanwhile(alm):
    async def work():
        task = asyncio.create_task(alm.generate("Once", **LONG))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert task.result()["finish_reason"] == "length"
        return turns

    assert asyncio.run(work()) > 20


def test_a_cancelled_task_ends_its_call(alm):
    async def work():
        task = asyncio.create_task(alm.generate("Once", **LONG))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.TimeoutError):
            async with asyncio.timeout(0.1):
                async for _ in alm.stream("Once", **LONG):
                    pass

    before = settled(alm.model)
    asyncio.run(work())
    assert settled(alm.model) - before < 1500, "the calls went on"


def test_a_stream_that_is_left_ends_its_call(alm):
    async def work():
        async with alm.stream("Once", **LONG) as stream:
            async for _ in stream:
                break
        assert [piece async for piece in stream] == []
        let_go = alm.stream("Once", **LONG)
        await anext(let_go)
        del let_go
        gc.collect()

    before = settled(alm.model)
    asyncio.run(work())
    assert settled(alm.model) - before < 1500, "the calls went on"


def test_errors_arrive_where_they_are_awaited(alm):
    async def work():
        with pytest.raises(skald.OptionError, match="top_p"):
            await alm.generate("Once", top_p=3)
        with pytest.raises(TypeError, match="not int"):
            await alm.generate(3)
        with pytest.raises(TypeError, match="stream"):
            await alm.generate("Once", stream=True)
        with pytest.raises(skald.OptionError, match="layer"):
            await alm.embed("Once", layer=50)

    asyncio.run(work())


def test_a_loop_that_ends_with_calls_under_way(alm):
    async def begun():
        stream = alm.stream("Once", **LONG)
        await anext(stream)
        return stream

    stream = asyncio.run(begun())
    del stream
    gc.collect()
    assert asyncio.run(alm.generate("Once", max_tokens=2, min_tokens=2))["finish_reason"] == "length"
