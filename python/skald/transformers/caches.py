"""Cache classes of transformers. Here the engine owns the keys and values: beginnings that requests share are computed
once whether or not a cache is given, so that these only say what was asked for."""

from __future__ import annotations

from typing import Any

from skald.loading import warn_of_device


class Cache:
    """Accepted as past_key_values. Texts that go on from earlier ones are found by their tokens."""

    def __init__(self, *_: object, **settings: Any) -> None:
        self.settings = settings
        self._length = 0

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """How many tokens of a row the model has computed, as generate() left it."""
        return self._length

    def hold(self, length: int) -> Cache:
        """Itself, after a call that computed so many tokens of a row."""
        self._length = length
        return self


class DynamicCache(Cache):
    """Grows as it needs to: what the engine does."""


class StaticCache(Cache):
    """Of a fixed size: max_cache_len limits how long a sequence can become."""

    def __init__(
        self,
        config: Any = None,
        max_batch_size: int | None = None,
        max_cache_len: int | None = None,
        device: object = None,
        dtype: object = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        warn_of_device(device)
        self.max_batch_size, self.max_cache_len = max_batch_size, max_cache_len


class QuantizedCache(Cache):
    """Keys and values of fewer bits: load the model with kv_bits=8."""


class EncoderDecoderCache(Cache):
    """Of an encoder-decoder."""
