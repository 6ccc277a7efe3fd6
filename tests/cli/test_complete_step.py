"""`skald complete-step`: a text written together."""

import json

import pytest
from conftest import MODEL, Terminal, refused, run

START = ("complete-step", MODEL, "--prompt", "Once upon a", "--seed", "4")


def step(*lines, flags=()):
    result = run(*START, *flags, stdin="".join(line + "\n" for line in lines).encode())
    assert result.code == 0, result.err
    return result


def test_choose_write_go_and_take_back():
    result = step("1", " there", "/undo", "/go 3", "/undo", ", said the dragon", "quit")
    assert result.out == " time, said the dragon\n"
    assert '  1. " time"' in result.err and "%) ####" in result.err


def test_enter_and_go_are_what_generate_gives():
    text = run("generate", MODEL, "--prompt", "Once upon a", "--seed", "4", "--max-tokens", "20").out
    assert step("/go 20").out == text
    assert text.startswith(step("", "", "").out[:-1])


def test_branches():
    result = step("1", " one", "/undo", " two", "/branches", "/switch 1", "/quit")
    assert result.out == " time one\n"
    assert "  1.  time one\n* 2.  time two\n" in result.err


def test_a_fork_is_another_branch():
    result = step("1", "/go 5", "/undo", "/fork", "/go 5", "/branches", "quit", flags=["--temperature", "1.5"])
    assert "  1.  time" in result.err and "* 2.  time" in result.err


def test_json_has_text_and_path():
    done = step("1", "", "quit", flags=["--json"]).json
    assert [one["forced"] for one in done["path"]] == [True, False]
    assert [one["token"] for one in done["path"]] == done["token_ids"] and done["text"].startswith(" time")


def test_how_many_are_shown():
    assert step("quit", flags=["--top", "12"]).err.count("%)") == 12


def test_a_session_goes_on(tmp_path):
    file = tmp_path / "tale.json"
    first = step("1", "/go 3", "quit", flags=["--session", file]).out
    assert json.loads(file.read_text())["format"] == "skald-session"
    again = run("complete-step", MODEL, "--session", file, stdin=b"quit\n")
    assert (again.code, again.out) == (0, first)
    assert "holds a prompt" in refused(*START, "--session", file)


@pytest.mark.parametrize("line", ["/undo", "/go 0", "/go x", "/switch 9", "/frobnicate", "/fork 2"])
def test_what_is_refused_ends_a_script(line):
    result = run(*START, stdin=(line + "\n").encode())
    assert (result.code, result.out) == (2, "") and line.split()[0] in result.err


def test_refused_flags():
    assert "no prompt" in refused("complete-step")
    assert "not several" in refused(*START, "--ids", "1")
    assert "cannot be -" in refused("complete-step", "--prompt", "-")
    assert "--top" in refused(*START, "--top", "21")


def test_at_a_terminal():
    terminal = Terminal(*START, "--ignore-eos", env={"NO_COLOR": "1"})
    terminal.wait_for("> ")
    terminal.type("1\n")
    terminal.wait_for("\r\n time\r\n")
    terminal.wait_for("> ")
    terminal.type("never\x03")
    terminal.wait_for("^C")
    terminal.type("/un\t\n")
    terminal.wait_for("\r\n> ")
    terminal.type("/undo\n")
    terminal.wait_for("no step to take back")
    terminal.wait_for("> ")
    terminal.type("/go 1000000\n")
    terminal.type("\x03")
    terminal.wait_for("\r\n> ")
    terminal.type("\x04")
    code, text = terminal.finish()
    assert code == 0 and "\x1b[31m" not in text
