"""Processors and criteria of the caller's own, called as transformers calls them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skald.transformers.arrays import Ids, as_kind, numpy_of

View = tuple[int, int, Ids, int]  # prompt, index, token_ids, prompt_length: as _native gives it


class LogitsProcessor:
    """Base of processors: __call__(input_ids [rows, length], scores [rows, vocab_size]) -> scores."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __call__")


LogitsWarper = LogitsProcessor  # transformers' older name


class StoppingCriteria:
    """Base of criteria: __call__(input_ids [rows, length], scores) -> bool of each row, or of all."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no __call__")


class LogitsProcessorList(list[Any]):
    """Processors, one after the other."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        for processor in self:
            scores = processor(input_ids, scores, **kwargs)
        return scores


class StoppingCriteriaList(list[Any]):
    """Criteria, any of which ends a row."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        return np.logical_or.reduce([np.asarray(criterion(input_ids, scores, **kwargs)) for criterion in self])


class Rows:
    """The rows of a call as its caller knows them: the ids that were given, with their padding."""

    def __init__(self, given: Ids, per_prompt: int, kind: str) -> None:
        """given: [prompts, width]; per_prompt: rows of a prompt."""
        self.given, self.per_prompt, self.kind = given, per_prompt, kind

    def history(self, view: View) -> Ids:
        """Given ids and what was generated, of one row."""
        prompt, _, token_ids, prompt_length = view
        return np.concatenate([self.given[prompt], token_ids[prompt_length:].astype(np.int64)])


def one_by_one(processor: Callable[..., Any], rows: Rows) -> Callable[..., Any]:
    """`processor` for a row at a time: [1, length] and [1, vocab_size]."""

    def call(view: View, scores: npt.NDArray[np.float32]) -> Any:
        ids = as_kind(rows.history(view)[None], rows.kind)
        return np.ascontiguousarray(numpy_of(processor(ids, as_kind(scores[None], rows.kind)))[0], np.float32)

    return call


def together(processor: Callable[..., Any], rows: Rows, filler: int) -> Callable[..., Any]:
    """`processor` for all rows of the call. Rows that have ended are padded, and what comes of them is left."""
    n_rows = len(rows.given) * rows.per_prompt
    known: dict[int, Ids] = {}

    def call(views: Sequence[View], scores: npt.NDArray[np.float32]) -> Any:
        places = [view[0] * rows.per_prompt + view[1] for view in views]
        known.update((place, rows.history(view)) for place, view in zip(places, views))
        width = max(len(known[place]) for place in places)
        ids = np.full((n_rows, width), filler, np.int64)
        for place, history in known.items():
            ids[place, : len(history)] = history
        dense = np.zeros((n_rows, scores.shape[1]), np.float32)
        dense[places] = scores
        returned = numpy_of(processor(as_kind(ids, rows.kind), as_kind(dense, rows.kind)))
        return np.ascontiguousarray(returned[places], np.float32)

    return call


def criterion(stop: Callable[..., Any], rows: Rows) -> Callable[[View], bool]:
    """`stop` for a row at a time."""

    def call(view: View) -> bool:
        return bool(np.any(numpy_of(stop(as_kind(rows.history(view)[None], rows.kind), None))))

    return call


def allowed(function: Callable[[int, Any], Iterable[int]], rows: Rows) -> Callable[[View], list[int]]:
    """transformers' prefix_allowed_tokens_fn(batch_id, input_ids)."""

    def call(view: View) -> list[int]:
        return [int(token) for token in function(view[0], as_kind(rows.history(view), rows.kind))]

    return call
