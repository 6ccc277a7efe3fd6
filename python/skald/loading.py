"""From what a person calls a model to the model in memory."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence

from skald import _native, log
from skald.progress import Bar

Progress = Callable[[float], object]


def warn_of_device(device: object) -> None:
    """Models run on the processor, whatever device is asked for: that is said once a place."""
    if device is None or str(device) in ("cpu", "auto"):
        return
    warnings.warn(f"device={str(device)!r}: Skald runs on the CPU; the model is loaded there", stacklevel=3)


def find(model: str | os.PathLike[str] | None) -> str:
    """The path of `model`: a folder or file, a name in the Hugging Face cache, or None for the one that ships."""
    return _native.Model.shipped_path() if model is None else _native.find_model(os.fspath(model))


def load(
    model: str | os.PathLike[str] | None,
    *,
    bits: int | None = None,
    kv_bits: int | None = None,
    threads: int | None = None,
    strict: bool = False,
    check_weights: bool = False,
    adapters: Sequence[str | os.PathLike[str]] = (),
    draft: str | os.PathLike[str] | None = None,
    experts: Mapping[str, str] | None = None,
    control_vectors: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> _native.Model:
    """Loads `model` as it is.

    bits: 32, 16, 8 or 4 of a weight; None: as stored, or the next smaller that fits. kv_bits: 32, 16 or 8 of a key or
    value. threads: None for all processors. strict: a tensor that is not read is an error. adapters: LoRA folders that
    calls may name. draft: a smaller model that drafts for this one. experts, control_vectors: by name, what calls may
    use. progress: called with the fraction that is loaded; None shows a bar on a terminal.
    """
    path = find(model)
    bar = Bar("loading", 1)
    try:
        return _native.Model.load(
            path,
            bits=bits or 0,
            kv_bits=kv_bits or 0,
            threads=threads or 0,
            strict=strict,
            check_weights=check_weights,
            adapters=[os.fspath(adapter) for adapter in adapters],
            draft="" if draft is None else find(draft),
            experts=dict(experts or {}),
            control_vectors=dict(control_vectors or {}),
            progress=progress or bar.show,
        )
    finally:
        bar.close()
        log.tell()
