"""Token healing: the prompt's last token is chosen anew among those that begin with its text."""

import json

import pytest
from conftest import run

GREEDY = ("--no-sample", "--max-new-tokens", "8", "--json", "--quiet")


def decoded(model, ids):
    result = run("tokenize", model, "--decode", ",".join(map(str, ids)), "--json")
    assert result.code == 0, result.err
    return json.loads(result.out)["text"]


@pytest.mark.parametrize("prompt", ["The old ki", "He said to the prin", "Once upon a time", "  a gi\n"])
def test_the_text_reads_on(prompt, model):
    healed = run("generate", "--prompt", prompt, "--token-healing", *GREEDY).lines[0]
    ids = healed["healed_prompt"]
    assert decoded(model, ids + healed["token_ids"]) == prompt.strip() + healed["text"]
    again = run("generate", "--ids", ",".join(map(str, ids)), *GREEDY).lines[0]
    assert again["token_ids"] == healed["token_ids"]
    assert healed["prompt_tokens"] == len(ids)


def test_a_cut_word_is_mended():
    plain = run("generate", "--prompt", "The old ki", *GREEDY).lines[0]
    healed = run("generate", "--prompt", "The old ki", "--token-healing", *GREEDY).lines[0]
    assert "healed_prompt" not in plain
    assert plain["text"].startswith("-") and healed["text"].startswith("d, ")


def test_in_every_strategy_and_in_streams():
    for flags in (("--seed", "3"), ("--num-beams", "3"), ("--penalty-alpha", "0.5", "--top-k", "4")):
        given = ("generate", "--prompt", "He said to the prin", "--token-healing", "--max-new-tokens", "8", *flags)
        lines = run(*given, "--json", "--quiet").lines
        assert lines[0]["text"].startswith("ces"), flags
        assert run(*given, "--quiet").out == lines[0]["text"] + "\n"


def test_sessions_refuse_it(tmp_path):
    file = tmp_path / "story.session"
    result = run("generate", "--prompt", "a", "--guided", "--session", file, "--token-healing")
    assert result.code == 2
    assert "token_healing" in result.err or "token-healing" in result.err
