"""The package skald, as built: PYTHONPATH is the folder that has it. Run by a Python that has pytest and NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import skald

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from stand_ins import make_shelf  # noqa: E402

MODEL = ROOT / "models" / "skald-tales"
SKALD = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
PATIENCE = 120  # seconds, for machines under load


@pytest.fixture(scope="session")
def model():
    return skald.load(MODEL)


@pytest.fixture(scope="session")
def lm():
    return skald.LLM(MODEL)


@pytest.fixture(scope="session")
def story():
    return skald.turbo(MODEL)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    return make_shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def at_shelf(shelf, monkeypatch):
    """The names of models in documents are folders and files here."""
    monkeypatch.chdir(shelf)


def in_new_process(code, **options):
    """Runs `code` in a Python of its own: (exit code, standard output, standard error)."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False, **options
    )
    return done.returncode, done.stdout, done.stderr
