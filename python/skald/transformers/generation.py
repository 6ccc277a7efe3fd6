"""generate() as transformers has it: arguments in, arrays out; the engine does the work."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skald import _native, log
from skald._native import Completion, Door
from skald.errors import UnsupportedError
from skald.options import config_of
from skald.transformers import hooks, outputs, states
from skald.transformers.arrays import Ids, as_kind, ids_of, kind_of, padded
from skald.transformers.caches import Cache, DynamicCache, StaticCache
from skald.transformers.configuration import GenerationConfig
from skald.transformers.seeds import draws

# Arguments of a model's forward() that mean nothing beside input_ids and attention_mask.
_FORWARD = ("token_type_ids", "position_ids", "cache_position", "synced_gpus", "tokenizer")
_REFUSED = ("inputs_embeds", "encoder_outputs", "decoder_input_ids", "assistant_tokenizer", "custom_generate")


@dataclass
class Inputs:
    """The prompts of a call."""

    given: Ids  # [prompts, width], with padding
    mask: Ids  # [prompts, width]: 0 for padding
    prompts: list[list[int]]  # without
    kind: str  # "np" or "pt": what the caller uses


def _infer_mask(ids: Ids, pad: int | None, eos: Sequence[int]) -> Ids:
    """transformers' rule: padding is masked where it is there and is no end-of-sequence token."""
    return (ids != pad).astype(np.int64) if pad is not None and pad not in eos else np.ones_like(ids)


def read_inputs(value: Any, mask: Any, pad: int | None, eos: Sequence[int], decoder_only: bool) -> Inputs:
    """Prompts from matrices of ids and attention."""
    given = ids_of(value, "input_ids")
    attention = _infer_mask(given, pad, eos) if mask is None else ids_of(mask, "attention_mask")
    if attention.shape != given.shape:
        raise ValueError(f"attention_mask: has the shape {attention.shape}, input_ids {given.shape}")
    if decoder_only and given.shape[1] and (attention[:, -1] == 0).any():
        warnings.warn(
            "A decoder-only model is given right-padded prompts: they are computed without their padding, and what is "
            "generated stands behind it. Set tokenizer.padding_side = 'left'.",
            stacklevel=4,
        )
    prompts = [row[seen.astype(bool)].tolist() for row, seen in zip(given, attention)]
    return Inputs(given, attention, prompts, kind_of(value))


def _as_list(value: Any) -> list[int]:
    if value is None:
        return []
    return [int(token) for token in (value if isinstance(value, (list, tuple)) else [value])]


class Call:
    """One generate()."""

    def __init__(self, model: Any, generation_config: GenerationConfig | None, options: dict[str, Any]) -> None:
        self.model = model
        passed = generation_config.to_dict() if generation_config is not None else {}
        self.file: dict[str, Any] = model.file_config
        self.options = passed | {name: value for name, value in options.items() if value is not None}
        self.return_dict = bool(self.options.pop("return_dict_in_generate", False))
        self._check_names()

    def _check_names(self) -> None:
        for name in _REFUSED:
            if self.options.pop(name, None) is not None:
                raise UnsupportedError(f"generate: {name}: Skald's models do not take it")
        cache = self.cache = self.options.pop("past_key_values", None)
        limited = isinstance(cache, StaticCache) and cache.max_cache_len
        if limited and "max_new_tokens" not in self.options:
            self.options.setdefault("max_length", cache.max_cache_len)
        self.keeps = self.options.pop("use_cache", True) is not False
        for name in _FORWARD:
            self.options.pop(name, None)
        unknown = [name for name in self.options if name not in GenerationConfig._names]
        if unknown:
            raise ValueError(
                f"The following `model_kwargs` are not used by the model: {unknown} (note: typos in the generate "
                "arguments will also show up in this list)"
            )

    def get(self, name: str, default: Any = None) -> Any:
        """An option's value by rank: the call's, the model's file's, `default`."""
        value = self.options.get(name, self.file.get(name))
        return default if value is None else value

    @property
    def eos(self) -> list[int]:
        """Tokens that end a row."""
        return _as_list(self.get("eos_token_id"))

    @property
    def pad(self) -> int:
        """What rows are filled up with."""
        pad = self.get("pad_token_id")
        if pad is None:
            return self.eos[0] if self.eos else 0
        beams = self.get("num_beams", 1) > 1
        return int(pad) or (self.eos[0] if beams and self.eos else 0)  # transformers' beams take 0 for unset

    def config(self, inputs: Inputs) -> _native.GenerationConfig:
        """What the engine is asked for."""
        options = dict(self.options)
        if not self.model.is_encoder_decoder:
            self._count_padding(options, inputs)
        if not self.return_dict:
            for name in ("output_scores", "output_logits", "output_attentions", "output_hidden_states"):
                if options.pop(name, None):
                    warnings.warn(f"{name} has no effect without return_dict_in_generate=True", stacklevel=4)
        return config_of({"profile": "hf", **options})

    def _count_padding(self, options: dict[str, Any], inputs: Inputs) -> None:
        """Lengths count the prompt with its padding."""
        width = inputs.given.shape[1]
        longest = max(len(prompt) for prompt in inputs.prompts)
        limit = options.get("max_length")
        if limit is not None and "max_new_tokens" in options:
            del options["max_length"]
        elif limit is not None:
            if limit <= width:
                raise ValueError(
                    f"Input length of input_ids is {width}, but `max_length` is set to {limit}. Increase `max_length` "
                    "or, better, set `max_new_tokens`."
                )
            if width != longest:
                options["max_new_tokens"] = options.pop("max_length") - width


def _steps(completions: Sequence[Completion], array: Callable[[Completion], Any], kind: str) -> tuple[Any, ...] | None:
    """Of each step [rows, vocab_size]; zeros for rows that have ended."""
    arrays: list[npt.NDArray[np.float32] | None] = [array(completion) for completion in completions]
    there = [one for one in arrays if one is not None]
    if not there:
        return None
    dense = np.zeros((max(len(one) for one in there), len(arrays), there[0].shape[1]), np.float32)
    for row, one in enumerate(arrays):
        if one is not None:
            dense[: len(one), row] = one
    return tuple(as_kind(step, kind) for step in dense)


def sequences_of(call: Call, inputs: Inputs, completions: Sequence[Completion]) -> Ids:
    """[rows, length]: prompts as they were given and what was generated; of an encoder-decoder the decoder's tokens."""
    rows = [completion.token_ids for completion in completions]
    generated = padded(rows, call.pad, "right")
    if call.model.is_encoder_decoder:
        start = call.get("decoder_start_token_id", call.get("bos_token_id", 0))
        begin = np.full((len(rows), 1), start, np.int64)
    else:
        begin = inputs.given[[completion.prompt_index for completion in completions]]
    return np.concatenate([begin, generated], axis=1)


def output_of(call: Call, inputs: Inputs, completions: Sequence[Completion]) -> Any:
    """What generate() returns."""
    kind = inputs.kind
    sequences = as_kind(sequences_of(call, inputs, completions), kind)
    if not call.return_dict:
        return sequences
    values: dict[str, Any] = {"sequences": sequences}
    beams = completions[0].score is not None
    if beams:
        scores = np.array([completion.score for completion in completions], np.float32)
        values["sequences_scores"] = as_kind(scores, kind)
    values["scores"] = _steps(completions, lambda completion: completion.scores, kind)
    values["logits"] = _steps(completions, lambda completion: completion.logits, kind)
    mask = inputs.mask[[completion.prompt_index for completion in completions]]
    values["attentions"] = states.attentions(completions, mask, kind)
    values["hidden_states"] = states.hidden_states(completions, mask, kind)
    if beams:
        values["beam_indices"] = as_kind(padded([c.beam_indices for c in completions], -1, "right"), kind)
    if call.keeps:
        cache = call.cache if isinstance(call.cache, Cache) else DynamicCache()
        values["past_key_values"] = cache.hold(sequences.shape[1] - 1)
    made: type[outputs.ModelOutput]
    if call.model.is_encoder_decoder:
        made = outputs.GenerateBeamEncoderDecoderOutput if beams else outputs.GenerateEncoderDecoderOutput
    else:
        made = outputs.GenerateBeamDecoderOnlyOutput if beams else outputs.GenerateDecoderOnlyOutput
    return made(**values)


def _functions(call: Call, inputs: Inputs, processors: Any, criteria: Any, prefix: Any) -> Mapping[str, Any]:
    """Code of the caller's own, as the engine calls it."""
    rows = hooks.Rows(inputs.given, call.get("num_return_sequences", 1), inputs.kind)
    functions: dict[str, Any] = {"stopping_criteria": [hooks.criterion(stop, rows) for stop in criteria or ()]}
    if call.get("num_beams", 1) > 1 or len(inputs.prompts) * rows.per_prompt == 1:
        functions["logits_processors"] = [hooks.one_by_one(each, rows) for each in processors or ()]
    else:
        functions["group_logits_processors"] = [hooks.together(each, rows, call.pad) for each in processors or ()]
    if prefix is not None:
        functions["prefix_allowed_tokens_fn"] = hooks.allowed(prefix, rows)
    return functions


def _stream(streamer: Any, native: _native.Call, inputs: Inputs) -> list[Completion]:
    """The call's completions, whose tokens go to `streamer` as they come."""
    finished: list[Completion] = []
    streamer.put(as_kind(inputs.given, inputs.kind))
    while (event := native.next()) is not None:
        for token in event.token_ids:
            streamer.put(as_kind(np.array([token], np.int64), inputs.kind))
        if event.finished is not None:
            finished.append(event.finished)
    streamer.end()
    return finished


def run(
    call: Call,
    inputs: Inputs,
    *,
    processors: Any = None,
    criteria: Any = None,
    prefix: Any = None,
    streamer: Any = None,
) -> Any:
    """Runs a call and gives what generate() returns."""
    if streamer is not None and (call.get("num_beams", 1) > 1 or len(inputs.prompts) > 1):
        raise ValueError("`streamer` cannot be used with beam search or several prompts")
    functions = _functions(call, inputs, processors, criteria, prefix)
    config = call.config(inputs)
    own_seed = not call.get("do_sample", False) or call.get("seed") is not None
    with nullcontext() if own_seed else draws(inputs.kind) as torch_random:
        native = _native.start(
            call.model.native,
            inputs.prompts,
            config,
            Door.transformers,
            stream=streamer is not None,
            torch_random=torch_random,
            **functions,
        )
        try:
            completions = native.wait() if streamer is None else _stream(streamer, native, inputs)
        finally:
            log.tell()
    return output_of(call, inputs, completions)
