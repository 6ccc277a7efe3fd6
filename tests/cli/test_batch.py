"""Files of prompts: order, options and errors of a line, bounded memory, and going on after a kill."""

import json
import os
import signal
import subprocess
import time

import pytest
from conftest import BINARY, PATIENCE, Terminal, refused, run

SHORT = ("--max-tokens", "6", "--seed", "5")


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def batch(model, source, *arguments, **options):
    return run("generate", model, "--batch-file", source, *arguments, **options)


def answers(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def story(i):
    return {"prompt": f"The {i}th king", "max_new_tokens": 1 + i % 7, "temperature": 0.5 + i % 3 / 4}


def test_answers_stand_in_order_with_options_of_their_own(model, tmp_path):
    source = write_lines(tmp_path / "in.jsonl", [story(i) for i in range(20)])
    result = batch(model, source, "--output-file", tmp_path / "out.jsonl", "--seed", "3")
    assert (result.code, result.out, result.err) == (0, "", "")
    lines = answers(tmp_path / "out.jsonl")
    assert [line["prompt_index"] for line in lines] == list(range(20))
    for i in (0, 6, 13):
        alone = run(
            "generate", model, "--prompt", story(i)["prompt"], "--seed", "3", "--json",
            "--max-tokens", str(story(i)["max_new_tokens"]), "--temperature", str(story(i)["temperature"]),
        ).json  # fmt: skip
        assert lines[i] == {**alone, "prompt_index": i}


def test_a_line_goes_before_the_flags(model, tmp_path):
    lines = ["Once", {"prompt": "Once", "max_new_tokens": 2, "num_return_sequences": 2, "do_sample": False}]
    source = write_lines(tmp_path / "in.jsonl", lines)
    out = batch(model, source, "--json", *SHORT, "--min-tokens", "6").lines
    assert len(out[0]["token_ids"]) == 6
    assert "2" in out[1]["error"] and "min_new_tokens" in out[1]["error"]  # 6 at least and 2 at most
    out = batch(model, source, "--json", *SHORT, "--num-beams", "2").lines
    assert [(line["prompt_index"], line["index"], len(line["token_ids"])) for line in out[1:]] == [(1, 0, 2), (1, 1, 2)]


BAD = [
    ('{"prompt": "x", "temprature": 1}', "did you mean"),
    ('{"prompt": "x", "temperature": -1}', "temperature"),
    ('{"prompt": "x", "max_new_tokens": "many"}', "max_new_tokens"),
    ('{"temperature": 1}', "must be a string, an array of token ids"),
    ('{"prompt": {"prompt": "x"}}', "must be a string, an array of token ids"),
    ("nonsense", "line 2"),
    ("[1, 99999999]", "99999999"),
    ('"a" "b"', "line 2"),
    ('{"prompt": "a", "prompt": "b"}', "line 2"),
]


@pytest.mark.parametrize(("line", "wanted"), BAD)
def test_what_is_wrong_with_a_line_is_its_answer(model, tmp_path, line, wanted):
    source = tmp_path / "in.jsonl"
    source.write_text(f'"The king"\n{line}\n"A fox"\n')
    result = batch(model, source, "--output-file", tmp_path / "out.jsonl", *SHORT)
    first, wrong, last = answers(tmp_path / "out.jsonl")
    assert result.code == 1
    assert set(wrong) == {"prompt_index", "error"} and wrong["prompt_index"] == 1
    assert "in.jsonl line 2" in wrong["error"] and wanted in wrong["error"]
    assert (first["prompt_index"], last["prompt_index"]) == (0, 2) and first["text"] and last["text"]
    assert result.err.startswith("skald: 1 of 3 prompts failed, the first: ") and result.err.count("\n") == 1
    assert wrong["error"].split(":")[0] in result.err


def test_text_for_people_goes_on_too(model, tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_text('"The king"\n\n7\n"A fox"\n')
    result = batch(model, source, *SHORT)
    assert result.code == 1
    assert (
        result.out.startswith("--- prompt 1, completion 1 ---\n") and "--- prompt 3, completion 1 ---\n" in result.out
    )
    assert "in.jsonl line 3" in result.err and result.err.endswith("skald: 1 of 3 prompts failed\n")


def test_options_that_fit_no_prompt_refuse_the_run(model, tmp_path):
    source = write_lines(tmp_path / "in.jsonl", ["a", "b"])
    message = refused("generate", model, "--batch-file", source, "--min-tokens", "9", "--max-tokens", "3", "--json")
    assert "--min-new-tokens" in message


def test_an_input_is_not_written_over(model, tmp_path):
    source = write_lines(tmp_path / "in.jsonl", ["a"])
    assert "written over" in refused("generate", model, "--batch-file", source, "--output-file", source)
    assert answers(source) == ["a"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--batch-file", "in.jsonl"],
        ["--prompt", "x", "--output-file", "out.jsonl"],
        ["--batch-file", "in.jsonl", "--output-file", "out.txt"],
        ["--batch-file", "in.jsonl", "--output-file", "out.jsonl", "--events"],
    ],
)
def test_resume_needs_both_files(arguments):
    assert refused("generate", "--resume", *arguments).startswith("--resume: goes with --batch-file")


@pytest.fixture(scope="module")
def long_run(model, tmp_path_factory):
    """A file of prompts with wrong lines and several completions, the answers of an unbroken run, its flags."""
    folder = tmp_path_factory.mktemp("batch")
    lines = [story(i) if i % 5 else {"prompt": f"A fox {i}", "num_return_sequences": 3} for i in range(150)]
    lines[7], lines[70], lines[149] = 7, {"prompt": "x", "nonsense": 1}, [99999999]
    source = write_lines(folder / "in.jsonl", lines)
    flags = ("--max-tokens", "24", "--seed", "11", "--threads", "1")
    assert batch(model, source, "--output-file", folder / "whole.jsonl", *flags).code == 1
    return source, (folder / "whole.jsonl").read_bytes(), flags


def kill_after(arguments, out, n_bytes):
    """Runs skald and kills it once `out` has so many bytes; False where it ended before."""
    with subprocess.Popen([BINARY, *map(os.fspath, arguments)], stderr=subprocess.PIPE) as process:
        end = time.monotonic() + PATIENCE
        while process.poll() is None and (not out.exists() or out.stat().st_size < n_bytes):
            assert time.monotonic() < end
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def test_a_killed_run_goes_on(model, tmp_path, long_run):
    source, whole, flags = long_run
    out = tmp_path / "out.jsonl"
    arguments = ["generate", model, "--batch-file", source, "--output-file", out, "--resume", *flags]
    killed = 0
    for share in (0, 0.1, 0.35, 0.6, 0.61, 0.85, 0.99):
        killed += kill_after(arguments, out, share * len(whole))
        if out.exists():  # whatever is there in whole lines is right already
            text = out.read_bytes()
            assert whole.startswith(text[: text.rfind(b"\n") + 1])
    assert killed >= 4
    assert run(*arguments).code in (0, 1)
    assert out.read_bytes() == whole


def test_every_torn_end_is_mended(model, tmp_path, long_run):
    source, whole, flags = long_run
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    cuts = [0, 1, ends[0] - 1, ends[0], ends[1] + 20, ends[60], ends[61] - 1, ends[-2], len(whole) - 1, len(whole)]
    for cut in cuts:
        out = tmp_path / "out.jsonl"
        out.write_bytes(whole[:cut])
        run("generate", model, "--batch-file", source, "--output-file", out, "--resume", *flags)
        assert out.read_bytes() == whole, cut


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a story\n", "is no answer of --batch-file"),
        ('{"event": "text"}\n', "is an event"),
        ('{"prompt_index": 0, "text": "a"}\n{"prompt_index": 2, "text": "b"}\n', "must be 1"),
        ('{"prompt_index": 0, "text": "a"}\n{"prompt_index": 1, "text": "b"}\n{"prompt_index": 2, "e": 1}\n', "only 2"),
        ('{"prompt_index": -1, "text": "a"}\n', "is no answer"),
        ("\0" * 100 + "\n", "is no answer"),
    ],
)
def test_what_another_program_wrote_is_left_alone(model, tmp_path, text, wanted):
    source = write_lines(tmp_path / "in.jsonl", ["a", "b"])
    out = tmp_path / "out.jsonl"
    out.write_text(text)
    message = refused("generate", model, "--batch-file", source, "--output-file", out, "--resume")
    assert wanted in message and out.read_text() == text


def peak_kib(arguments):
    with subprocess.Popen([BINARY, *map(os.fspath, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as p:
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    assert p.returncode == 1
    return usage.ru_maxrss


def test_memory_does_not_grow_with_the_file(model, tmp_path):
    few, many = tmp_path / "few.jsonl", tmp_path / "many.jsonl"
    line = '{"prompt": "The king", "no": "' + "x" * 100 + '"}\n'  # refused: reading and writing is all there is to do
    few.write_text(line * 1000)
    many.write_text(line * 400_000)  # 52 MB
    base = peak_kib(["generate", model, "--batch-file", few, "--json"])
    assert peak_kib(["generate", model, "--batch-file", many, "--json"]) < base + 8 * 1024


def test_a_bar_on_a_terminal_only(model, tmp_path):
    source = write_lines(tmp_path / "in.jsonl", [f"The {i}th king" for i in range(64)])
    arguments = ["generate", model, "--batch-file", source, "--output-file", tmp_path / "out.jsonl", "--threads", "1"]
    assert run(*arguments, "--max-tokens", "100", "--ignore-eos").err == ""
    code, text = Terminal(*arguments, "--max-tokens", "100", "--ignore-eos", streams=(2,)).finish()
    assert code == 0 and "generating [" in text
