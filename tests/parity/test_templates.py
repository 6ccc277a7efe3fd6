"""Chat templates beside jinja2, as transformers sets it up: the same bytes, and an error where that has one.

    SKALD_CLI=build/release/cli/skald SKALD_TEMPLATES=<folder> pytest tests/parity/test_templates.py

SKALD_SEED draws others than those of every run, SKALD_CASES says how many templates, SKALD_CONVERSATIONS how many
conversations for each real template. SKALD_TEMPLATES is the folder `vendor/llama.cpp/models/templates` of
llama-cpp-python's source; without it the real templates are left out, and drawn expressions and statements are compared
all the same.
"""

import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

jinja2 = pytest.importorskip("jinja2")
chat_templates = pytest.importorskip("transformers.utils.chat_template_utils")

import drawn_conversations  # noqa: E402
import drawn_templates  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
RUN = CLI.parents[1] / "tests" / "run_templates"
FOLDER = os.environ.get("SKALD_TEMPLATES")
REAL = sorted(Path(FOLDER).glob("*.jinja")) if FOLDER else []
SEED = os.environ.get("SKALD_SEED", "")
CONVERSATIONS = int(os.environ.get("SKALD_CONVERSATIONS", "50"))
DRAWN = int(os.environ.get("SKALD_CASES", "4000"))
# The name of one, with its address.
PYTHON_OBJECT = re.compile(r"(<|&lt;)[^>]* object|object at 0x|-o-b-j-e-c-t-|<function|<built-in|<class", re.IGNORECASE)


class Ours:
    def __init__(self):
        self.process = subprocess.Popen([RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def render(self, template, variables):
        self.process.stdin.write(json.dumps({"template": template, "variables": variables}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def ours():
    if not RUN.exists():
        pytest.skip(f"{RUN} is not built")
    made = Ours()
    yield made
    made.process.stdin.close()
    made.process.wait()


def reference(template, variables):
    """{"text": ..., "generated": ...} or {"error": ..., "raised": by the template itself}."""
    try:
        compiled = chat_templates._compile_jinja_template(template)
        variables = {"messages": None, "tools": None, "documents": None, "add_generation_prompt": False, **variables}
        text, generated = chat_templates._render_with_assistant_indices(compiled, **variables)
        return {"text": text, "generated": generated}
    except Exception as error:
        return {
            "error": f"{type(error).__name__}: {error}",
            "raised": type(error) is jinja2.exceptions.TemplateError and str(error),
        }


def difference(ours, template, variables, want=None):
    """What is not the same as the reference's answer; None where all is."""
    got, want = ours.render(template, variables), want or reference(template, variables)
    if PYTHON_OBJECT.search(want.get("text", "")):
        return None
    if "error" in want:
        if "error" not in got:
            return f"{want['error']!r} was expected, got {got['text']!r}"
        if want["raised"] and got["rule"] != want["raised"][:1024]:
            return f"raised {got['rule']!r}, not {want['raised']!r}"
        return None
    if "error" in got:
        if "object is not subscriptable" in got["error"] or "type: 'slice'" in got["error"]:
            return None  # jinja2 folds a slice of a constant, and forgives there what it refuses elsewhere
        if "more than 64 bits" in got["error"]:
            return None
        return got["error"]
    if got["text"] != want["text"]:
        return f"{got['text']!r}\n  is not\n{want['text']!r}"
    spans = [[len(want["text"][:a].encode()), len(want["text"][:b].encode())] for a, b in want["generated"]]
    return None if got["generated"] == spans else f"generated {got['generated']}, not {spans}"


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_template(ours, path):
    template = path.read_text()
    differences = []
    for number, variables in enumerate(drawn_conversations.conversations(path.stem + SEED, CONVERSATIONS)):
        if found := difference(ours, template, variables):
            differences.append(f"conversation {number}: {found}")
    assert not differences, f"{len(differences)} of {CONVERSATIONS} differ; {differences[0]}"


def test_drawn_templates(ours):
    rng = random.Random(f"7{SEED}")
    for number in range(DRAWN):
        template = drawn_templates.template(rng)
        found = difference(ours, template, drawn_templates.VARIABLES)
        assert found is None, f"template {number}: {template!r}: {found}"


def test_wrapped_words(ours):
    rng = random.Random(f"8{SEED}")
    for number in range(DRAWN // 4):
        text = "".join(
            rng.choices(["a", "b", "\u00e9", "1", "-", "--", " ", "  ", ".", "\n", "\u00a0", "\t"], k=rng.randrange(40))
        )
        style = f"{rng.randint(1, 12)}, {rng.choice(['true', 'false'])}, '|', {rng.choice(['true', 'false'])}"
        found = difference(ours, "{{ s | wordwrap(" + style + ") }}", {"s": text})
        assert found is None, f"text {number}: {text!r} of {style}: {found}"


CALLERS, TEMPLATES_OWN = "☃", "☂"  # characters that no template has by itself


def marked(value):
    """The caller's value with a character of its own in every text."""
    if isinstance(value, str):
        return value[:1] + CALLERS + value[1:]
    if isinstance(value, list):
        return [marked(item) for item in value]
    return {key: marked(item) for key, item in value.items()} if isinstance(value, dict) else value


def misplaced(rendered):
    """A marked character that counts as somebody else's; None where there is none."""
    text, at = rendered["text"].encode(), 0
    ours = bytearray(len(text))
    for begin, end in rendered["from_caller"]:
        assert at <= begin < end <= len(text)
        ours[begin:end] = b"\1" * (end - begin)
        at = end
    for character, want in ((CALLERS.encode(), 1), (TEMPLATES_OWN.encode(), 0)):
        for match in re.finditer(character, text):
            if set(ours[match.start() : match.end()]) != {want}:
                return f"{text[max(match.start() - 20, 0) : match.end() + 20].decode(errors='replace')!r}"
    return None


def test_every_byte_knows_who_wrote_it(ours):
    rng = random.Random(f"11{SEED}")
    variables = {name: marked(value) for name, value in drawn_templates.VARIABLES.items()}
    found = 0
    for number in range(DRAWN):
        template = drawn_templates.template(rng).replace("'a'", f"'{TEMPLATES_OWN}a'") + TEMPLATES_OWN
        rendered = ours.render(template, variables)
        if "error" in rendered:
            continue
        found += rendered["text"].count(CALLERS)
        assert (wrong := misplaced(rendered)) is None, f"template {number}: {template!r}: {wrong}"
    assert found > DRAWN // 10


def test_messages_of_real_templates_know_who_wrote_them(ours):
    for path in REAL:
        for variables in drawn_conversations.conversations(path.stem + SEED, 5):
            content = [m | {"content": marked(m["content"])} for m in variables["messages"]]
            rendered = ours.render(path.read_text(), variables | {"messages": content})
            assert "error" in rendered or misplaced(rendered) is None, path.stem
