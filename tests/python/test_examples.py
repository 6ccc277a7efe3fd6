"""examples/*.py and the notebook do what their first lines say."""

import json
import re
import subprocess
import sys

import pytest
import skald
from conftest import PATIENCE, ROOT

EXAMPLES = ROOT / "examples"
TOUR = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))


def run(name, *arguments, text=""):
    """What an example writes."""
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stream():
    story = run("stream.py", "The king")
    assert story.startswith("The king") and story.count(".") == 2


def test_batch(tmp_path):
    prompts, answers = tmp_path / "prompts.jsonl", tmp_path / "answers.jsonl"
    prompts.write_text('"The fox"\n{"prompt": "The wolf", "max_new_tokens": 5}\n')
    assert run("batch.py", prompts, answers) == f"2 prompts, 0 failures: {answers}\n"
    whole = answers.read_text()
    lines = [json.loads(line) for line in whole.splitlines()]
    assert [line["prompt_index"] for line in lines] == [0, 1] and len(lines[1]["token_ids"]) == 5
    answers.write_text(whole.splitlines(keepends=True)[0])  # as after an interruption
    run("batch.py", prompts, answers)
    assert answers.read_text() == whole


def test_chat():
    shown = run("chat.py", text="Tell me of a fox.\nAnd then?\n\n")
    assert shown.count("You: ") == 3 and len(shown) > 60
    assert run("chat.py", text="") == "You: \n"


def test_no_letter_e():
    story = run("no_letter_e.py", "A young man was walking")
    assert story.startswith("A young man was walking")
    assert len(story) > 60 and "e" not in story.lower()


def test_character_sheet():
    sheets = [json.loads(line) for line in run("character_sheet.py").splitlines()]
    assert len(sheets) == 3 and all(list(sheet) == ["who", "wish", "fear"] for sheet in sheets)
    assert len({sheet["who"] for sheet in sheets}) == 3


def test_branches():
    lines = run("branches.py").splitlines()
    texts = re.findall(r"^  or:(.+)$", "\n".join(lines), re.M)
    assert 1 <= len(texts) <= 3 and len(set(texts)) == len(texts)
    assert lines[-1].startswith("likeliest: ")


def test_from_transformers():
    texts = run("from_transformers.py").splitlines()
    assert [text.startswith(p) for text, p in zip(texts, ["'Once upon a time", "'The king"])] == [True, True]


def test_rank():
    lines = run("rank.py").splitlines()
    ranks = [float(line.split()[0]) for line in lines]
    assert ranks == sorted(ranks) and "was a king." in lines[0]


def test_every_example_has_a_test():
    tested = {name for name in globals() if name.startswith("test_")}
    assert {f"test_{path.stem}" for path in EXAMPLES.glob("*.py")} <= tested


def test_tour(tmp_path, monkeypatch, capsys):
    """Its cells in order, in one namespace, as a notebook runs them."""
    monkeypatch.chdir(tmp_path)
    names = {}
    cells = [cell["source"] for cell in TOUR["cells"] if cell["cell_type"] == "code"]
    for source in cells:
        exec(compile(source, "tour.ipynb", "exec"), names)
    assert len(capsys.readouterr().out) > 500 and "dragon" in names["story"]["text"]
    assert "<span" in names["result"]._repr_html_() and isinstance(names["session"], skald.Session)


@pytest.mark.parametrize("cell", TOUR["cells"], ids=lambda cell: cell["id"])
def test_cells_are_valid_and_without_outputs(cell):
    assert TOUR["nbformat"] == 4 and cell["cell_type"] in ("code", "markdown") and isinstance(cell["source"], str)
    if cell["cell_type"] == "code":
        assert cell["outputs"] == [] and cell["execution_count"] is None
