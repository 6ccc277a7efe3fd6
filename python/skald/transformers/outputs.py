"""What generate() and tokenizers return: dicts whose values are attributes too."""

from __future__ import annotations

from collections import OrderedDict, UserDict
from typing import Any

import numpy as np

from skald.transformers.arrays import as_kind


class ModelOutput(OrderedDict[str, Any]):
    """Values by name, as attributes and in order; what is None is not among them."""

    def __init__(self, **values: Any) -> None:
        super().__init__({name: value for name, value in values.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name.startswith("_"):
            raise AttributeError(name)
        return None

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else self.to_tuple()[key]

    def to_tuple(self) -> tuple[Any, ...]:
        """The values."""
        return tuple(self.values())


class GenerateDecoderOnlyOutput(ModelOutput):
    """sequences, scores, logits, attentions, hidden_states."""


class GenerateBeamDecoderOnlyOutput(ModelOutput):
    """sequences, sequences_scores, scores, logits, beam_indices."""


class GenerateEncoderDecoderOutput(ModelOutput):
    """sequences, scores, logits."""


class GenerateBeamEncoderDecoderOutput(ModelOutput):
    """sequences, sequences_scores, scores, logits, beam_indices."""


class BatchEncoding(UserDict[str, Any]):
    """What a tokenizer gives: input_ids, attention_mask, ..."""

    def __getattr__(self, name: str) -> Any:
        if name == "data" or name not in self.data:
            raise AttributeError(name)
        return self.data[name]

    def to(self, *_: object, **__: object) -> BatchEncoding:
        """Everything runs on the CPU: itself."""
        return self

    def convert_to_tensors(self, kind: str) -> BatchEncoding:
        """Values as arrays of "np" or "pt"."""
        try:
            self.data = {name: as_kind(np.asarray(value, np.int64), kind) for name, value in self.data.items()}
        except ValueError as error:
            if "inhomogeneous" not in str(error):
                raise
            raise ValueError("texts of different lengths make no array: give padding=True, or one text") from None
        return self
