"""GenerationConfig with the interface of transformers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from skald import _native

_FILE = "generation_config.json"


def _known() -> frozenset[str]:
    rows = _native.generation_options() + _native.passive_options()
    return frozenset(row["name"] for row in rows)


class GenerationConfig:
    """Options of generation; what is not set is None."""

    _names = _known()

    def __init__(self, **options: Any) -> None:
        for name, value in options.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name in type(self)._names:
            return None
        raise AttributeError(f"GenerationConfig has no option {name!r}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GenerationConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"GenerationConfig {self.to_json_string()}"

    def to_dict(self) -> dict[str, Any]:
        """The options that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}

    to_diff_dict = to_dict

    def to_json_string(self) -> str:
        """The options that are set, as JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True, default=str) + "\n"

    def update(self, **options: Any) -> dict[str, Any]:
        """Sets options; returns those that are none."""
        unused = {}
        for name, value in options.items():
            if name in self._names or name in vars(self):
                setattr(self, name, value)
            else:
                unused[name] = value
        return unused

    def save_pretrained(self, folder: str | os.PathLike[str], config_file_name: str = _FILE) -> None:
        """Writes the options that are set to `folder`, which is made where it is missing."""
        _native.GenerationConfig.from_json(json.dumps(self.to_dict()), "GenerationConfig").save(
            os.path.join(os.fspath(folder), config_file_name)
        )

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str], config_file_name: str = _FILE, **options: Any) -> Any:
        """Reads what save_pretrained() wrote; `options` are set over it."""
        path = Path(os.fspath(folder))
        read = _native.GenerationConfig.load(str(path / config_file_name if path.is_dir() else path))
        return cls(**(json.loads(read.to_json()) | options))

    @classmethod
    def from_dict(cls, values: dict[str, Any], **options: Any) -> Any:
        """The options of a dict."""
        return cls(**(values | options))
