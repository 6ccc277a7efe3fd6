"""One line: a model that answers with text."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, overload

from skald import calls, loading
from skald._native import Door, Model
from skald.calls import TextStream
from skald.chats import Chat, Message
from skald.options import config_of

_MIB = 1 << 20


class TurboModel:
    """What turbo() gives: text in, text out."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @overload
    def generate(self, prompt: str, *, stream: Literal[False] = ..., **options: Any) -> str: ...
    @overload
    def generate(self, prompt: str, *, stream: Literal[True], **options: Any) -> TextStream: ...
    @overload
    def generate(self, prompt: list[str], **options: Any) -> list[str]: ...
    def generate(self, prompt: str | list[str], *, stream: bool = False, **options: Any) -> Any:
        """The continuation of a prompt; of a list of prompts, theirs. stream: an iterator of its pieces.

        Defaults, where neither the call nor the model says anything: max_new_tokens=512, do_sample=True,
        temperature=0.7, top_p=0.9, top_k=50, repetition_penalty=1.1. Text ends before a stop string. options: every
        option of docs/options.md.
        """
        return self._answer([prompt] if isinstance(prompt, str) else prompt, isinstance(prompt, str), stream, options)

    def chat(
        self,
        messages: Sequence[Message],
        *,
        stream: bool = False,
        tools: Sequence[Any] | None = None,
        chat_template: str | None = None,
        **options: Any,
    ) -> Any:
        """The assistant's answer to a conversation, as text or as an iterator of its pieces."""
        chat = self._chat if chat_template is None else Chat(self.model, chat_template)
        ids = chat.encode(messages, tools=tools)
        return self._answer([ids], True, stream, options)

    @cached_property
    def _chat(self) -> Chat:
        return Chat(self.model)

    def _answer(self, prompts: Sequence[Any], single: bool, stream: bool, options: dict[str, Any]) -> Any:
        config = config_of(options)
        if stream:
            if not single:
                raise TypeError("stream=True takes one prompt: start one stream for each")
            return TextStream(calls.Stream(self.model, prompts, config, Door.turbo))
        texts = [completion.text for completion in calls.complete(self.model, prompts, config, Door.turbo)]
        return texts[0] if single and len(texts) == 1 else texts

    def report(self) -> dict[str, Any]:
        """What was loaded, and how."""
        info = self.model.info
        return {
            "model": info["path"],
            "architecture": info["architecture"],
            "parameters": info["parameters"],
            "format": info["format"],
            "dtype": info["dtype"],
            "weight_bytes": self.model.weight_bytes,
            "context": info["context"],
            "threads": self.model.threads,
            "device": "cpu",
        }


def _summary(model: TurboModel, seconds: float) -> str:
    report = model.report()
    context = f"{report['context']} tokens" if report["context"] else "not limited"
    rows = [
        ("model", report["model"]),
        ("parameters", f"{report['parameters'] / 1e6:,.1f} million, {report['architecture']}"),
        ("weights", f"{report['weight_bytes'] / _MIB:,.0f} MiB a step, from {report['format']} {report['dtype']}"),
        ("context", context),
        ("threads", str(report["threads"])),
        ("loaded in", f"{seconds:.1f} s"),
    ]
    return "\n".join(f"  {name:<11}{value}" for name, value in rows)


def turbo(
    model: str | os.PathLike[str] | None = None,
    *,
    bits: int | None = None,
    device: object = None,
    verbose: bool | None = None,
    **load_options: Any,
) -> TurboModel:
    """Loads a model in one line.

    model: a folder, a GGUF or .pt file, a name in the Hugging Face cache; None: the model that ships. bits: 32, 16, 8
    or 4 of a weight; None: as stored, or the next smaller that fits in memory. verbose: tell on standard error what was
    loaded; None: on a terminal. load_options: as skald.load() takes them.
    """
    loading.warn_of_device(device)
    begin = time.monotonic()
    loaded = TurboModel(loading.load(model, bits=bits, **load_options))
    if sys.stderr.isatty() if verbose is None else verbose:
        print(_summary(loaded, time.monotonic() - begin), file=sys.stderr)
    return loaded
