"""Chat templates beside jinja2, as transformers sets it up: the same bytes, and an error where that has one.

    SKALD_RUN_TEMPLATES=build/tests/run_templates SKALD_TEMPLATES=<folder> pytest tests/parity/test_templates.py

SKALD_TEMPLATES is the folder `vendor/llama.cpp/models/templates` of llama-cpp-python's source; without it the real
templates are left out, and drawn expressions and statements are compared all the same.
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

RUN = os.environ.get("SKALD_RUN_TEMPLATES", "build/tests/run_templates")
FOLDER = os.environ.get("SKALD_TEMPLATES")
REAL = sorted(Path(FOLDER).glob("*.jinja")) if FOLDER else []
CONVERSATIONS = 50
DRAWN = 4000


class Ours:
    def __init__(self):
        self.process = subprocess.Popen([RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def render(self, template, variables):
        self.process.stdin.write(json.dumps({"template": template, "variables": variables}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def ours():
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


def difference(ours, template, variables):
    """What is not the same; None where all is."""
    got, want = ours.render(template, variables), reference(template, variables)
    if re.search(r"<[^>]* object|-o-b-j-e-c-t-|<function|<built-in|<class", want.get("text", ""), re.I):
        return None  # the name of a Python object, with its address
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
    for number, variables in enumerate(drawn_conversations.conversations(path.stem, CONVERSATIONS)):
        if found := difference(ours, template, variables):
            differences.append(f"conversation {number}: {found}")
    assert not differences, f"{len(differences)} of {CONVERSATIONS} differ; {differences[0]}"


def test_drawn_templates(ours):
    rng = random.Random(7)
    for number in range(DRAWN):
        template = drawn_templates.template(rng)
        found = difference(ours, template, drawn_templates.VARIABLES)
        assert found is None, f"template {number}: {template!r}: {found}"
