"""Many prompts: order, bounded memory, errors in their place, files that are gone on with."""

import json

import pytest
import skald


def test_results_come_in_order_as_prompts_are_taken(lm):
    taken = []

    def prompts():
        for i in range(40):
            taken.append(i)
            yield f"Story {i}"

    results = lm.generate_many(prompts(), max_tokens=4, temperature=0)
    first = next(results)
    assert first["text"] == lm.generate("Story 0", max_tokens=4, temperature=0)["text"]
    rest = [result["text"] for result in results]
    assert rest == [lm.generate(f"Story {i}", max_tokens=4, temperature=0)["text"] for i in range(1, 40)]
    assert taken == list(range(40))


def test_at_most_so_many_are_held(lm):
    taken = 0

    def questions():
        nonlocal taken
        for _ in range(50):
            taken += 1
            yield lambda: ([5, 6], skald.options.config_of({"max_tokens": 1}))

    for done, _ in enumerate(skald.batches.run(lm.model, questions(), skald.Door.llm, ahead=7)):
        assert taken <= done + 7


def test_answers_are_those_of_one_call(lm):
    prompts = ["Once", "The king", "Once"]
    texts = [result["text"] for result in lm.generate_many(prompts, max_tokens=12, seed=5)]
    assert texts == [result["text"] for result in lm.generate(prompts, max_tokens=12, seed=5)]
    free = {result["text"] for result in lm.generate_many(["Once"] * 4, max_tokens=12)}
    assert len(free) > 1, "without a seed each draws its own"


def test_a_prompt_that_is_none(lm):
    with pytest.raises(TypeError, match="not int"):
        list(lm.generate_many(["Once", 3], max_tokens=2))
    results = list(lm.generate_many(["Once", 3, [10**7], "The"], max_tokens=2, on_error="return"))
    assert ["error" in result for result in results] == [False, True, True, False]
    with pytest.raises(ValueError, match="on_error"):
        lm.generate_many([], on_error="ignore")
    with pytest.raises(skald.OptionError, match="top_p"):
        lm.generate_many(["Once"], top_p=3)

    def fails():
        yield "Once"
        raise KeyError("midway")

    with pytest.raises(KeyError, match="midway"):
        list(lm.generate_many(fails(), max_tokens=2))


LINES = [
    '"The fox"',
    "[5, 6, 7]",
    "",
    '{"prompt": "The wolf", "max_new_tokens": 3, "n": 2, "seed": 9}',
    '{"text": "no prompt"}',
    '{"prompt": "The king", "temprature": 1}',
    "not JSON",
    '{"prompt": [5], "top_p": 7}',
    '"The end"',
]


def test_files(lm, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(LINES))
    assert lm.generate_file(source, target, max_tokens=5, seed=4) == {"prompts": 8, "failures": 4}
    answers = [json.loads(line) for line in target.read_text().splitlines()]
    assert [answer["prompt_index"] for answer in answers] == [0, 1, 2, 2, 3, 4, 5, 6, 7]
    assert answers[0]["text"] == lm.generate("The fox", max_tokens=5, seed=4)["text"]
    assert answers[1]["text"] == lm.generate([5, 6, 7], max_tokens=5, seed=4)["text"]
    assert [len(answers[i]["token_ids"]) for i in (2, 3)] == [3, 3]
    errors = [answer["error"] for answer in answers if "error" in answer]
    assert "prompt" in errors[0] and "temperature" in errors[1] and "top_p" in errors[3]


def test_a_file_is_gone_on_with_wherever_it_broke_off(lm, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(LINES))
    lm.generate_file(source, target, max_tokens=5, seed=4)
    whole = target.read_bytes()
    for end in {*range(0, len(whole), 41), len(whole)}:
        target.write_bytes(whole[:end])
        lm.generate_file(source, target, max_tokens=5, seed=4, resume=True)
        assert target.read_bytes() == whole, end
    target.unlink()
    lm.generate_file(source, target, max_tokens=5, seed=4, resume=True)
    assert target.read_bytes() == whole


def test_what_files_are_none(lm, tmp_path):
    with pytest.raises(FileNotFoundError):
        lm.generate_file(tmp_path / "missing", tmp_path / "out")
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('"Once"\n')
    target.write_text("precious")
    with pytest.raises(skald.OptionError):
        lm.generate_file(source, target, top_p=3)
    assert target.read_text() == "precious"


def test_progress_is_shown_where_asked_for(lm, capsys, monkeypatch):
    monkeypatch.setattr(skald.progress, "_SLOW", 0)
    monkeypatch.setattr(skald.progress, "_STEP", 0)
    list(lm.generate_many(["Once", "The"], max_tokens=2, progress=True))
    shown = capsys.readouterr().err
    assert "generating [####################" in shown and shown.endswith("\r\033[K")
    list(lm.generate_many(iter(["Once", "The"]), max_tokens=2, progress=True))
    assert "2, " in capsys.readouterr().err
    list(lm.generate_many(["Once", "The"], max_tokens=2))
    assert capsys.readouterr().err == ""
