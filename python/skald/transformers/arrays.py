"""Arrays in the kind that the caller uses: NumPy's, or torch's where the caller brings them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


def is_torch(value: object) -> bool:
    """Whether `value` is a tensor of torch. Never imports torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def kind_of(value: object) -> str:
    """ "pt" for tensors of torch, else "np"."""
    return "pt" if is_torch(value) else "np"


def numpy_of(value: Any) -> npt.NDArray[Any]:
    """`value`, of either kind, as an array of NumPy."""
    return value.detach().cpu().numpy() if is_torch(value) else np.asarray(value)


def as_kind(array: npt.NDArray[Any], kind: str) -> Any:
    """`array` as "np" or "pt"."""
    if kind == "np":
        return array
    if kind != "pt":
        raise ValueError(f"return_tensors={kind!r}: must be 'np' or 'pt'")
    import torch  # type: ignore[import-not-found, unused-ignore]  # optional

    return torch.from_numpy(np.ascontiguousarray(array))


def ids_of(value: Any, name: str) -> Ids:
    """A matrix [rows, length] of integers."""
    array = numpy_of(value)
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2 or not (np.issubdtype(array.dtype, np.integer) or array.dtype == bool or array.size == 0):
        raise ValueError(f"{name}: must be integers of the shape [rows, length], not {array.dtype} {array.shape}")
    return array.astype(np.int64)


def padded(rows: Sequence[Sequence[int]], filler: int, side: str, width: int | None = None) -> Ids:
    """[rows, width]: the rows, filled up with `filler` on their "left" or "right"."""
    longest = max((len(row) for row in rows), default=0) if width is None else width
    matrix = np.full((len(rows), longest), filler, np.int64)
    for i, row in enumerate(rows):
        if side == "right":
            matrix[i, : len(row)] = row
        else:
            matrix[i, longest - len(row) :] = row
    return matrix
