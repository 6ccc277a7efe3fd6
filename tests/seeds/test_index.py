"""README.md here: no block of a document is left out, and every test that is named exists."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
BLOCKS = [10, 34, 49, 6, 31]  # that each document has


def test_every_block_has_a_test():
    chapters = (TESTS / "seeds" / "README.md").read_text(encoding="utf-8").split("\n## ")[1:]
    for chapter, blocks in zip(chapters, BLOCKS, strict=True):
        rows = re.findall(r"^\| (\d+) \| [^|]+ \| (.+) \|$", chapter, re.M)
        assert [int(number) for number, _ in rows] == list(range(1, blocks + 1)), chapter.splitlines()[0]
        for _, tests in rows:
            named = re.findall(r"`([\w/]+\.py)::(\w+)`", tests)
            assert named, chapter.splitlines()[0]
            for file, test in named:
                assert f"\ndef {test}(" in (TESTS / file).read_text(encoding="utf-8"), test
