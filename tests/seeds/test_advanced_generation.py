"""Every command of FundamentaLLM's documents on generation, under our names, and what they promise of it."""

import json
import re

import pytest
from commands import ROOT, Terminal, completions, generate, run

ONCE = ["--prompt", "Once upon a time"]
SHORT = ["--max-tokens", "24"]
COMMANDS = {
    "cautious": ["--prompt", "The cat", "--temperature", "0.3"],
    "balanced": ["--prompt", "The cat", "--temperature", "0.8"],
    "bold": ["--prompt", "The cat", "--temperature", "1.5"],
    "top-k": [*ONCE, "--top-k", "40", "--temperature", "0.8"],
    "top-p": [*ONCE, "--top-p", "0.9", "--temperature", "0.8"],
    "both": [*ONCE, "--temperature", "0.8", "--top-k", "50", "--top-p", "0.9"],
    "repetition": ["--prompt", "The cat", "--repetition-penalty", "1.2"],
    "frequency": ["--prompt", "The cat", "--frequency-penalty", "0.1"],
    "presence": ["--prompt", "The cat", "--presence-penalty", "0.5"],
    "beams": [*ONCE, "--beam-width", "5", "--no-sample"],
    "creative": [*ONCE, "--temperature", "1.0", "--top-p", "0.95", "--repetition-penalty", "1.1"],
    "factual": [*ONCE, "--temperature", "0.5", "--top-k", "20", "--top-p", "0.85"],
    "diverse": [*ONCE, "--temperature", "1.2", "--top-p", "0.95", "--repetition-penalty", "1.3"],
    "first": ["--prompt", "The wizard", "--temperature", "0.8", "--top-p", "0.9"],
    "story": ["--prompt", "Write a short story:", "--temperature", "1.2", "--top-p", "0.9"],
    "code": ["--prompt", "def fibonacci(n):", "--temperature", "0.3", "--top-p", "0.95"],
    "completion": ["--prompt", "The quick brown", "--temperature", "0.7"],
    "poem": ["--prompt", "Roses are red,", "--temperature", "1.0", "--top-k", "40"],
    "question": ["--prompt", "Q: What is AI? A:"],
}


def distinct(words):
    return len(set(words)) / len(words)


@pytest.mark.parametrize("profile", ["hf", "fllm"])
@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_command_of_the_documents(model, arguments, profile):
    ask = [*arguments, *SHORT, "--seed", "42", "--profile", profile]
    (one,) = completions(*ask)
    assert one["text"].strip() and 0 < len(one["token_ids"]) <= 24
    assert generate(*ask) == one["text"] + "\n"


def test_a_seed_repeats_and_seeds_differ(model):
    texts = {seed: generate(*ONCE, *SHORT, "--seed", str(seed)) for seed in range(4)}
    assert texts[3] == generate(*ONCE, *SHORT, "--seed", "3")
    assert len(set(texts.values())) == 4


@pytest.mark.parametrize("greedy", [["--temperature", "0"], ["--temperature", "0.0"], ["--top-k", "1"]])
def test_temperature_zero_and_one_candidate_are_greedy(model, greedy):
    wanted = generate(*ONCE, *SHORT, "--no-sample")
    assert {generate(*ONCE, *SHORT, *greedy, "--seed", str(seed)) for seed in range(3)} == {wanted}


def test_high_temperature_has_more_variety(model):
    def texts(temperature):
        ask = ["--prompt", "The cat", "--num-samples", "10", "--max-tokens", "12", "--seed", "1"]
        return [tuple(one["token_ids"][:3]) for one in completions(*ask, "--temperature", temperature)]

    assert distinct(texts("0.1")) < distinct(texts("1.5"))


@pytest.mark.parametrize("count", [5, 10])
def test_samples_differ(model, count):
    found = completions(*ONCE, "--num-samples", str(count), "--temperature", "0.9", *SHORT, "--seed", "1")
    assert [one["index"] for one in found] == list(range(count))
    assert len({one["text"] for one in found}) == count


@pytest.mark.parametrize(
    "penalty", [{"--repetition-penalty": "1.2"}, {"--frequency-penalty": "0.5"}, {"--presence-penalty": "1.5"}]
)
def test_penalties_repeat_less(model, penalty):
    ask = ["--prompt", "The cat", "--profile", "fllm", "--max-tokens", "120", "--no-sample", "--ignore-eos"]
    off = {"--repetition-penalty": "1", "--frequency-penalty": "0", "--presence-penalty": "0"}
    (plain,), (less,) = (
        completions(*ask, *(f"{name}={value}" for name, value in options.items())) for options in (off, off | penalty)
    )
    assert distinct(less["token_ids"]) > distinct(plain["token_ids"])


@pytest.mark.parametrize("name", ["--beam-width", "--beam-size", "--num-beams"])
def test_beams_find_what_is_at_least_as_probable(model, name):
    ask = [*ONCE, *SHORT, "--no-sample", "--ignore-eos", "--repetition-penalty", "1", "--logprobs", "0"]
    (greedy,), (beam,) = completions(*ask), completions(*ask, name, "5")
    totals = [sum(step["logprob"] for step in one["logprobs"]) for one in (greedy, beam)]
    assert totals[0] <= totals[1]


def test_length_penalty_prefers_long_or_short(model):
    def length(penalty):
        ask = [*ONCE, "--beam-size", "3", "--no-sample", "--max-tokens", "60", "--stop-tokens", ".", ",", "!"]
        return len(completions(*ask, "--length-penalty", penalty)[0]["token_ids"])

    assert length("-2") <= length("0.5") <= length("1.5") <= length("4")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [[], ["--beam-size", "3", "--no-sample"]], ids=["drawn", "beams"])
def test_bad_words_do_not_appear(model, seed, options):
    words = ["king", "was", "the"]
    text = generate(
        "--prompt", "The king", "--max-tokens", "60", "--seed", str(seed), "--bad-words", ",".join(words), *options
    )
    assert not [word for word in words if word in text]


def test_banned_punctuation(model):
    marks = '[".", ",", "!", "?", ";", ":"]'
    text = generate("--prompt", "Hello", "--max-tokens", "60", "--seed", "1", "--bad-words", marks)
    assert text.strip() and not re.search("[.,!?;:]", text)


@pytest.mark.parametrize("seed", range(3))
def test_wanted_words_do_appear(model, seed):
    text = generate(*ONCE, "--max-tokens", "80", "--seed", str(seed), "--must-include", "dragon,castle,knight")
    assert [word for word in ("dragon", "castle", "knight") if word not in text] == []


@pytest.mark.parametrize("prefix", [" there lived a princess", ", in a castle", "!?"])
def test_a_text_begins_with_its_prefix(model, prefix):
    assert generate(*ONCE, *SHORT, "--seed", "1", "--prefix", prefix).startswith(prefix)


def test_attributes_guide_and_strength_zero_does_not(model):
    ask = [*ONCE, "--max-tokens", "40", "--seed", "1"]
    plain = generate(*ask)
    assert generate(*ask, "--guide-attribute", "positive", "--guide-strength", "0") == plain
    assert generate(*ask, "--guide-attribute", "positive", "--guide-strength", "2.0") != plain


def test_probabilities_are_shown(model):
    text = generate(*ONCE, "--show-probs")
    assert text.startswith("Next token probabilities:\n")
    shown = [float(x) for x in re.findall(r'^  ".*": ([01]\.\d+)', text, re.M)]
    assert len(shown) >= 5 and shown == sorted(shown, reverse=True) and sum(shown) <= 1


def test_lengths(model):
    (one,) = completions(*ONCE, "--max-length", "20", "--seed", "1", "--ignore-eos")
    assert one["prompt_tokens"] + len(one["token_ids"]) == 20 and one["stopped_by"] == "max_length"
    ask = [*ONCE, "--max-length", "200", "--seed", "1", "--logit-bias", '{"0": 50}']
    (at_once,), (late,) = completions(*ask), completions(*ask, "--min-length", "50")
    assert len(at_once["token_ids"]) == 1
    assert late["prompt_tokens"] + len(late["token_ids"]) == 51


def test_it_stops_at_the_end_of_a_sentence(model):
    ask = [*ONCE, "--max-tokens", "200", "--seed", "1"]
    (one,) = completions(*ask, "--stop-tokens", ".", "!", "?")
    assert one["stopped_by"] == "stop_strings" and one["stop_text"] in (".", "!", "?")
    assert not re.search("[.!?]", one["text"])
    (whole,) = completions(*ask, "--stop-tokens", ".", "!", "?", "--include-stop")
    assert whole["text"] == one["text"] + one["stop_text"]


def test_a_stream_shows_what_json_tells_at_the_end(model):
    ask = [*ONCE, *SHORT, "--seed", "9"]
    assert generate(*ask) == generate(*ask, "--no-stream") == completions(*ask)[0]["text"] + "\n"
    terminal = Terminal("generate", "--quiet", *ask, env={"NO_COLOR": "1"})
    code, text = terminal.finish()
    assert code == 0 and text.replace("\r\n", "\n") == "Once upon a time" + generate(*ask)


@pytest.mark.parametrize("seed", range(3))
def test_a_dialogue_has_its_speakers_in_turn(model, seed):
    example = ROOT / "examples" / "dialogue.json"
    text = generate("--prompt", "The two friends talked.\n", "--config", example, "--seed", str(seed))
    speakers = re.findall("Alice: |Bob: ", text)
    assert speakers[:4] == ["Alice: ", "Bob: "] * 2 and text.startswith("Alice: ")


def test_a_user_takes_what_is_offered_or_writes(model):
    result = run("generate", "--guided", "--prompt", "Once upon a", stdin=b"1\n, said the dragon\nquit\n")
    assert result.code == 0, result.err
    assert ", said the dragon" in result.out


def test_several_prompts_in_one_file(model, tmp_path):
    prompts = ["The dragon", "In the forest", "A mysterious letter"]
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    found = completions("--batch-file", file, *SHORT, "--temperature", "0.8", "--seed", "1")
    assert sorted(one["prompt_index"] for one in found) == [0, 1, 2] and all(one["text"] for one in found)
