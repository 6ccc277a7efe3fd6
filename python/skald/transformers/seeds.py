"""set_seed(): torch's numbers, as transformers draws with them."""

from __future__ import annotations

import hashlib
import random

import numpy as np

_seed: int | None = None
_calls = 0  # that have drawn since


def set_seed(seed: int) -> None:
    """The next generate() that samples gives the tokens that transformers gives after set_seed(seed), for f32 weights.

    Python's and NumPy's generators are seeded too. Later calls draw with seeds that follow from this one.
    """
    global _seed, _calls
    _seed, _calls = seed, 0
    random.seed(seed)
    np.random.seed(seed % 2**32)


def next_seed() -> int | None:
    """The seed of the next call that samples; None where none was set."""
    global _calls
    if _seed is None:
        return None
    _calls += 1
    if _calls == 1:
        return _seed % 2**32
    return int.from_bytes(hashlib.sha256(f"{_seed} {_calls}".encode()).digest()[:4], "little")
