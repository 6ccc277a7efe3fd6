"""Models with the interface of transformers, as far as generation goes."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from skald import loading
from skald._native import Model
from skald.errors import UnsupportedError
from skald.transformers import generation
from skald.transformers.arrays import as_kind, ids_of, kind_of
from skald.transformers.configuration import GenerationConfig

_BITS = {"float32": 32, "float": 32, "bfloat16": 16, "float16": 16, "half": 16, "auto": None}
# Arguments of from_pretrained() that say how transformers computes.
_ITS_OWN = {
    "low_cpu_mem_usage",
    "use_safetensors",
    "local_files_only",
    "revision",
    "token",
    "cache_dir",
    "offload_folder",
    "max_memory",
    "use_cache",
    "return_dict",
    "subfolder",
    "force_download",
    "proxies",
    "variant",
}


def _bits(dtype: Any, quantization: Any, eight: bool, four: bool) -> int | None:
    if four or getattr(quantization, "load_in_4bit", False):
        return 4
    if eight or getattr(quantization, "load_in_8bit", False):
        return 8
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.")
    if name not in _BITS:
        raise ValueError(f"dtype={name!r}: must be one of {', '.join(_BITS)}")
    return _BITS[name]


class Config(SimpleNamespace):
    """config.json, as attributes."""

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return dict(vars(self))


def _config_of(model: Model) -> Config:
    path = Path(model.info["path"])
    file = (path if path.is_dir() else path.parent) / "config.json"
    values = json.loads(file.read_text(encoding="utf-8")) if file.is_file() and path.is_dir() else {}
    info = model.info
    known = {"vocab_size": info["vocab_size"], "hidden_size": info["hidden_size"], "num_hidden_layers": info["layers"]}
    known |= {"model_type": info["architecture"], "is_encoder_decoder": info["encoder_layers"] > 0}
    return Config(**(known | values))


class SkaldModel:
    """A model that generates as transformers' models do."""

    def __init__(self, native: Model, reload: Callable[[str], Model]) -> None:
        """reload: loads the model again, with the draft model at a path."""
        self.native = native
        self.config = _config_of(native)
        self.file_config: dict[str, Any] = json.loads(native.generation_config.to_json())  # as it was loaded
        self.generation_config = GenerationConfig(**self.file_config)
        self.name_or_path: str = native.info["path"]
        self._reload = reload
        self._with_drafts: dict[str, Model] = {}

    @property
    def is_encoder_decoder(self) -> bool:
        """Whether an encoder reads the prompt."""
        return bool(self.native.info["encoder_layers"])

    @property
    def device(self) -> Any:
        """The processor."""
        return "cpu"

    def to(self, *arguments: Any, **_: Any) -> SkaldModel:
        """Models run on the CPU; another device is accepted with a warning."""
        for argument in arguments:
            if isinstance(argument, str) or type(argument).__name__ == "device":
                loading.warn_of_device(argument)
        return self

    def cuda(self, *_: object) -> SkaldModel:
        """As to("cuda")."""
        return self.to("cuda")

    def cpu(self) -> SkaldModel:
        """Itself."""
        return self

    def eval(self) -> SkaldModel:
        """Itself: there is no training."""
        return self

    def can_generate(self) -> bool:
        """True."""
        return True

    def generate(
        self,
        inputs: Any = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: Iterable[Any] | None = None,
        stopping_criteria: Iterable[Any] | None = None,
        prefix_allowed_tokens_fn: Callable[[int, Any], Iterable[int]] | None = None,
        assistant_model: SkaldModel | None = None,
        streamer: Any = None,
        negative_prompt_ids: Any = None,
        input_ids: Any = None,
        attention_mask: Any = None,
        **options: Any,
    ) -> Any:
        """transformers' generate(): sequences [rows, length], or a ModelOutput with return_dict_in_generate=True.

        Options by rank: keywords, generation_config, the model's generation_config.json, transformers' defaults. Raises
        ValueError for options that are none, as transformers does.
        """
        config = generation_config or self._changed_config()
        if negative_prompt_ids is not None:
            options["negative_prompt_ids"] = ids_of(negative_prompt_ids, "negative_prompt_ids")[0].tolist()
        call = generation.Call(self, config, options)
        ids = input_ids if inputs is None else inputs
        if ids is None:
            bos = call.get("bos_token_id")
            if bos is None:
                raise ValueError("`bos_token_id` has to be defined when no `input_ids` are provided.")
            ids = np.array([[bos]])
        prompts = generation.read_inputs(
            ids, attention_mask, call.get("pad_token_id"), call.eos, not self.is_encoder_decoder
        )
        if assistant_model is not None:
            call.model = self._drafted_by(assistant_model)
        return generation.run(
            call,
            prompts,
            processors=logits_processor,
            criteria=stopping_criteria,
            prefix=prefix_allowed_tokens_fn,
            streamer=streamer,
        )

    def _changed_config(self) -> GenerationConfig:
        """What was set in `generation_config` since the model was loaded."""
        now = self.generation_config.to_dict()
        return GenerationConfig(**{name: value for name, value in now.items() if self.file_config.get(name) != value})

    def _drafted_by(self, assistant: SkaldModel) -> SkaldModel:
        path = assistant.name_or_path
        if path not in self._with_drafts:
            self._with_drafts[path] = self._reload(path)
        drafted = SkaldModel(self._with_drafts[path], self._reload)
        return drafted

    def compute_transition_scores(
        self, sequences: Any, scores: Any, beam_indices: Any = None, normalize_logits: bool = False
    ) -> Any:
        """Scores [rows, steps] of the tokens that were generated. beam_indices: only says that there were beams.

        `scores` are as generate() gives them: of each step, a row for each sequence that is returned.
        """
        ids = ids_of(sequences, "sequences")[:, -len(scores) :]
        chosen = np.zeros(ids.shape, np.float32)
        for step, values in enumerate(scores):
            table = np.asarray(values, np.float64)
            if normalize_logits:
                top = table.max(axis=1, keepdims=True)
                table = table - top - np.log(np.exp(table - top).sum(axis=1, keepdims=True))
            chosen[:, step] = table[np.arange(len(ids)), ids[:, step]]
        if beam_indices is not None:
            chosen[ids_of(beam_indices, "beam_indices") < 0] = 0
        return as_kind(chosen, kind_of(sequences))


def _load(
    name: str | os.PathLike[str],
    *,
    dtype: Any = None,
    torch_dtype: Any = None,
    quantization_config: Any = None,
    load_in_8bit: bool = False,
    load_in_4bit: bool = False,
    device_map: Any = None,
    attn_implementation: str | None = None,
    trust_remote_code: bool | None = None,
    gguf_file: str | None = None,
    bits: int | None = None,
    **options: Any,
) -> SkaldModel:
    loading.warn_of_device(None if isinstance(device_map, dict) else device_map)
    if attn_implementation is not None:
        warnings.warn(f"attn_implementation={attn_implementation!r}: attention is Skald's own", stacklevel=4)
    if trust_remote_code:
        warnings.warn("trust_remote_code=True: Skald runs no code of a model", stacklevel=4)
    if bits is None:
        bits = _bits(dtype if dtype is not None else torch_dtype, quantization_config, load_in_8bit, load_in_4bit)
    kept = {name: value for name, value in options.items() if name not in _ITS_OWN}
    path = os.path.join(loading.find(name), gguf_file) if gguf_file else name
    native = loading.load(path, bits=bits, **kept)
    return SkaldModel(native, lambda draft: loading.load(path, bits=bits, draft=draft, **kept))


class AutoModelForCausalLM:
    """AutoModelForCausalLM.from_pretrained(...), as in transformers."""

    @staticmethod
    def from_pretrained(name: str | os.PathLike[str], *_: object, **options: Any) -> SkaldModel:
        """Loads a decoder-only model: a folder, a GGUF file, a name in the Hugging Face cache."""
        model = _load(name, **options)
        if model.is_encoder_decoder:
            raise UnsupportedError(f"{name}: is an encoder-decoder: use AutoModelForSeq2SeqLM")
        return model


class AutoModelForSeq2SeqLM:
    """AutoModelForSeq2SeqLM.from_pretrained(...), as in transformers."""

    @staticmethod
    def from_pretrained(name: str | os.PathLike[str], *_: object, **options: Any) -> SkaldModel:
        """Loads an encoder-decoder."""
        model = _load(name, **options)
        if not model.is_encoder_decoder:
            raise UnsupportedError(f"{name}: has no encoder: use AutoModelForCausalLM")
        return model
