"""The examples of docs/python.md run as they stand, one after the other."""

import re

from conftest import ROOT


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(), re.M | re.S)


def test_examples(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks("python.md"):
        exec(compile(block, "docs/python.md", "exec"), names)
    assert names["again"].text == names["session"].text and len(names["stories"]) == 2
    assert len(capsys.readouterr().out) > 100
