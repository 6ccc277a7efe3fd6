"""Completions as the dicts of LLM."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from skald import display
from skald._native import Completion, Model, Tokenizer, TokenLogprob


class Result(dict[str, Any]):
    """A completion as a dict. Notebooks show its text, with logprobs each token in the colour of its probability."""

    def __init__(self, values: dict[str, Any], tokenizer: Tokenizer | None) -> None:
        super().__init__(values)
        self._tokenizer = tokenizer

    def probabilities(self) -> list[tuple[str, float]]:
        """Of each token its text and its probability. Needs logprobs: generate(..., logprobs=0)."""
        if "logprobs" not in self or self._tokenizer is None:
            raise ValueError("there are no probabilities: give logprobs=0 (or 5, for the best five) to generate()")
        entries = self["logprobs"]
        texts = display.pieces(self._tokenizer, [entry["token"] for entry in entries])
        return [(text, math.exp(entry["logprob"])) for text, entry in zip(texts, entries)]

    def _repr_html_(self) -> str:
        if "logprobs" in self and self._tokenizer is not None:
            return display.coloured(self.probabilities())
        return display.plain(self.get("text", str(self)))


def _logprob(entry: TokenLogprob) -> dict[str, Any]:
    return {"token": entry.token, "logprob": entry.logprob, "top": entry.top}


def _choice(completion: Completion) -> dict[str, Any]:
    choice: dict[str, Any] = {
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


def of_prompt(
    model: Model, completions: Sequence[Completion], token_ids: bool = False, text: bool = True
) -> Result | list[Result]:
    """What generate() gives for one prompt: its completion, or a list of several."""
    choices = [_choice(completion) for completion in completions]
    whole = {"model": model.info["path"], "choices": choices, "usage": _usage(completions)}
    whole |= {"seed": completions[0].seed}
    tokenizer = model.tokenizer if model.has_tokenizer else None
    kept = {"text": text, "token_ids": token_ids, "logprobs": True, "prompt_logprobs": True, "score": True}
    results: list[Result] = []
    for choice in choices:
        values = {key: choice[key] for key, keep in kept.items() if keep and key in choice}
        values["finish_reason"] = choice["finish_reason"]
        values["_raw_response"] = whole if len(choices) == 1 else choice
        results.append(Result(values, tokenizer))
    return results[0] if len(results) == 1 else results


def of_prompts(
    model: Model, completions: Iterable[Completion], token_ids: bool = False, text: bool = True
) -> list[Result | list[Result]]:
    """of_prompt() of each."""
    by_prompt: dict[int, list[Completion]] = {}
    for completion in completions:
        by_prompt.setdefault(completion.prompt_index, []).append(completion)
    return [of_prompt(model, some, token_ids, text) for some in by_prompt.values()]
