"""Token ids and dicts: the face of those who serve models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from skald import _native, batches, calls, loading, log, results
from skald._native import Completion, Door, Event, GenerationConfig, Model, TextScore
from skald.calls import Prompt
from skald.chats import Chat, Message
from skald.options import config_of
from skald.progress import Bar
from skald.session import Session

if TYPE_CHECKING:  # it is imported where arrays are made
    import numpy as np
    import numpy.typing as npt


def _is_prompt(value: object) -> bool:
    """Whether it is one prompt, and not several: a text, or numbers."""
    if isinstance(value, str) or getattr(value, "ndim", 0) == 1:
        return True
    return isinstance(value, Sequence) and all(not isinstance(part, (str, Sequence)) for part in value[:1])


class Request(NamedTuple):
    """What LLM.generate() was asked for."""

    model: Model
    prompts: Any
    config: GenerationConfig
    single: bool  # one prompt, and not a list of them
    token_ids: bool
    text: bool

    def result(self, completions: Iterable[Completion]) -> Any:
        """What generate() returns."""
        found = results.of_prompts(self.model, completions, self.token_ids, self.text)
        return found[0] if self.single else found

    def event(self, event: Event) -> dict[str, Any]:
        """What a stream gives."""
        shown: dict[str, Any] = {"prompt_index": event.prompt_index, "index": event.index, "text": event.text}
        if self.token_ids:
            shown["token_ids"] = event.token_ids
        shown["finish_reason"] = event.finished.finish_reason if event.finished else None
        return shown


class LLM:
    """A model that takes text or token ids and gives dicts.

    >>> lm = skald.LLM()
    >>> lm.generate("Once upon a time", max_tokens=20, seed=7)["text"]
    """

    def __init__(
        self, model: str | os.PathLike[str] | None = None, *, device: object = None, **load_options: Any
    ) -> None:
        """model: a folder, a GGUF or .pt file, a name in the Hugging Face cache; None: the model that ships.

        load_options: as skald.load() takes them: bits, kv_bits, threads, adapters, draft, ...
        """
        loading.warn_of_device(device)
        self.model = loading.load(model, **load_options)

    def encode(
        self, text: str, add_special_tokens: bool = True, return_token_strs: bool = False
    ) -> list[int] | tuple[list[int], list[str]]:
        """Token ids of `text`; with return_token_strs also how the vocabulary spells them."""
        if not return_token_strs:
            return self.model.tokenizer.encode(text, add_special_tokens)
        ids, tokens, _ = self.model.tokenizer.encode_fully(text, add_special_tokens)
        return ids, tokens

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """The text of `ids`."""
        return self.model.tokenizer.decode(list(ids), skip_special_tokens)

    def generate(
        self,
        input_context: Prompt | Sequence[Prompt],
        *,
        max_tokens: int | None = None,
        temperature: float | None = None,
        n: int | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int | None = None,
        repetition_penalty: float | None = None,
        return_token_ids: bool = False,
        return_text: bool = True,
        stream: bool = False,
        **options: Any,
    ) -> Any:
        """Continues a text or token ids.

        Returns a dict with text, token_ids (if asked for), finish_reason and _raw_response; a list of them for n > 1; a
        list per prompt for a list of prompts. stream: an iterator of dicts, each with what is new.

        What is None is left to the model's own generation_config.json, then to these defaults: 512 tokens, temperature
        1, top_k off (-1), top_p 1, no penalty, one completion. temperature 0 takes the most likely token each time.
        options: every other option of docs/options.md.
        """
        named: dict[str, Any] = {
            "max_tokens": max_tokens,
            "temperature": temperature,
            "n": n,
            "top_p": top_p,
            "top_k": top_k,
            "stop": stop,
            "seed": seed,
            "repetition_penalty": repetition_penalty,
        }
        request = self.request(
            input_context, return_token_ids=return_token_ids, return_text=return_text, **named, **options
        )
        return self._run(request, stream)

    def request(
        self,
        input_context: Prompt | Sequence[Prompt],
        *,
        return_token_ids: bool = False,
        return_text: bool = True,
        **options: Any,
    ) -> Request:
        """What generate() would run, not begun."""
        single = _is_prompt(input_context)
        prompts = [input_context] if single else input_context
        return Request(self.model, prompts, config_of(options), single, return_token_ids, return_text)

    def _run(self, request: Request, stream: bool) -> Any:
        if stream:
            return self._shown(request, calls.Stream(self.model, request.prompts, request.config, Door.llm))
        return request.result(calls.complete(self.model, request.prompts, request.config, Door.llm))

    @staticmethod
    def _shown(request: Request, events: calls.Stream) -> Iterator[dict[str, Any]]:
        with events:
            for event in events:
                yield request.event(event)

    def generate_many(
        self,
        prompts: Iterable[Prompt],
        *,
        return_token_ids: bool = False,
        progress: bool | None = None,
        on_error: Literal["raise", "return"] = "raise",
        **options: Any,
    ) -> Iterator[Any]:
        """As generate() of many prompts, of any iterable: results come in order, while the next are computed.

        Memory is bounded: prompts are taken, and results held, for some hundred of them at a time. progress: a bar;
        None for one on a terminal. on_error="return": what a prompt fails with is {"error": ...} in its place.
        """
        if on_error not in ("raise", "return"):
            raise ValueError(f"on_error={on_error!r}: must be 'raise' or 'return'")
        config = config_of(options)  # refused now, not at the first result
        total = len(prompts) if isinstance(prompts, Sized) else None
        return self._answers(prompts, config, total, return_token_ids, progress, on_error == "raise")

    def _answers(
        self,
        prompts: Iterable[Prompt],
        config: GenerationConfig,
        total: int | None,
        token_ids: bool,
        progress: bool | None,
        raises: bool,
    ) -> Iterator[Any]:
        questions = (lambda prompt=prompt: (prompt, config) for prompt in prompts)
        with Bar("generating", total, progress) as bar:
            for done, answer in enumerate(batches.run(self.model, questions, Door.llm), 1):
                if isinstance(answer, Exception):
                    if raises:
                        raise answer
                    yield {"error": str(answer)}
                else:
                    yield results.of_prompt(self.model, answer, token_ids)
                bar.show(done)

    def generate_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        resume: bool = False,
        progress: bool | None = None,
        **options: Any,
    ) -> dict[str, int]:
        """Answers a file of prompts into another, a JSON value a line. Returns how many prompts and failures.

        A line of `source` is "text", [1, 2, 3], or {"prompt": either, "temperature": 0.5, ...} with options of its own;
        one of `target` {"prompt_index", "index", "text", "token_ids", "finish_reason"}, or {"prompt_index", "error"}.
        Memory is bounded. resume: go on where `target` ends.
        """
        return batches.run_file(self.model, source, target, options, Door.llm, resume=resume, progress=progress)

    def chat(self, messages: Sequence[Message], *, stream: bool = False, **options: Any) -> Any:
        """As generate(), of a conversation in the model's own form. Takes what chat_request() takes."""
        return self._run(self.chat_request(messages, **options), stream)

    def chat_request(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Message] | None = None,
        continue_final_message: bool = False,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Request:
        """What chat() would run, not begun.

        tools, documents: as the model's template takes them. continue_final_message: the last message goes on.
        chat_template: another template. chat_template_kwargs: its variables. options: as generate() takes them.
        """
        chat = self._chat if chat_template is None else Chat(self.model, chat_template)
        ids = chat.encode(
            messages,
            tools=tools,
            documents=documents,
            continue_final_message=continue_final_message,
            **(chat_template_kwargs or {}),
        )
        return self.request(ids, **options)

    @cached_property
    def _chat(self) -> Chat:
        return Chat(self.model)

    def score(
        self, texts: Prompt | Sequence[Prompt], *, given: Prompt | None = None, top: int = 0
    ) -> TextScore | list[TextScore]:
        """Log-probabilities of every token of the texts, `given` before each; `top`: and of the best at each place."""
        single = _is_prompt(texts)
        several: list[Any] = [texts] if single else list(texts)
        try:
            scores = self.model.score(several, [given] * len(several), top)
        finally:
            log.tell()
        return scores[0] if single else scores

    def embed(
        self,
        texts: Prompt | Sequence[Prompt],
        *,
        pooling: Literal["mean", "last", "first"] = "mean",
        normalize: bool = True,
        layer: int | None = None,
    ) -> npt.NDArray[np.float32]:
        """Vectors of texts, [texts, hidden_size]; of one text [hidden_size].

        pooling: the mean of the hidden states of all tokens, or that of the last or first one. normalize: to length 1.
        layer: after so many layers, in [0, layers]; None for all of them and the final norm.
        """
        single = _is_prompt(texts)
        several: Any = [texts] if single else texts
        vectors = _native.embed(self.model, several, pooling, normalize, layer)
        return vectors[0] if single else vectors

    def session(self, prompt: Prompt, **options: Any) -> Session:
        """A generation to be stepped, forked, forced and saved."""
        return Session(self.model, prompt, config_of(options))

    def load_session(self, path: str | os.PathLike[str]) -> Session:
        """The session that Session.save() wrote to `path`."""
        return Session.load(path, self.model)
