"""The Python examples of README.md and docs/ run as they stand, one after the other (tests/support/pages.py)."""

import pages
import pytest
from conftest import ROOT, SKALD

WITH_EXAMPLES = [page for page in pages.PAGES if pages.python_blocks(page)]


def run_examples(page, folder, monkeypatch):
    monkeypatch.chdir(pages.make_desk(folder / "desk", SKALD))
    names = {}
    for block in pages.python_blocks(page):
        exec(compile(block, page, "exec"), names)
    return names


@pytest.mark.parametrize("page", WITH_EXAMPLES)
def test_examples(page, tmp_path, monkeypatch, capsys):
    assert run_examples(page, tmp_path, monkeypatch)
    assert capsys.readouterr().out or page != "docs/python.md"


def test_examples_of_the_python_page(tmp_path, monkeypatch, capsys):
    names = run_examples("docs/python.md", tmp_path, monkeypatch)
    assert names["again"].text == names["session"].text and len(names["stories"]) == 2
    assert len(capsys.readouterr().out) > 100


def test_pages_name_files_that_exist():
    assert (ROOT / "docs" / "README.md").is_file()
    for page in pages.PAGES:
        for target in pages.links(page):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"
