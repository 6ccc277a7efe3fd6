"""Hidden states and attentions as generate() returns them: of each step, of each layer, an array of all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skald._native import Completion
from skald.transformers.arrays import Ids, as_kind

Floats = npt.NDArray[np.float32]
ByStep = tuple[tuple[Any, ...], ...]


def _n_steps(completions: Sequence[Completion]) -> int:
    return max(len(completion.token_ids) for completion in completions)


def hidden_states(completions: Sequence[Completion], mask: Ids, kind: str) -> ByStep | None:
    """Of each step and layer [rows, queries, hidden_size]: the prompt in the first step, a token in each later one.

    mask: [rows, width], where the prompts' tokens stand. Zeros for padding and for rows that have ended.
    """
    rows: list[Floats] = [c.hidden_states for c in completions if c.hidden_states is not None]
    if len(rows) < len(completions):
        return None
    _, n_layers, size = rows[0].shape
    n_steps = _n_steps(completions)
    first = np.zeros((n_layers, *mask.shape, size), np.float32)
    later = np.zeros((n_steps, n_layers, len(rows), 1, size), np.float32)
    for i, states in enumerate(rows):
        length = int(mask[i].sum())
        first[:, i, mask[i] != 0] = states[:length].swapaxes(0, 1)
        later[1 : len(states) - length + 1, :, i, 0] = states[length:]
    steps = [first, *later[1:]]
    return tuple(tuple(as_kind(layer, kind) for layer in step) for step in steps)


def attentions(completions: Sequence[Completion], mask: Ids, kind: str) -> ByStep | None:
    """Of each step and layer [rows, heads, queries, keys], with queries as in hidden_states()."""
    rows = [c.attentions for c in completions if c.attentions is not None]
    if len(rows) < len(completions):
        return None
    n_layers, n_heads, _ = rows[0][0].shape
    n_rows, width = mask.shape
    steps = [np.zeros((n_layers, n_rows, n_heads, width, width), np.float32)]
    steps += [np.zeros((n_layers, n_rows, n_heads, 1, width + s), np.float32) for s in range(1, _n_steps(completions))]
    for i, weights in enumerate(rows):
        places = np.flatnonzero(mask[i])
        for query, each in enumerate(weights):
            new = query - len(places)  # tokens generated before it, where it is one of them
            keys = np.concatenate([places, width + np.arange(new + 1)]) if new >= 0 else places[: query + 1]
            step, place = (new + 1, 0) if new >= 0 else (0, places[query])
            steps[step][:, i, :, place, keys] = np.moveaxis(each, 2, 0)
    return tuple(tuple(as_kind(layer, kind) for layer in step) for step in steps)
