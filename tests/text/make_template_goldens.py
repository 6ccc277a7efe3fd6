"""Writes tests/data/templates/goldens.json: what jinja2, as transformers sets it up, makes of our templates.

    python tests/text/make_template_goldens.py        (transformers 5.23, jinja2 3.1.6)

Each case is a template of that folder and a drawn conversation; the answer is the text and the bytes of generation
blocks, or that it fails, with the template's words where it raised.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "parity"))

import drawn_conversations  # noqa: E402
import test_templates  # noqa: E402

FOLDER = ROOT / "tests" / "data" / "templates"
CASES = 8


def case(path, variables):
    want = test_templates.reference(path.read_text(), variables)
    out = {"template": path.name, "variables": variables}
    if "error" in want:
        return out | {"fails": want["raised"] or ""}
    spans = [[len(want["text"][:a].encode()), len(want["text"][:b].encode())] for a, b in want["generated"]]
    return out | {"text": want["text"], "generated": spans}


def main():
    cases = []
    for path in sorted(FOLDER.glob("*.jinja")):
        drawn = drawn_conversations.conversations(f"golden {path.stem}", CASES)
        cases += [case(path, variables) for variables in drawn]
    (FOLDER / "goldens.json").write_text(json.dumps(cases, ensure_ascii=False, indent=0))


if __name__ == "__main__":
    main()
