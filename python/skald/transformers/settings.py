"""Objects that transformers takes as options: watermarks and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class _Settings:
    """Named values."""

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def to_dict(self) -> dict[str, Any]:
        """All of them."""
        return dict(vars(self))

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class WatermarkingConfig(_Settings):
    """A watermark of green lists (Kirchenbauer et al. 2023)."""

    def __init__(
        self,
        greenlist_ratio: float = 0.25,
        bias: float = 2.0,
        hashing_key: int = 15485863,
        seeding_scheme: str = "lefthash",
        context_width: int = 1,
    ) -> None:
        super().__init__(
            greenlist_ratio=greenlist_ratio,
            bias=bias,
            hashing_key=hashing_key,
            seeding_scheme=seeding_scheme,
            context_width=context_width,
        )


class SynthIDTextWatermarkingConfig(_Settings):
    """A watermark by tournaments (Dathathri et al. 2024)."""

    def __init__(
        self,
        ngram_len: int,
        keys: Sequence[int],
        context_history_size: int = 1024,
        sampling_table_seed: int = 0,
        sampling_table_size: int = 65536,
        skip_first_ngram_calls: bool = False,
        debug_mode: bool = False,
    ) -> None:
        super().__init__(
            ngram_len=ngram_len,
            keys=list(keys),
            context_history_size=context_history_size,
            sampling_table_seed=sampling_table_seed,
            sampling_table_size=sampling_table_size,
            skip_first_ngram_calls=skip_first_ngram_calls,
            debug_mode=debug_mode,
        )


class PhrasalConstraint:
    """A phrase that the text shall contain, as tokens: for generate(constraints=[...])."""

    def __init__(self, token_ids: Sequence[int]) -> None:
        self.token_ids = list(token_ids)

    def tolist(self) -> list[int]:
        """As the option `constraints` has it."""
        return self.token_ids


class DisjunctiveConstraint:
    """Phrases of which the text shall contain one."""

    def __init__(self, nested_token_ids: Sequence[Sequence[int]]) -> None:
        self.token_ids = [list(ids) for ids in nested_token_ids]

    def tolist(self) -> list[list[int]]:
        """As the option `constraints` has it."""
        return self.token_ids
