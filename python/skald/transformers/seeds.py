"""Where draws come from: torch's numbers, as transformers draws them."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

from skald._native import TorchRandom

_generator: TorchRandom | None = None

# The bytes of torch.get_rng_state(): the seed, then how many words are left, how many were taken, mt19937's words.
_LEFT, _TAKEN, _WORDS = 8, 16, slice(24, 24 + 624 * 8)


def set_seed(seed: int) -> None:
    """The calls that follow give the tokens that transformers gives after set_seed(seed), for f32 weights.

    The generators of Python and NumPy are seeded too, and torch's where torch is imported.
    """
    global _generator
    random.seed(seed)
    np.random.seed(seed % 2**32)
    _generator = TorchRandom(seed % 2**64)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


def _from_torch(state: npt.NDArray[np.uint8], generator: TorchRandom) -> None:
    left = int(state[_LEFT : _LEFT + 4].view(np.int32)[0])
    taken = int(state[_TAKEN : _TAKEN + 8].view(np.uint64)[0])
    generator.set_state(state[_WORDS].view(np.uint64).tolist(), 624 if left == 1 else taken)


def _to_torch(generator: TorchRandom, state: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    words, taken = generator.state()
    changed = state.copy()
    changed[_LEFT : _LEFT + 4].view(np.int32)[0] = 625 - taken
    changed[_TAKEN : _TAKEN + 8].view(np.uint64)[0] = taken
    changed[_WORDS].view(np.uint64)[:] = words
    return changed


@contextmanager
def draws(kind: str) -> Iterator[TorchRandom | None]:
    """What a call that samples draws from, and leaves where it has come to: torch's own generator for "pt".

    For "np" that of set_seed(); None where no seed was set.
    """
    if kind != "pt":
        yield _generator
        return
    import torch  # type: ignore[import-not-found, unused-ignore]  # it is there: the caller brought tensors

    generator = TorchRandom(0)
    state = torch.get_rng_state().numpy()
    _from_torch(state, generator)
    try:
        yield generator
    finally:
        torch.set_rng_state(torch.from_numpy(_to_torch(generator, state)))
