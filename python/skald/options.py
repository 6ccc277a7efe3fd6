"""Options of generation, from keywords to what the library reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from skald._native import GenerationConfig

# What users of other programs call our options.
_OTHER_NAMES = {"max_tokens": "max_new_tokens", "n": "num_return_sequences", "stop": "stop_strings"}
_OTHER_NAMES |= {"min_tokens": "min_new_tokens", "num_samples": "num_return_sequences"}


def _plain(value: Any) -> Any:
    """`value` without NumPy, torch, tuples and objects of settings."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "to_dict"):  # settings of a watermark
        return value.to_dict()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"an option cannot be a {type(value).__name__}")


def _biases(value: Any) -> Any:
    """transformers' {(ids): bias} as the list of pairs that stands in files."""
    return [[list(ids), bias] for ids, bias in value.items()] if isinstance(value, Mapping) else value


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


_FORMS = {"sequence_bias": _biases, "stop_strings": _texts}


def canonical(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set, under the names of the option table."""
    named: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        own = _OTHER_NAMES.get(name, name)
        if own in named:
            raise TypeError(f"{name} and {own} are the same option: give one of them")
        named[own] = _FORMS[own](value) if own in _FORMS else value
    if named.get("top_k") == -1:
        named["top_k"] = 0
    return named


def config_of(options: Mapping[str, Any], below: GenerationConfig | None = None) -> GenerationConfig:
    """The configuration that `options` make, over `below`."""
    config = GenerationConfig.from_json(json.dumps(canonical(options), default=_plain), "options")
    return config if below is None else config.over(below)
