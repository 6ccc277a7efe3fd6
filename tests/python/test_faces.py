"""turbo, LLM, Generator: what users type, and what comes back."""

import json
import subprocess

import numpy
import pytest
import skald
from conftest import MODEL, in_new_process

PROMPT = "Once upon a time"


def test_turbo_answers_with_text(story):
    text = story.generate(PROMPT, max_new_tokens=12, do_sample=False)
    assert isinstance(text, str) and text
    assert story.generate(PROMPT, max_new_tokens=12, temperature=0) == text
    assert "".join(story.generate(PROMPT, max_new_tokens=12, do_sample=False, stream=True)) == text


def test_turbo_takes_lists(story):
    both = story.generate([PROMPT, "The king"], max_new_tokens=8, do_sample=False)
    assert both == [story.generate(p, max_new_tokens=8, do_sample=False) for p in (PROMPT, "The king")]
    with pytest.raises(TypeError, match="one prompt"):
        story.generate([PROMPT], stream=True)


def test_turbo_cuts_at_stop_strings(story):
    whole = story.generate(PROMPT, max_new_tokens=30, do_sample=False)
    word = whole.split()[4]
    assert story.generate(PROMPT, max_new_tokens=30, do_sample=False, stop_strings=[word]) == whole[: whole.index(word)]
    assert story.generate(PROMPT, max_new_tokens=30, do_sample=False, stop_strings=word) == whole[: whole.index(word)]


def test_turbo_tells_what_it_loaded(capsys):
    assert capsys.readouterr().err == ""
    report = skald.turbo(MODEL, verbose=True, bits=8).report()
    assert "parameters" in capsys.readouterr().err
    assert report["architecture"] == "llama" and report["device"] == "cpu"
    assert report["weight_bytes"] < skald.load(MODEL).weight_bytes


def test_turbo_chats(story):
    messages = [{"role": "user", "content": "Tell me a story about a fox."}]
    answer = story.chat(messages, max_new_tokens=10, do_sample=False)
    assert answer and answer == "".join(story.chat(messages, max_new_tokens=10, do_sample=False, stream=True))


def test_doors_have_their_defaults():
    turbo = json.loads(skald._native.door_defaults(skald.Door.turbo))
    assert turbo == {
        "max_new_tokens": 512,
        "do_sample": True,
        "temperature": 0.7,
        "top_k": 50,
        "top_p": 0.9,
        "repetition_penalty": 1.1,
    }
    assert json.loads(skald._native.door_defaults(skald.Door.llm)) == {"max_new_tokens": 512, "do_sample": True}


def test_llm_gives_dicts(lm):
    result = lm.generate(PROMPT, max_tokens=5, temperature=0, return_token_ids=True)
    assert set(result) == {"text", "token_ids", "finish_reason", "_raw_response"}
    assert result["finish_reason"] == "length" and lm.decode(result["token_ids"]) == result["text"]
    raw = result["_raw_response"]
    assert raw["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
    assert raw["choices"][0]["text"] == result["text"]
    assert "text" not in lm.generate(PROMPT, max_tokens=2, return_text=False)


def test_llm_takes_ids_of_any_kind(lm):
    ids = lm.encode(PROMPT)
    expected = lm.generate(PROMPT, max_tokens=6, temperature=0)["text"]
    for same in (ids, tuple(ids), numpy.array(ids), numpy.array(ids * 2, dtype=numpy.int32)[: len(ids)]):
        assert lm.generate(same, max_tokens=6, temperature=0)["text"] == expected
    strided = numpy.array([[i, 0] for i in ids])[:, 0]
    strided.flags.writeable = False
    assert lm.generate(strided, max_tokens=6, temperature=0)["text"] == expected


def test_llm_gives_a_list_for_several(lm):
    three = lm.generate(PROMPT, max_tokens=4, n=3, seed=5)
    assert [set(one) for one in three] == [{"text", "finish_reason", "_raw_response"}] * 3
    assert len({one["text"] for one in three}) > 1
    by_prompt = lm.generate([PROMPT, lm.encode("The king")], max_tokens=4, n=2, seed=5)
    assert [len(some) for some in by_prompt] == [2, 2]
    assert by_prompt[0][0]["text"] == three[0]["text"]


def test_llm_knows_other_names(lm):
    same = lm.generate(PROMPT, max_new_tokens=3, do_sample=False, seed=1)
    assert same == lm.generate(PROMPT, max_tokens=3, temperature=0, seed=1)
    assert lm.generate(PROMPT, max_tokens=3, top_k=-1, seed=1) == lm.generate(PROMPT, max_tokens=3, top_k=0, seed=1)
    with pytest.raises(TypeError, match="same option"):
        lm.generate(PROMPT, max_tokens=3, max_new_tokens=4)


def test_llm_logprobs_and_scores_agree(lm):
    result = lm.generate(PROMPT, max_tokens=4, temperature=0, logprobs=2, return_token_ids=True)
    score = lm.score(result["token_ids"], given=lm.encode(PROMPT))
    assert [entry["logprob"] for entry in result["logprobs"]] == [entry.logprob for entry in score.logprobs]
    assert all(len(entry["top"]) == 2 for entry in result["logprobs"])
    assert score.perplexity == pytest.approx(numpy.exp(-score.total / 4))


def test_llm_streams_dicts(lm):
    whole = lm.generate(PROMPT, max_tokens=9, n=2, seed=2)
    texts = ["", ""]
    for event in lm.generate(PROMPT, max_tokens=9, n=2, seed=2, stream=True):
        texts[event["index"]] += event["text"]
        last = event
    assert texts == [one["text"] for one in whole] and last["finish_reason"] == "length"


def test_arrays_are_views_that_live_on(model):
    config = skald.GenerationConfig.from_json(
        '{"max_new_tokens": 3, "do_sample": false, "output_scores": true, "output_hidden_states": true, '
        '"output_attentions": true}'
    )
    [completion] = skald._native.start(model, [PROMPT], config, skald.Door.library).wait()
    scores, states, attentions = completion.scores, completion.hidden_states, completion.attentions
    del completion
    assert scores.shape == (3, model.info["vocab_size"]) and not scores.flags.writeable
    assert states.shape == (6, model.info["layers"] + 1, model.info["hidden_size"])
    assert [row.shape[-1] for row in attentions] == [1, 2, 3, 4, 5, 6]
    assert numpy.allclose(attentions[3].sum(axis=-1), 1, atol=1e-5)


def test_generator_continues_its_prompt():
    generator = skald.Generator(skald.load_model(MODEL), temperature=0)
    text = generator.generate("The dragon", max_tokens=8)
    assert text.startswith("The dragon") and len(text) > len("The dragon")
    assert generator.generate("The dragon", max_tokens=8, return_full_text=False) == text[len("The dragon") :]
    assert "".join(generator.stream("The dragon", max_tokens=8)) == text[len("The dragon") :]
    assert generator.batch_generate(["The dragon", "The fox"], max_tokens=8)[0] == text


def test_sessions(lm, tmp_path):
    session = lm.session(PROMPT, temperature=0, max_tokens=40)
    first = session.generate(6)
    assert first == lm.generate(PROMPT, max_tokens=6, temperature=0)["text"] == session.text
    best = session.alternatives(3)
    assert best[0].probability >= best[1].probability >= best[2].probability
    other = session.fork().force(best[1].token)
    assert other.text == first + best[1].text and session.text == first
    session.save(tmp_path / "session.json")
    again = lm.load_session(tmp_path / "session.json")
    assert again.undo().text == first and again.undo(100).text == ""
    assert "graph" in session.to_mermaid()


def test_the_command_gives_the_same(lm):
    """One engine behind all doors."""
    import os

    command = os.environ.get("SKALD_CLI")
    if not command:
        pytest.skip("SKALD_CLI names no command")
    arguments = [command, "generate", str(MODEL), "--prompt", PROMPT, "--max-tokens", "9", "--seed", "4", "--json"]
    told = json.loads(subprocess.run(arguments, capture_output=True, check=True).stdout)
    assert told["token_ids"] == lm.generate(PROMPT, max_tokens=9, seed=4, return_token_ids=True)["token_ids"]


def test_import_is_quick_and_without_torch():
    code = (
        "import time, sys; t = time.process_time(); import skald; "
        "print(time.process_time() - t, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    seconds = []
    for _ in range(5):
        status, out, err = in_new_process(code)
        assert status == 0, err
        elapsed, torch, transformers = out.split()
        assert (torch, transformers) == ("False", "False")
        seconds.append(float(elapsed))
    assert min(seconds) < 0.1
