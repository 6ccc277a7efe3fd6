"""Logits and greedy tokens of random tiny checkpoints equal those of transformers.

    ./dev test --parity -k models        (SKALD_PARITY_CASES=200 for more, SKALD_PARITY_SEED to vary)

Checkpoints of all families and rope types are drawn and computed by transformers in f32; test_models, whose Golden
tests run over a folder of cases, compares. It lies in the build tree of SKALD_CLI, or where SKALD_TEST_MODELS says.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "models"))

from families import ANY_ROPE, ROPE_KINDS  # noqa: E402
from random_checkpoint import FAMILIES, random_case  # noqa: E402

N_CASES = int(os.environ.get("SKALD_PARITY_CASES", "60"))
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))


def find_program():
    command = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
    program = Path(os.environ.get("SKALD_TEST_MODELS", command.parent.parent / "tests" / "test_models"))
    if not program.exists():
        pytest.skip(f"{program} is not built")
    return program


def test_random_checkpoints(tmp_path):
    program = find_program()
    torch.set_num_threads(1)
    pairs = [(family, rope) for family in ANY_ROPE for rope in ROPE_KINDS]
    pairs += [(family, None) for family in FAMILIES if family not in ANY_ROPE for _ in range(3)]
    random.Random(SEED).shuffle(pairs)
    for i in range(N_CASES):
        family, rope = pairs[i % len(pairs)]
        random_case(tmp_path / f"{i:03d}_{family}_{rope}", 100_000 * SEED + 1000 * i, model_type=family, rope_kind=rope)
    done = subprocess.run(
        [program, "--gtest_filter=Models/Golden.*"],
        env=os.environ | {"SKALD_MODEL_CASES": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"[  PASSED  ] {2 * N_CASES} tests" in done.stdout
