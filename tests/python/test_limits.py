"""What is given wrongly, interrupted, shared between threads, let go of or forked."""

import gc
import logging
import os
import signal
import threading
import time
import weakref

import numpy
import pytest
import skald
from conftest import MODEL, in_new_process

LONG = {"max_tokens": 900, "min_tokens": 900, "seed": 1}


@pytest.mark.parametrize(
    ("prompt", "error", "says"),
    [
        (None, TypeError, "a str or a list of token ids, not NoneType"),
        (b"Once", TypeError, "not bytes"),
        (3, TypeError, "not int"),
        ({"a": 1}, TypeError, "not dict"),
        ([1, "a"], TypeError, "integer"),
        ([1.5], TypeError, "integer"),
        ([2**63], skald.OptionError, "no token id"),
        ([-(2**80)], skald.OptionError, "no token id"),
        ([10**6], skald.Error, "1000000"),
        ([-1], skald.Error, "-1"),
        ("\ud800", UnicodeEncodeError, "surrogates"),
        (numpy.array([0.5, 1.0]), TypeError, "integer"),
        (numpy.zeros((2, 2, 2), int), TypeError, "integer"),
        ([], skald.Error, "prompt"),
    ],
    ids=str,
)
def test_prompts_that_are_none(lm, prompt, error, says):
    with pytest.raises(error, match=says):
        skald.calls.complete(lm.model, [prompt], skald.GenerationConfig(), skald.Door.llm)
    assert lm.generate("Once", max_tokens=1)


def test_a_prompt_of_ten_million_ids_is_refused_soon(lm):
    begin = time.monotonic()
    with pytest.raises(skald.LimitError):
        lm.generate([5] * 10**7)
    assert time.monotonic() - begin < 20


def test_a_generator_that_raises_midway(lm):
    def ids():
        yield 5
        raise KeyError("midway")

    with pytest.raises(KeyError, match="midway"):
        skald.calls.complete(lm.model, [ids()], skald.GenerationConfig(), skald.Door.llm)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"top_p": float("nan")}, "top_p"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 2**70}, "top_k"),
        ({"max_tokens": -1}, "max_new_tokens"),
        ({"temprature": 1}, "did you mean temperature"),
        ({"stop": [b"x"]}, "bytes"),
    ],
    ids=str,
)
def test_options_that_are_none(lm, options, says):
    with pytest.raises((skald.Error, TypeError), match=says):
        lm.generate("Once", **options)


def test_errors_carry_their_parts(lm, tmp_path):
    with pytest.raises(skald.OptionError) as caught:
        lm.generate("Once", top_p=3)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.field, caught.value.value) == ("top_p", "3") and "(0, 1]" in caught.value.rule
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        skald.load(tmp_path / "nothing-here")
    with pytest.raises(skald.Error):
        skald.load(tmp_path)
    (tmp_path / "closed").mkdir(mode=0)
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):
            skald.load(tmp_path / "closed")
    with pytest.raises(OSError, match="NUL"):
        skald.load("a\0b")


def test_a_device_that_is_not_there_is_said_once_a_place():
    with pytest.warns(UserWarning, match="runs on the CPU"):
        skald.LLM(MODEL, device="cuda")


def test_notices_go_to_the_logger(lm, caplog):
    with caplog.at_level(logging.WARNING, "skald"):
        lm.generate("Once", max_tokens=1, temperature=0, top_p=0.5)
    assert any("top_p" in record.getMessage() for record in caplog.records)


def processors(model, function, **options):
    config = skald.options.config_of({"max_tokens": 5, "temperature": 0, **options})
    return skald._native.start(model, ["Once"], config, skald.Door.llm, **function)


def test_processors_of_ones_own(model):
    def only_five(view, scores):
        assert scores.shape == (model.info["vocab_size"],) and view[2].dtype == numpy.int32
        scores[:] = -numpy.inf
        scores[5] = 0
        return scores

    [completion] = processors(model, {"logits_processors": [only_five]}).wait()
    assert completion.token_ids == [5] * 5


def test_what_a_callback_raises_arrives_as_itself(model):
    class Mine(Exception):
        pass

    def fails(*_):
        raise Mine("here")

    for kind in ("logits_processors", "stopping_criteria", "group_logits_processors"):
        with pytest.raises(Mine, match="here"):
            processors(model, {kind: [fails]}).wait()
    with pytest.raises(Mine, match="here"):
        processors(model, {"prefix_allowed_tokens_fn": fails}).wait()
    with pytest.raises(TypeError, match="returns scores"):
        processors(model, {"logits_processors": [lambda view, scores: None]}).wait()
    assert processors(model, {}).wait()


def test_a_callback_cannot_enter_the_engine(model):
    def again(view, scores):
        processors(model, {}).wait()

    with pytest.raises(skald.UsageError):
        processors(model, {"logits_processors": [again]}).wait()


def test_callbacks_are_let_go_of(model):
    def function(view, scores):
        return scores

    alive = weakref.ref(function)
    call = processors(model, {"logits_processors": [function]})
    call.wait()
    del call, function
    for _ in range(50):
        gc.collect()
        if alive() is None:
            return
        time.sleep(0.02)
    raise AssertionError("the callback is still held")


def interrupted_after(seconds, work):
    """Seconds from the signal until KeyboardInterrupt was there."""
    sent = []

    def send():
        time.sleep(seconds)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        work()
    took = time.monotonic() - sent[0]
    thread.join()
    return took


def ends_soon(seconds, work, tries=4):
    """Whether the signal ends the work within 200 ms; the machine may be busy with other things at a try."""
    return any(interrupted_after(seconds, work) < 0.2 for _ in range(tries))


def test_ctrl_c_stops_a_call(lm):
    assert ends_soon(0.2, lambda: lm.generate("Once", **LONG))
    assert ends_soon(0.2, lambda: list(lm.generate("Once", stream=True, **LONG)))
    assert lm.generate("Once", max_tokens=2)


def test_ctrl_c_stops_what_is_not_generation_too(lm):
    text = [5] * 1000
    for work in (
        lambda: lm.score([text] * 200),
        lambda: lm.embed([text] * 200),
        lambda: list(lm.generate_many(["Once"] * 50, **LONG)),
        lambda: lm.session("Once", max_new_tokens=900, min_new_tokens=900).generate(900),
    ):
        assert ends_soon(0.1, work)
    assert lm.score("Once upon a time").total < 0


def test_the_lock_is_free_while_the_engine_works(lm):
    """Another thread counts on while a call runs."""
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    lm.generate("Once", max_tokens=200, min_tokens=200)
    done.set()
    thread.join()
    assert counted[0] > 20


def test_threads_share_a_model(lm):
    expected = [lm.generate("Once", max_tokens=20, seed=seed)["text"] for seed in range(6)]
    got = [None] * 6

    def work(seed):
        got[seed] = lm.generate("Once", max_tokens=20, seed=seed)["text"]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


def running(model):
    return model.statistics["rows"]


def test_a_stream_that_is_let_go_of_ends_its_call(lm):
    stream = skald.turbo(MODEL).generate("Once", max_new_tokens=900, min_new_tokens=900, stream=True)
    next(stream)
    stream.close()
    assert list(stream) == []
    events = lm.generate("Once", stream=True, **LONG)
    next(events)
    del events
    gc.collect()
    time.sleep(0.3)
    rows = running(lm.model)
    time.sleep(0.3)
    assert running(lm.model) == rows


def test_a_stream_outlives_its_model():
    lm = skald.LLM(MODEL)
    stream = lm.generate("Once", stream=True, max_tokens=30, min_tokens=30, seed=1)
    next(stream)
    del lm
    gc.collect()
    assert list(stream)[-1]["finish_reason"] == "length"


def test_the_interpreter_may_end_while_calls_run():
    code = f"""
import skald, threading, sys
lm = skald.LLM({str(MODEL)!r})
def slow(view, scores):
    return scores
config = skald.options.config_of({{"max_tokens": 900, "min_tokens": 900}})
calls = [skald._native.start(lm.model, ["Once"], config, skald.Door.llm, logits_processors=[slow]) for _ in range(3)]
stream = lm.generate("Once", stream=True, max_tokens=900, min_tokens=900)
next(stream)
thread = threading.Thread(target=lambda: list(lm.generate("Once", stream=True, max_tokens=900)), daemon=True)
thread.start()
"""
    assert in_new_process(code) == (0, "", "")


def test_a_forked_process_is_told(lm):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            lm.generate("Once", max_tokens=1)
            answer = "went on"
        except skald.UsageError as error:
            answer = str(error)
        except BaseException as error:
            answer = repr(error)
        os.write(writer, answer.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert "forked" in answer.read()
    assert os.waitpid(child, 0)[1] == 0


def test_loading_is_stopped_by_what_progress_raises():
    class Enough(Exception):
        pass

    def stop(fraction):
        raise Enough

    with pytest.raises(Enough):
        skald.load(MODEL, progress=stop)


def test_memory_stays_flat(model):
    """Loads and short calls leave nothing behind."""

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def work(loads, calls):
        for _ in range(loads):
            skald.load(MODEL)
        config = skald.options.config_of({"max_tokens": 1, "temperature": 0, "prefix_cache": False})
        for _ in range(calls):
            skald.calls.complete(model, [[5, 6]], config, skald.Door.llm)

    work(10, 300)
    before = resident()
    work(20, 600)
    assert resident() - before < 8 << 20


ENDS = {
    "exit": "",
    "let_go": "del lm",
    "let_go_midway": "call = begin(900); call.next(); del call, lm",
    "exit_midway": "call = begin(900); call.next()",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_model_ends_right_behind_a_call_with_code_of_ones_own(end):
    """The engine lets go of the code on its own thread, which asks for the interpreter's lock."""
    code = f"""
import skald
lm = skald.LLM({str(MODEL)!r})
def begin(n):
    config = skald.options.config_of({{"max_tokens": n, "min_tokens": n}})
    hooks = {{"logits_processors": [lambda view, scores: scores]}}
    return skald._native.start(lm.model, ["Once"], config, skald.Door.llm, stream=True, **hooks)
for _ in range(3):
    begin(3).wait()
{ENDS[end]}
"""
    for _ in range(2):
        assert in_new_process(code) == (0, "", "")
