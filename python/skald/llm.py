"""Token ids and dicts: the face of those who serve models."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from skald import calls, loading, log
from skald._native import Completion, Door, TextScore, TokenLogprob
from skald.calls import Prompt
from skald.chats import Chat, Message
from skald.options import config_of
from skald.session import Session

Result = dict[str, Any]


def _is_prompt(value: object) -> bool:
    """Whether it is one prompt, and not several: a text, or numbers."""
    if isinstance(value, str) or getattr(value, "ndim", 0) == 1:
        return True
    return isinstance(value, Sequence) and all(not isinstance(part, (str, Sequence)) for part in value[:1])


def _logprob(entry: TokenLogprob) -> Result:
    return {"token": entry.token, "logprob": entry.logprob, "top": entry.top}


def _choice(completion: Completion) -> Result:
    choice: Result = {
        "index": completion.index,
        "text": completion.text,
        "token_ids": completion.token_ids,
        "finish_reason": completion.finish_reason,
        "stopped_by": completion.stopped_by,
    }
    if completion.stop_text:
        choice["stop_text"] = completion.stop_text
    if completion.score is not None:
        choice["score"] = completion.score
    if completion.logprobs:
        choice["logprobs"] = [_logprob(entry) for entry in completion.logprobs]
    if completion.prompt_logprobs:
        choice["prompt_logprobs"] = [_logprob(entry) for entry in completion.prompt_logprobs]
    return choice


def _usage(completions: Sequence[Completion]) -> dict[str, int]:
    prompt = completions[0].prompt_tokens
    generated = sum(len(completion.token_ids) for completion in completions)
    return {"prompt_tokens": prompt, "completion_tokens": generated, "total_tokens": prompt + generated}


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
        config = config_of({**named, **options})
        single = _is_prompt(input_context)
        prompts: Any = [input_context] if single else input_context
        if stream:
            return self._events(calls.Stream(self.model, prompts, config, Door.llm), return_token_ids)
        by_prompt: dict[int, list[Completion]] = {}
        for completion in calls.complete(self.model, prompts, config, Door.llm):
            by_prompt.setdefault(completion.prompt_index, []).append(completion)
        results = [self._results(some, return_token_ids, return_text) for some in by_prompt.values()]
        return results[0] if single else results

    def _results(self, completions: Sequence[Completion], token_ids: bool, text: bool) -> Result | list[Result]:
        """Of one prompt."""
        choices = [_choice(completion) for completion in completions]
        whole = {"model": self.model.info["path"], "choices": choices, "usage": _usage(completions)}
        whole |= {"seed": completions[0].seed}
        results: list[Result] = []
        for choice in choices:
            kept = {"text": text, "token_ids": token_ids, "logprobs": True, "prompt_logprobs": True, "score": True}
            result = {key: choice[key] for key, keep in kept.items() if keep and key in choice}
            result["finish_reason"] = choice["finish_reason"]
            result["_raw_response"] = whole if len(choices) == 1 else choice
            results.append(result)
        return results[0] if len(results) == 1 else results

    def _events(self, events: calls.Stream, token_ids: bool) -> Iterator[Result]:
        for event in events:
            result: Result = {"prompt_index": event.prompt_index, "index": event.index, "text": event.text}
            if token_ids:
                result["token_ids"] = event.token_ids
            result["finish_reason"] = event.finished.finish_reason if event.finished else None
            yield result

    def chat(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Message] | None = None,
        continue_final_message: bool = False,
        chat_template: str | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """As generate(), of a conversation in the model's own form."""
        chat = self._chat if chat_template is None else Chat(self.model, chat_template)
        ids = chat.encode(
            messages,
            tools=tools,
            documents=documents,
            continue_final_message=continue_final_message,
            **(chat_template_kwargs or {}),
        )
        return self.generate(ids, **options)

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

    def session(self, prompt: Prompt, **options: Any) -> Session:
        """A generation to be stepped, forked, forced and saved."""
        return Session(self.model, prompt, config_of(options))

    def load_session(self, path: str | os.PathLike[str]) -> Session:
        """The session that Session.save() wrote to `path`."""
        return Session.load(path, self.model)
