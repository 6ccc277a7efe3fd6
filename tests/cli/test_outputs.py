"""What comes back beside the text: log-probabilities, arrays, traces, scores, sessions."""

import json
import math
import re

from conftest import Terminal, refused, run

GREEDY = ["--no-sample", "--max-tokens", "4"]


def test_everything_that_was_asked_for():
    flags = ["--logprobs", "2", "--processed-logprobs", "2", "--prompt-logprobs", "1", "--trace"]
    flags += ["--output-scores", "--output-logits", "--output-hidden-states", "--output-attentions"]
    got = run("generate", "--prompt", "The king was", *GREEDY, "--json", "--repetition-penalty", "1.2", *flags).json
    plain = run("generate", "--prompt", "The king was", *GREEDY, "--json", "--repetition-penalty", "1.2").json
    assert got["token_ids"] == plain["token_ids"]
    assert set(plain) < set(got)
    assert got["stopped_by"] == "max_new_tokens"
    rows = got["prompt_tokens"] + 3
    assert len(got["scores"]) == len(got["logits"]) == 4
    assert len(got["hidden_states"]) == len(got["attentions"]) == rows
    for row, layers in enumerate(got["attentions"]):
        for heads in layers:
            for probabilities in heads:
                assert len(probabilities) == row + 1
                assert math.isclose(sum(probabilities), 1, rel_tol=1e-4)
    for step, trace in enumerate(got["trace"]):
        assert trace["processors"][0]["processor"] == "repetition_penalty"
        chosen = trace["candidates"][0]
        assert chosen["token"] == got["token_ids"][step]
        assert math.isclose(math.log(chosen["probability"]), got["logprobs"][step]["logprob"], abs_tol=1e-5)
        assert chosen["logits"][0] == got["logits"][step][chosen["token"]]
        assert chosen["logits"][-1] == got["scores"][step][chosen["token"]]


def test_timings_are_told_with_stats_alone():
    assert "timings" not in run("generate", "--prompt", "A", *GREEDY, "--json").json
    timings = run("generate", "--prompt", "A", *GREEDY, "--json", "--stats").json["timings"]
    assert set(timings) == {
        "queued",
        "prefill",
        "decode",
        "tokens_per_s",
        "cached_prompt_tokens",
        "preemptions",
    }


def test_trace_as_a_table():
    shown = run("generate", "--prompt", "The king", *GREEDY, "--trace", "--suppress-tokens", "316")
    assert "rank" in shown.out
    assert "suppress_tokens" in shown.out
    assert "\x1b" not in shown.out


def test_flags_for_programs_warn_without_json():
    assert "--logprobs has no effect without --json" in run("generate", "--prompt", "A", *GREEDY, "--logprobs", "1").err


def test_show_probs():
    shown = run("generate", "--prompt", "Once upon a", "--show-probs").out
    assert shown.startswith('Next token probabilities:\n  " time": 0.')
    next_tokens = run("generate", "--prompt", "Once upon a", "--show-probs", "--json").json["next"]
    assert len(next_tokens) == 10
    assert next_tokens[0]["text"] == " time"


def test_eval_has_the_numbers_of_generate():
    done = run("generate", "--prompt", "The king", *GREEDY, "--json", "--logprobs", "2").json
    ids = ",".join(map(str, done["token_ids"]))
    scored = run("eval", "--given", "The king", "--ids", ids, "--json", "--logprobs", "2").json
    assert scored["logprobs"] == done["logprobs"]
    assert scored["tokens"] == 4
    assert math.isclose(scored["perplexity"], math.exp(-scored["logprob"] / 4))


def test_eval_of_a_file_in_windows(tmp_path):
    text = tmp_path / "story.txt"
    text.write_text("The king was very angry, and the queen went into the forest. " * 20)
    whole = run("eval", "--file", str(text), "--json").json
    cut = run("eval", "--file", str(text), "--window", "64", "--overlap", "32", "--json").json
    assert whole["tokens"] == cut["tokens"]
    assert cut["perplexity"] > whole["perplexity"] > 1
    assert "perplexity" in run("eval", "--file", str(text)).out
    assert run("eval", "--text", "").code == 2
    assert "--overlap" in run("eval", "--text", "a b", "--window", "8", "--overlap", "8").err


def test_guided(tmp_path):
    session = tmp_path / "tale.json"
    flags = ["--guided", "--session", str(session)]
    first = run("generate", "--prompt", "Once upon a", *flags, stdin=b"1\n/go 3\n there\n/back\nquit\n")
    assert first.code == 0, first.err
    assert first.out.startswith(" time")
    assert '1. " time"' in first.err
    saved = json.loads(session.read_text())
    assert saved["format"] == "skald-session"
    again = run("generate", *flags, stdin=b"\nquit\n")
    assert again.code == 0, again.err
    assert again.out.startswith(" time")
    saved["version"] = 9
    session.write_text(json.dumps(saved))
    refused = run("generate", *flags, stdin=b"quit\n")
    assert refused.code == 2
    assert "version" in refused.err
    assert run("generate", "--guided", stdin=b"").code == 2


def test_explain_has_colours_on_a_terminal_only(model):
    arguments = ("generate", model, "--prompt", "Once upon a", "--no-sample", "--max-tokens", "4", "--explain")
    code, shown = Terminal(*arguments).finish()
    assert code == 0 and re.search(r"   1   \x1b\[1;3[123]m", shown) and "entropy" in shown
    piped = run(*arguments).out
    assert "\x1b" not in piped and "entropy" in piped and "   1   " in piped
    assert len(run(*arguments, "--json").json["trace"]) == 4


def test_bars_on_a_terminal_only(model):
    arguments = ("generate", model, "--prompt", "Once upon a", "--show-probs")
    code, shown = Terminal(*arguments).finish()
    assert code == 0 and "\u2588" in shown
    assert "\u2588" not in run(*arguments).out


def test_eval_has_loss_and_accuracy(tmp_path):
    text = "Once upon a time there was a king who had a daughter."
    got = run("eval", "--text", text, "--json", "--logprobs", "1").json
    entries = got["logprobs"]
    assert got["tokens"] == len(entries) > 5
    assert math.isclose(got["loss"], -sum(entry["logprob"] for entry in entries) / len(entries), rel_tol=1e-6)
    assert math.isclose(got["perplexity"], math.exp(got["loss"]), rel_tol=1e-9)
    assert got["accuracy"] == sum(entry["top"][0][0] == entry["token"] for entry in entries) / len(entries) > 0
    plain = run("eval", "--text", text, "--json", "--logprobs", "0").json
    assert plain["accuracy"] == got["accuracy"] and all("top" not in entry for entry in plain["logprobs"])
    assert "logprobs" not in run("eval", "--text", text, "--json").json
    shown = run("eval", "--text", text, "--output-file", tmp_path / "score.txt")
    assert (shown.code, shown.out) == (0, "")
    for part in (f"loss {got['loss']:.4f}", f"accuracy {100 * got['accuracy']:.1f} %"):
        assert part in (tmp_path / "score.txt").read_text()


def test_eval_goes_on_by_a_stride(tmp_path):
    (tmp_path / "text").write_text("The king had a daughter, and she was fair. " * 20)
    arguments = ("eval", "--file", tmp_path / "text", "--window", "64", "--json")
    strided = run(*arguments, "--stride", "16").json
    assert strided == run(*arguments, "--overlap", "48").json
    assert strided["tokens"] == run(*arguments, "--stride", "63").json["tokens"]
    assert strided["loss"] < run(*arguments, "--stride", "63").json["loss"]  # more stands before each token
    assert "--stride" in refused(*arguments, "--stride", "64")
    assert "not both" in refused(*arguments, "--stride", "8", "--overlap", "8")


def test_the_folder_of_an_output_is_made(model, tmp_path):
    out = tmp_path / "new" / "folder" / "story.txt"
    result = run("generate", model, "--ids", "5,6", "--max-tokens", "2", "--temperature", "0", "--output-file", out)
    assert result.code == 0, result.err
    assert out.read_text()
    (tmp_path / "file").write_text("")
    refusal = run(
        "generate", model, "--ids", "5", "--max-tokens", "2", "--output-file", tmp_path / "file" / "story.txt"
    )
    assert refusal.code == 2 and "cannot be written" in refusal.err
