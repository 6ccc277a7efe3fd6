"""The files of the repository, as the other checks see them. Needs neither git nor anything but Python."""

import os
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Not ours to check: version control, what builds and tools leave behind, virtual environments.
IGNORED = re.compile(r"\.git|\.venv|\.cache|\.pytest_cache|\.ruff_cache|__pycache__|build.*|shared")


def files(root: Path = ROOT, suffixes: tuple[str, ...] = ()) -> list[Path]:
    """All regular files below `root`, sorted, that end in one of `suffixes` (all files if none is given)."""
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not IGNORED.fullmatch(name)]
        paths = (Path(folder, name) for name in names if not suffixes or name.endswith(suffixes))
        found += [path for path in paths if path.is_file() and not path.is_symlink()]
    return sorted(found)


def report(offenders: list[str]) -> int:
    """Prints one offender a line; the exit status."""
    for line in offenders:
        print(line)
    return 1 if offenders else 0
