"""The commands of README.md and docs/ do what a reader sees there. tests/support/pages.py says how a page is read."""

import os
import re
import subprocess
import sys

import pytest
from conftest import BINARY, PATIENCE, ROOT

sys.path.insert(0, str(ROOT / "tests" / "support"))
import pages  # noqa: E402

WITH_COMMANDS = [page for page in pages.PAGES if pages.commands(page)]
EXEMPT = 12  # blocks in all, at most: synopses, the network, models that no test has


def shell(command, folder):
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-uc", command], cwd=folder, env=environment, input="quit\n", capture_output=True, text=True,
        timeout=PATIENCE, check=False,
    )  # fmt: skip


def numberless(line):
    """Probabilities differ in their last digits from one kind of processor to another."""
    return re.sub(r"\d\.\d+", "N", line)


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_commands(page, tmp_path):
    folder = pages.make_desk(tmp_path / "desk", BINARY)
    for command, shown in pages.commands(page):
        done = shell(command, folder)
        refused = shown is not None and shown[0].startswith("skald: ")
        assert done.returncode == (2 if refused else 0), (command, done.stderr)
        if shown is None:
            assert (done.stdout + done.stderr).strip() or "--output" in command or ">" in command, command
        if shown is not None:
            places = [i for i, line in enumerate(shown) if line.strip() == "..."]
            wanted = shown[: places[0]] if places else shown
            lines = (done.stdout + done.stderr).splitlines()[: len(wanted)]
            assert [numberless(line) for line in lines] == [numberless(line) for line in wanted], command


def test_few_blocks_are_exempt():
    assert sum(len(pages.exempt(page)) for page in pages.PAGES) <= EXEMPT
