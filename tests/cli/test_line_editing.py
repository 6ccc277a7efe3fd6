"""What is typed at a terminal: keys, history, completion, several lines, Ctrl-C, resize."""

import os
import signal
import stat
import time

import pytest
from conftest import Terminal, run

SHORT = ("--max-tokens", "3", "--seed", "2")
LONG = ("--max-tokens", "900", "--min-tokens", "900", "--seed", "7")
UP, LEFT, TAB, CTRL_A, CTRL_C, CTRL_D = "\x1b[A", "\x1b[D", "\t", "\x01", "\x03", "\x04"


class Prompted:
    """`skald generate --interactive` that waits for a line."""

    def __init__(self, model, *options, **env):
        env = {"NO_COLOR": "1", **env}
        self.terminal = Terminal("generate", model, "--interactive", *(options or SHORT), env=env)
        self.terminal.wait_for("Ctrl-D ends\r\n")
        self.terminal.wait_for("> ")

    def say(self, keys, *wanted):
        """Types `keys`, and waits for each of `wanted`, behind what was waited for before."""
        self.terminal.type(keys)
        for text in wanted:
            self.terminal.wait_for(text)

    def leave(self):
        self.terminal.type(CTRL_D)
        return self.terminal.finish()


def test_keys_edit_the_line(model):
    prompted = Prompted(model)
    prompted.say("eking" + CTRL_A + "Th" + LEFT * 2 + "\x1b[C\x1b[C" + "\x06 " + "\n", "\r\nThe king", "\r\n> ")
    prompted.say("/hexx\x7f\x7flp\n", "/quit", "\r\n> ")
    assert prompted.leave()[0] == 0


def test_ctrl_c_drops_the_line_and_nothing_else(model):
    prompted = Prompted(model)
    prompted.say("Never answered", "answered")
    prompted.say(CTRL_C, "^C\r\n", "> ")
    prompted.say(CTRL_C, "^C\r\n", "> ")
    prompted.say("Once\n", "\r\nOnce", "\r\n> ")
    code, text = prompted.leave()
    assert code == 0 and "\r\nNever" not in text


def test_a_signal_from_elsewhere_is_ctrl_c(model):
    prompted = Prompted(model)
    prompted.terminal.process.send_signal(signal.SIGINT)
    prompted.say("", "^C\r\n")
    assert prompted.leave()[0] == 0


def test_ctrl_c_stops_the_answer_and_not_the_program(model):
    prompted = Prompted(model, *LONG)
    prompted.say("Once upon a time\n", "\r\nOnce upon a time")
    time.sleep(0.1)
    prompted.say(CTRL_C, "\r\n> ")
    prompted.say("The king\n", "\r\nThe king")
    time.sleep(0.1)
    prompted.say(CTRL_C, "\r\n> ")
    assert prompted.leave()[0] == 0


def test_wide_and_combining_characters(model):
    prompted = Prompted(model)
    prompted.say("日本x\x7f é🙂" + LEFT + "ü\n", "\r\n日本 éü🙂", "\r\n> ")
    assert prompted.leave()[0] == 0


def test_what_is_no_utf8_becomes_a_replacement(model):
    prompted = Prompted(model)
    os.write(prompted.terminal.side, b"a\xff\xe2b\n")
    prompted.say("", "\r\na\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b", "\r\n> ")
    assert prompted.leave()[0] == 0


def test_several_lines(model):
    prompted = Prompted(model)
    prompted.say("One\\\n", "\r\n. ")
    prompted.say("two\n", "\r\nOne\r\ntwo", "\r\n> ")
    prompted.say('"""\n', "\r\n. ")
    prompted.say("/three\n", "\r\n. ")
    prompted.say('\nfour"""\n', "\r\n/three\r\n\r\nfour", "\r\n> ")
    prompted.say('"""one line"""\n', "\r\none line", "\r\n> ")
    prompted.say('"""dropped\n', "\r\n. ")
    prompted.say(CTRL_C, "^C\r\n")
    prompted.say("//slash\n", "\r\n/slash", "\r\n> ")
    assert prompted.leave()[0] == 0


def test_a_pipe_has_lines_as_they_are(model):
    lines = b'One\\\n"""two\n'
    alone = [run("generate", model, "-p", line, *SHORT).out for line in lines.decode().splitlines()]
    assert run("generate", model, "--interactive", *SHORT, stdin=lines).out == "".join(alone)


def test_history_goes_on_in_the_next_run(model, tmp_path):
    file = tmp_path / "state" / "skald" / "history"
    place = {"SKALD_HISTORY": str(file)}
    prompted = Prompted(model, **place)
    prompted.say("The first\n", "\r\nThe first", "\r\n> ")
    prompted.say("The second\n", "\r\nThe second", "\r\n> ")
    assert prompted.leave()[0] == 0
    assert file.read_text() == "The first\nThe second\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    prompted = Prompted(model, **place)
    prompted.say(UP + UP + "\n", "\r\nThe first", "\r\n> ")
    assert prompted.leave()[0] == 0


def test_where_history_is_kept(model, tmp_path):
    for env, file in [
        ({"XDG_STATE_HOME": str(tmp_path / "state")}, tmp_path / "state" / "skald" / "history"),
        ({"XDG_STATE_HOME": "", "HOME": str(tmp_path)}, tmp_path / ".local" / "state" / "skald" / "history"),
    ]:
        terminal = Terminal("generate", model, "--interactive", *SHORT, env=env, unset=["SKALD_HISTORY"])
        terminal.read_until("> ")
        terminal.type("/help\n")
        terminal.read_until("/quit")
        terminal.type(CTRL_D)
        assert terminal.finish()[0] == 0 and file.read_text() == "/help\n"


def test_history_is_bounded_and_never_in_the_way(model, tmp_path):
    file = tmp_path / "history"
    file.write_bytes(b"\xff\n\x00\n" + b"".join(b"line %d\n" % i for i in range(5000)) + b"x" * 10)
    prompted = Prompted(model, SKALD_HISTORY=str(file))
    prompted.say(UP + "\n", "\r\nxxxxxxxxxx", "\r\n> ")
    assert prompted.leave()[0] == 0
    lines = file.read_text().splitlines()
    assert len(lines) == 1001 and lines[0] == "line 4001"
    prompted = Prompted(model, SKALD_HISTORY=str(tmp_path))
    prompted.say("Once\n", "\r\nOnce", "\r\n> ")
    code, text = prompted.leave()
    assert code == 0 and "no history is kept" in text


@pytest.mark.parametrize("columns", [20, 200])
def test_a_line_longer_than_the_terminal_and_a_resize(model, columns):
    prompted = Prompted(model)
    prompted.terminal.resize(40)
    words = "a long line of many words that no narrow window holds"
    prompted.say(words, "holds")
    prompted.terminal.resize(columns)
    time.sleep(0.3)
    prompted.say(" at all\n", "\r\n" + words[:10], "at all", "\r\n> ")
    assert prompted.leave()[0] == 0


def test_a_dumb_terminal_has_plain_lines(model):
    prompted = Prompted(model, TERM="dumb")
    prompted.say("The king\\\n", ". ")
    prompted.say("said\n", "\r\nThe king\r\nsaid", "\r\n> ")
    code, text = prompted.leave()
    assert code == 0 and "\x1b" not in text
