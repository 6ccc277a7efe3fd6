"""The commands of docs/constraints.md do what the page says."""

import re
import shlex

import pytest
from conftest import ROOT, run

PAGE = (ROOT / "docs" / "constraints.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(skald generate .*)$", PAGE, re.MULTILINE)
REFUSED = re.findall(r"^ {4}\$ (skald generate .*)\n {4}(.*)$", PAGE, re.MULTILINE)


def arguments(command):
    words = shlex.split(command)[1:]
    return [str(ROOT / word) if word.startswith("examples/") else word for word in words]


def text_of(command):
    result = run(*arguments(command))
    assert result.code == 0, result.err
    return result.out


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--ban" in c])
def test_banned(command):
    assert not re.search("king|queen", text_of(command))


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--must-include" in c])
def test_phrases_are_there(command):
    text = text_of(command)
    assert "dragon" in text
    assert " golden ring" in text or "silver" in text or "gold" in text


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--prefix" in c])
def test_prefix(command):
    assert text_of(command).startswith(", in a dark wood")


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--allowed-tokens" in c])
def test_allowed_tokens(command):
    assert re.fullmatch(r"( old| young| and|\.){5}\n", text_of(command))


@pytest.mark.parametrize("command", [c for c in COMMANDS if "dialogue.json" in c])
def test_dialogue(command):
    assert re.fullmatch(r"(Alice: [^\n]*\n?Bob: [^\n]*\n?){2}\n?", text_of(command))


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--token-healing" in c])
def test_a_word_is_mended(command):
    assert text_of(command).startswith("ces")


@pytest.mark.parametrize(("command", "line"), REFUSED)
def test_refused(command, line):
    result = run(*arguments(command))
    assert result.code == 2
    assert result.err == line + "\n"


def test_every_command_of_the_page_is_tested():
    assert len(COMMANDS) == 7
    assert len(REFUSED) == 1
