"""Pipes, terminals and signals."""

import os
import re
import signal
import subprocess
import time

import pytest
from conftest import BINARY, PATIENCE, Terminal, run

LONG = ("--prompt", "Once upon a time", "--max-tokens", "900", "--min-tokens", "900", "--seed", "7")


def shell(script, **options):
    done = subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, "SKALD": str(BINARY), **options},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_a_reader_that_leaves_ends_it_quietly(model):
    script = (
        'printf \'"a"\\n%.0s\' {1..50} | "$SKALD" tokenize "$MODEL" --batch-file - | head -1; exit ${PIPESTATUS[1]}'
    )
    code, out, err = shell(script, MODEL=str(model))
    assert (out.count("\n"), err) == (1, "") and code in (0, 141)


def test_a_reader_of_a_story_that_leaves(model):
    script = '"$SKALD" generate "$MODEL" -p Once --max-tokens 600 --min-tokens 600 | head -c 10; exit ${PIPESTATUS[0]}'
    code, out, err = shell(script, MODEL=str(model))
    assert (len(out), err) == (10, "") and code in (0, 141)


def test_a_sigpipe_that_the_parent_ignores_changes_nothing():
    assert shell('trap "" PIPE; "$SKALD" --help | true; exit 0') == (0, "", "")


def test_closed_standard_output_is_told():
    assert shell('"$SKALD" info >&-') == (1, "", "skald: standard output is closed: there is nowhere to write to\n")


def test_full_disk_is_told():
    assert shell('"$SKALD" info > /dev/full') == (
        1,
        "",
        "skald: cannot write to standard output: No space left on device\n",
    )


def test_closed_standard_input_is_told():
    assert shell('"$SKALD" generate <&-') == (2, "", "skald: standard input: is closed: there is nothing to read\n")


def test_closed_streams_are_not_taken_by_files(model):
    code, out, _ = shell('"$SKALD" generate "$MODEL" -p Once --max-tokens 5 --seed 1 <&- 2>&-', MODEL=str(model))
    assert code == 0 and len(out) > 3
    assert shell('"$SKALD" generate "$MODEL" -p Once --max-tokens 5 >&-', MODEL=str(model))[0] == 1


def test_process_substitution_is_a_prompt_file(model):
    script = '"$SKALD" generate "$MODEL" --prompt-file <(printf "The king") --max-tokens 4 --seed 1'
    code, out, err = shell(script, MODEL=str(model))
    assert (code, err) == (0, "") and out


def test_text_comes_as_it_is_made(model):
    with subprocess.Popen([BINARY, "generate", model, *LONG], stdout=subprocess.PIPE, bufsize=0) as process:
        first = process.stdout.read(1)
        assert first and process.poll() is None  # the story goes on
        process.stdout.read()
    assert process.returncode == 0


@pytest.mark.parametrize("form", [(), ("--json",), ("--no-stream", "--num-samples", "4")])
def test_ctrl_c_ends_generation_at_once(model, form):
    terminal = Terminal("generate", model, *LONG, *form, streams=(0, 2))
    time.sleep(0.15)
    seconds, code = terminal.interrupt()
    if code == 0:
        pytest.skip("done before the interrupt")
    assert code == 130
    assert seconds < 3  # 0.2 on a machine at rest, without sanitizers


def test_ctrl_c_while_reading_standard_input():
    process = subprocess.Popen([BINARY, "generate"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[1] == b""
    assert process.returncode == 130


def test_a_terminal_shows_prompt_and_story(model):
    code, text = Terminal("generate", model, "-p", "Once upon a time", "--max-tokens", "12", "--seed", "7").finish()
    story = run("generate", model, "-p", "Once upon a time", "--max-tokens", "12", "--seed", "7").out
    assert code == 0
    assert text == ("\x1b[2mOnce upon a time\x1b[0m" + story).replace("\n", "\r\n")


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_switched_off(model, env):
    _, text = Terminal("generate", model, "-p", "Once", "--max-tokens", "4", "--seed", "7", env=env).finish()
    assert "\x1b" not in text and text.startswith("Once")


def test_control_bytes_never_reach_a_terminal():
    _, text = Terminal("inspect", "no\x1b]0;title\x07model").finish()
    assert "\x1b" not in text and "\\x1b]0;title\\x07" in text


def test_a_prompt_is_escaped_on_a_terminal(model):
    _, text = Terminal("generate", model, "-p", "red \x1b[31m\x9b", "--max-tokens", "2", env={"NO_COLOR": "1"}).finish()
    assert "\x1b" not in text and "red \\x1b[31m\\xc2\\x9b" in text


def test_no_prompt_on_a_terminal_explains():
    code, text = Terminal("generate").finish()
    assert code == 2 and 'skald generate --prompt "Once upon a time"' in text


def test_interactive(model):
    terminal = Terminal("generate", model, "--interactive", "--max-tokens", "8", "--seed", "1", env={"NO_COLOR": "1"})
    terminal.read_until("> ")
    terminal.type("The king\n")
    terminal.read_until("The king\r\nThe king")
    terminal.type("\x04")
    code, text = terminal.finish()
    assert code == 0 and text.endswith("> ^D\r\n")


def test_interactive_commands(model):
    options = ["--max-tokens", "5", "--seed", "2"]
    terminal = Terminal("generate", model, "--interactive", *options, env={"NO_COLOR": "1"})
    steps = [
        ("/help", "/set NAME=VALUE"),
        ("/set temperature=0.5", "Updated: temperature=0.5"),
        ("/set top-k 40", "Updated: top-k=40"),
        ("/status", "  temperature = 0.5"),
        ("/set top_p=7", "skald: --top-p = 7: must be a number in (0, 1]"),
        ("/set", "takes NAME=VALUE"),
        ("/set frobnicate=1", "frobnicate"),
        ("/set num_samples=2", "one answer is shown to each turn"),
        ("/stats", "did you mean /status?"),
        ("/reset", "Back to the options of the start."),
    ]
    for turn, (line, wanted) in enumerate(steps, 1):
        terminal.read_until("\n> " if turn > 1 else "> ", times=max(1, turn - 1))
        terminal.type(line + "\n")
        terminal.read_until(wanted)
    terminal.type("/clear\n")
    terminal.read_until("\x1b[H\x1b[2J")
    terminal.type("/quit\n")
    code, text = terminal.finish()
    assert code == 0 and text.count("  max_new_tokens = 5") == 1 and "  top_k = 40" in text


def test_interactive_options_change_and_go_back(model):
    lines = b"Once\n/set temperature=0\nOnce\n/reset\nOnce\n//set\n/quit\nOnce\n"
    options = ["--max-tokens", "5", "--seed", "2"]
    result = run("generate", model, "--interactive", *options, stdin=lines)
    drawn = run("generate", model, "-p", "Once", *options).out
    greedy = run("generate", model, "-p", "Once", *options, "--temperature", "0").out
    slash = run("generate", model, "-p", "/set", *options).out
    assert (result.code, result.out) == (0, drawn + greedy + drawn + slash)


def test_an_unknown_command_ends_a_script(model):
    result = run("generate", model, "--interactive", stdin=b"/frobnicate\n")
    assert (result.code, result.out) == (2, "") and "'/frobnicate': is not known" in result.err


TENTATIVE = ["--prompt", "The king", "--num-beams", "4", "--max-tokens", "16", "--stream-tentative"]


def test_tentative_text_on_a_terminal_gives_way(model):
    plain = run("generate", model, *TENTATIVE, "--quiet").out
    code, text = Terminal("generate", model, *TENTATIVE, streams=(1,)).finish()
    assert code == 0 and "\x1b7\x1b[2m" in text
    left = re.sub("\x1b7.*?\x1b8", "", text).replace("\x1b[J", "")  # what was tentative, and its erasing
    assert left == "\x1b[2mThe king\x1b[0m" + plain.replace("\n", "\r\n")
    _, dumb = Terminal("generate", model, *TENTATIVE, streams=(1,), env={"TERM": "dumb"}).finish()
    assert dumb == "The king" + plain.replace("\n", "\r\n")


def test_tentative_text_in_events(model):
    *events, completion = run("generate", model, *TENTATIVE, "--json", "--events").lines
    assert all(event["event"] == "text" for event in events)
    assert any(event.get("tentative") for event in events)
    assert "".join(event["text"] for event in events) == completion["text"]
    assert sum((event["token_ids"] for event in events), []) == completion["token_ids"]


def test_tentative_text_that_nobody_sees_is_told(model):
    assert "--stream-tentative shows on a terminal" in run("generate", model, *TENTATIVE).err


def test_events_of_several_prompts(model, tmp_path):
    (tmp_path / "prompts").write_text('"Once"\n"The king"\n')
    lines = run("generate", model, "--batch-file", tmp_path / "prompts", "--json", "--events", "--seed", "1").lines
    completions = [line for line in lines if "event" not in line]
    for index, completion in enumerate(completions):
        pieces = [line["text"] for line in lines if "event" in line and line["prompt_index"] == index]
        assert completion["prompt_index"] == index and "".join(pieces) == completion["text"]


@pytest.mark.parametrize("options", [[], ["--num-samples", "3"], ["--json"], ["--show-probs"]])
def test_an_output_file_gets_what_standard_output_would(model, options, tmp_path):
    options = ["--prompt", "The king", "--max-tokens", "5", "--seed", "3", *options]
    file = tmp_path / "generations.txt"
    file.write_text("what stood there before, and was longer than what comes" * 100)
    result = run("generate", model, *options, "--output-file", file)
    assert (result.code, result.out, result.err) == (0, "", "")
    assert file.read_text() == run("generate", model, *options).out


def test_interactive_in_a_pipe(model):
    result = run("generate", model, "--interactive", "--max-tokens", "5", "--seed", "2", stdin=b"Once\n\nThe king\n")
    alone = [run("generate", model, "-p", p, "--max-tokens", "5", "--seed", "2").out for p in ["Once", "The king"]]
    assert (result.code, result.out, result.err) == (0, "".join(alone), "")


def test_progress_is_for_terminals(model):
    assert run("generate", model, "-p", "x", "--max-tokens", "1").err == ""
    _, text = Terminal("generate", model, "-p", "x", "--max-tokens", "1", streams=(2,)).finish()
    assert not re.search(r"[^\r\x1b\[K#.\]%\d \w]", text)


def test_tokenize_does_not_wait_at_a_terminal(model):
    code, shown = Terminal("tokenize", model).finish()
    assert code == 2 and "no text: skald tokenize MODEL" in shown
    asked = Terminal("tokenize", model, "-", "--ids")
    asked.type("king\n\x04")
    code, shown = asked.finish()
    assert code == 0 and shown.strip().endswith(run("tokenize", model, "king\n", "--ids").out.strip())
