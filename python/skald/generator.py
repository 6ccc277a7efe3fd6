"""A model with settings of its own: load_model() and Generator."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from skald import calls, loading
from skald._native import Door, Model
from skald.calls import TextStream
from skald.options import config_of


def load_model(path: str | os.PathLike[str] | None = None, *, device: object = None, **load_options: Any) -> Model:
    """The model at `path`: a .pt checkpoint, a folder, a GGUF file, a name; None: the one that ships."""
    loading.warn_of_device(device)
    return loading.load(path, **load_options)


class Generator:
    """Generates text with one model and one set of options.

    >>> Generator(load_model("final_model.pt"), temperature=0.8).generate("The dragon", max_tokens=100)
    """

    def __init__(self, model: Model, **options: Any) -> None:
        """options: every option of docs/options.md; they hold where a call does not say otherwise."""
        self.model = model
        self._config = config_of(options)

    def generate(self, prompt: str, *, return_full_text: bool = True, **options: Any) -> str:
        """`prompt` and its continuation; with return_full_text=False the continuation alone.

        Defaults, where nothing else says so: 200 tokens, sampled at temperature 1.
        """
        return self.batch_generate([prompt], return_full_text=return_full_text, **options)[0]

    def batch_generate(self, prompts: Iterable[str], *, return_full_text: bool = True, **options: Any) -> list[str]:
        """As generate(), of each prompt; they are computed together."""
        config = config_of(options, self._config)
        texts = list(prompts)
        completions = calls.complete(self.model, texts, config, Door.library)
        return [(texts[c.prompt_index] if return_full_text else "") + c.text for c in completions]

    def stream(self, prompt: str, **options: Any) -> TextStream:
        """The continuation of `prompt` as it comes."""
        return TextStream(calls.Stream(self.model, [prompt], config_of(options, self._config), Door.library))
