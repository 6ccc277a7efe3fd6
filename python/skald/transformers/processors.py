"""transformers' processors and criteria, by the engine's own: for lists of them, and to be called on arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skald import _native
from skald.options import config_of
from skald.transformers.arrays import Ids, as_kind, kind_of, numpy_of
from skald.transformers.hooks import LogitsProcessor, StoppingCriteria

_NONE = float("-inf")


class _OfOptions(LogitsProcessor):
    """What options of generation do, to each row of scores."""

    def __init__(self, *, min_tokens_to_keep: int = 1, filter_value: float = _NONE, **options: Any) -> None:
        self.config = config_of(options)
        self.filter_value = filter_value
        self.place: dict[str, Any] = {"min_tokens_to_keep": min_tokens_to_keep}

    def encoder_input(self, row: int, n_rows: int) -> Sequence[int]:
        """Of one row; empty: there is none."""
        return ()

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        ids: Ids = numpy_of(input_ids)
        before = np.ascontiguousarray(numpy_of(scores), np.float32)
        after = np.empty_like(before)
        for row in range(len(ids)):
            place = {"prompt_length": 0, "encoder_input": self.encoder_input(row, len(ids)), **self.place}
            place["prompt_length"] = min(place["prompt_length"], ids.shape[1])
            after[row] = _native.process_logits(self.config, ids[row], before[row], **place)
        if self.filter_value != _NONE:
            after[np.isneginf(after) & ~np.isneginf(before)] = self.filter_value
        return as_kind(after, kind_of(scores))


class TemperatureLogitsWarper(_OfOptions):
    """temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__(do_sample=True, temperature=temperature)


class _Filter(_OfOptions):
    """Takes tokens out, where it samples."""

    def __init__(self, filter_value: float, min_tokens_to_keep: int = 1, **options: Any) -> None:
        super().__init__(do_sample=True, filter_value=filter_value, min_tokens_to_keep=min_tokens_to_keep, **options)


class TopKLogitsWarper(_Filter):
    """top_k."""

    def __init__(self, top_k: int, filter_value: float = _NONE, min_tokens_to_keep: int = 1) -> None:
        super().__init__(filter_value, min_tokens_to_keep, top_k=max(top_k, min_tokens_to_keep))


class TopPLogitsWarper(_Filter):
    """top_p."""

    def __init__(self, top_p: float, filter_value: float = _NONE, min_tokens_to_keep: int = 1) -> None:
        super().__init__(filter_value, min_tokens_to_keep, top_p=top_p)


class MinPLogitsWarper(_Filter):
    """min_p."""

    def __init__(self, min_p: float, filter_value: float = _NONE, min_tokens_to_keep: int = 1) -> None:
        super().__init__(filter_value, min_tokens_to_keep, min_p=min_p)


class TopHLogitsWarper(_Filter):
    """top_h."""

    def __init__(self, top_h: float, filter_value: float = _NONE) -> None:
        super().__init__(filter_value, top_h=top_h)


class TypicalLogitsWarper(_Filter):
    """typical_p."""

    def __init__(self, mass: float = 0.9, filter_value: float = _NONE, min_tokens_to_keep: int = 1) -> None:
        super().__init__(filter_value, min_tokens_to_keep, typical_p=mass)


class EpsilonLogitsWarper(_Filter):
    """epsilon_cutoff."""

    def __init__(self, epsilon: float, filter_value: float = _NONE, min_tokens_to_keep: int = 1) -> None:
        super().__init__(filter_value, min_tokens_to_keep, epsilon_cutoff=epsilon)


class EtaLogitsWarper(_Filter):
    """eta_cutoff."""

    def __init__(
        self, epsilon: float, filter_value: float = _NONE, min_tokens_to_keep: int = 1, device: Any = "cpu"
    ) -> None:
        super().__init__(filter_value, min_tokens_to_keep, eta_cutoff=epsilon)


class MinLengthLogitsProcessor(_OfOptions):
    """min_length."""

    def __init__(self, min_length: int, eos_token_id: int | list[int], device: Any = "cpu") -> None:
        super().__init__(min_length=min_length, eos_token_id=eos_token_id)


class MinNewTokensLengthLogitsProcessor(_OfOptions):
    """min_new_tokens."""

    def __init__(
        self,
        prompt_length_to_skip: int,
        min_new_tokens: int,
        eos_token_id: int | list[int],
        device: Any = "cpu",
    ) -> None:
        super().__init__(min_new_tokens=min_new_tokens, eos_token_id=eos_token_id)
        self.place["prompt_length"] = prompt_length_to_skip


class RepetitionPenaltyLogitsProcessor(_OfOptions):
    """repetition_penalty; prompt_ignore_length: so many tokens of the beginning do not count."""

    def __init__(self, penalty: float, prompt_ignore_length: int | None = None) -> None:
        super().__init__(repetition_penalty=penalty)
        self.ignored = prompt_ignore_length or 0

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return super().__call__(input_ids[:, self.ignored :], scores)


class NoRepeatNGramLogitsProcessor(_OfOptions):
    """no_repeat_ngram_size."""

    def __init__(self, ngram_size: int) -> None:
        super().__init__(no_repeat_ngram_size=ngram_size)


class SequenceBiasLogitsProcessor(_OfOptions):
    """sequence_bias: {(ids): bias}, or a list of [ids, bias]."""

    def __init__(self, sequence_bias: Any) -> None:
        super().__init__(sequence_bias=sequence_bias)


class NoBadWordsLogitsProcessor(_OfOptions):
    """bad_words_ids; the end-of-sequence token alone is never bad."""

    def __init__(self, bad_words_ids: list[list[int]], eos_token_id: Any = None) -> None:
        eos = set() if eos_token_id is None else set(np.atleast_1d(numpy_of(eos_token_id)).tolist())
        kept = [ids for ids in bad_words_ids if not (len(ids) == 1 and ids[0] in eos)]
        super().__init__(bad_words_ids=kept)


class ForcedBOSTokenLogitsProcessor(_OfOptions):
    """forced_bos_token_id: the token behind the first one."""

    def __init__(self, bos_token_id: int) -> None:
        super().__init__(forced_bos_token_id=bos_token_id)


class ForcedEOSTokenLogitsProcessor(_OfOptions):
    """forced_eos_token_id: the last token before max_length."""

    def __init__(self, max_length: int, eos_token_id: int | list[int], device: Any = "cpu") -> None:
        super().__init__(forced_eos_token_id=eos_token_id)
        self.place["max_length"] = max_length


class InfNanRemoveLogitsProcessor(_OfOptions):
    """remove_invalid_values."""

    def __init__(self) -> None:
        super().__init__(remove_invalid_values=True)


class ExponentialDecayLengthPenalty(_OfOptions):
    """exponential_decay_length_penalty: (start, factor)."""

    def __init__(
        self, exponential_decay_length_penalty: tuple[int, float], eos_token_id: Any, input_ids_seq_length: int
    ) -> None:
        super().__init__(
            exponential_decay_length_penalty=list(exponential_decay_length_penalty), eos_token_id=eos_token_id
        )
        self.place["prompt_length"] = input_ids_seq_length


class SuppressTokensLogitsProcessor(_OfOptions):
    """suppress_tokens."""

    def __init__(self, suppress_tokens: Iterable[int], device: Any = "cpu") -> None:
        super().__init__(suppress_tokens=list(suppress_tokens))


class SuppressTokensAtBeginLogitsProcessor(_OfOptions):
    """begin_suppress_tokens, where begin_index tokens stand before."""

    def __init__(self, begin_suppress_tokens: Iterable[int], begin_index: int, device: Any = "cpu") -> None:
        super().__init__(begin_suppress_tokens=list(begin_suppress_tokens))
        self.place["prompt_length"] = self.begin_index = begin_index

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return super().__call__(input_ids, scores) if input_ids.shape[-1] == self.begin_index else scores


class LogitNormalization(_OfOptions):
    """renormalize_logits."""

    def __init__(self) -> None:
        super().__init__(renormalize_logits=True)


class _OfEncoder(_OfOptions):
    """Looks at the encoder's input."""

    def __init__(self, encoder_input_ids: Any, **options: Any) -> None:
        super().__init__(**options)
        ids: Ids = numpy_of(encoder_input_ids)
        self.encoder_rows = (ids[None] if ids.ndim == 1 else ids).tolist()

    def encoder_input(self, row: int, n_rows: int) -> Sequence[int]:
        return self.encoder_rows[row * len(self.encoder_rows) // n_rows]  # type: ignore[no-any-return]


class EncoderNoRepeatNGramLogitsProcessor(_OfEncoder):
    """encoder_no_repeat_ngram_size."""

    def __init__(self, encoder_ngram_size: int, encoder_input_ids: Any) -> None:
        super().__init__(encoder_input_ids, encoder_no_repeat_ngram_size=encoder_ngram_size)


class EncoderRepetitionPenaltyLogitsProcessor(_OfEncoder):
    """encoder_repetition_penalty."""

    def __init__(self, penalty: float, encoder_input_ids: Any) -> None:
        super().__init__(encoder_input_ids, encoder_repetition_penalty=penalty)


class PrefixConstrainedLogitsProcessor(LogitsProcessor):
    """prefix_allowed_tokens_fn(batch_id, input_ids), of num_beams rows each."""

    def __init__(self, prefix_allowed_tokens_fn: Callable[[int, Any], Iterable[int]], num_beams: int) -> None:
        self.allowed, self.num_beams = prefix_allowed_tokens_fn, num_beams

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        before = numpy_of(scores)
        after = np.full_like(before, _NONE)
        for row in range(len(before)):
            tokens = list(self.allowed(row // self.num_beams, input_ids[row]))
            if not tokens:
                raise ValueError(f"prefix_allowed_tokens_fn: allows no token behind row {row}")
            after[row, tokens] = before[row, tokens]
        return as_kind(after, kind_of(scores))


class _Criterion(StoppingCriteria):
    """Says of each row, or of all, whether it ends."""

    def ends(self, ids: Ids) -> npt.NDArray[np.bool_]:
        """[rows]."""
        raise NotImplementedError

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return as_kind(self.ends(numpy_of(input_ids)), kind_of(input_ids))


class MaxLengthCriteria(_Criterion):
    """Ends at max_length tokens, the prompt's among them."""

    def __init__(self, max_length: int, max_position_embeddings: int | None = None) -> None:
        self.max_length, self.max_position_embeddings = max_length, max_position_embeddings

    def ends(self, ids: Ids) -> npt.NDArray[np.bool_]:
        return np.full(len(ids), ids.shape[1] >= self.max_length)


class MaxTimeCriteria(_Criterion):
    """Ends max_time seconds after it was made."""

    def __init__(self, max_time: float, initial_timestamp: float | None = None) -> None:
        self.max_time = max_time
        self.begin = time.time() if initial_timestamp is None else initial_timestamp

    def ends(self, ids: Ids) -> npt.NDArray[np.bool_]:
        return np.full(len(ids), time.time() - self.begin > self.max_time)


class EosTokenCriteria(_Criterion):
    """Ends behind one of these tokens."""

    def __init__(self, eos_token_id: int | list[int]) -> None:
        self.eos = np.atleast_1d(numpy_of(eos_token_id))

    def ends(self, ids: Ids) -> npt.NDArray[np.bool_]:
        return np.isin(ids[:, -1], self.eos)


class StopStringCriteria(_Criterion):
    """Ends where the text of the last tokens holds a stop string, of which the last token has a part."""

    def __init__(self, tokenizer: Any, stop_strings: str | list[str]) -> None:
        self.tokenizer = tokenizer
        self.stop_strings = [stop_strings] if isinstance(stop_strings, str) else list(stop_strings)
        self.most = max(len(text.encode()) for text in self.stop_strings) + 1  # tokens that one can reach over

    def ends(self, ids: Ids) -> npt.NDArray[np.bool_]:
        return np.array([self._ends(row.tolist()) for row in ids[:, -self.most :]], bool)

    def _ends(self, ids: list[int]) -> bool:
        text = self.tokenizer.decode(ids, skip_special_tokens=False)
        before = len(self.tokenizer.decode(ids[:-1], skip_special_tokens=False))
        found = (text.rfind(stop) + len(stop) for stop in self.stop_strings if stop in text)
        return any(end > before for end in found)
