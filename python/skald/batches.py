"""Many prompts with bounded memory: from an iterable, or from a file to a file."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from skald import _native, log
from skald._native import Completion, Door, GenerationConfig, Model
from skald.calls import Prompt
from skald.errors import Error
from skald.options import canonical, config_of
from skald.progress import Bar

AHEAD = 512  # calls under way, or done before their turn: enough to keep the engine's batches full

Failure = Error | TypeError | ValueError
Question = Callable[[], tuple[Prompt, GenerationConfig]]


def run(model: Model, questions: Iterable[Question], door: Door, ahead: int = AHEAD) -> Iterator[Any]:
    """Of each question its completions, or the Failure it ended with, in order. At most `ahead` are held at a time."""
    waiting: deque[_native.Call | Failure] = deque()

    def answer() -> list[Completion] | Failure:
        call = waiting.popleft()
        try:
            return call.wait() if isinstance(call, _native.Call) else call
        except Error as error:
            return error
        finally:
            log.tell()

    for question in questions:
        try:
            prompt, config = question()
            waiting.append(_native.start(model, [prompt], config, door))
        except (Error, TypeError, ValueError) as error:
            waiting.append(error)
        if len(waiting) >= ahead:
            yield answer()
    while waiting:
        yield answer()


def _question_of(line: bytes, options: Mapping[str, Any]) -> tuple[Prompt, GenerationConfig]:
    """A line of a file: "text", [1, 2, 3], or {"prompt": either, "temperature": 0.5, ...}."""
    value = json.loads(line)
    own = dict(value) if isinstance(value, dict) else {"prompt": value}
    if "prompt" not in own:
        raise ValueError('"prompt" is missing')
    prompt = own.pop("prompt")
    return prompt, config_of({**canonical(options), **canonical(own)})


def _lines_of(number: int, answer: list[Completion] | Failure) -> bytes:
    """What is written for a prompt: a line for each completion, or one with the error."""
    if not isinstance(answer, list):
        return json.dumps({"prompt_index": number, "error": str(answer)}, ensure_ascii=False).encode() + b"\n"
    out = b""
    for completion in answer:
        values = {"prompt_index": number, "index": completion.index, "text": completion.text}
        values |= {"token_ids": completion.token_ids, "finish_reason": completion.finish_reason}
        values |= {} if completion.score is None else {"score": completion.score}
        out += json.dumps(values, ensure_ascii=False).encode() + b"\n"
    return out


def _cut_torn(file: BinaryIO) -> int:
    """How many prompts `file` answers for certain. What stands behind them is cut off: the last one may be torn."""
    answered, place, end = 0, 0, 0
    for line in file:
        try:
            number = int(json.loads(line)["prompt_index"])
        except (ValueError, KeyError, TypeError):
            break
        if number != answered:
            answered, end = number, place
        place += len(line)
    file.truncate(end)
    file.seek(end)
    return answered


def run_file(
    model: Model,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    options: Mapping[str, Any],
    door: Door,
    *,
    resume: bool = False,
    progress: bool | None = None,
) -> dict[str, int]:
    """Answers a file of prompts, one a line in JSON, into another. Returns how many prompts and failures there were."""
    config_of(options)  # what all lines have in common is refused before anything is written
    resume = resume and Path(target).exists()
    counts = {"prompts": 0, "failures": 0}
    with open(source, "rb") as lines, open(target, "r+b" if resume else "wb") as out:
        size = os.fstat(lines.fileno()).st_size
        done = _cut_torn(out) if resume else 0

        def questions() -> Iterator[Question]:
            number = 0
            for line in lines:
                if not line.strip():
                    continue
                if number >= done:
                    yield lambda line=line: _question_of(line, options)  # type: ignore[misc]
                number += 1

        with Bar("answering", size, progress) as bar:
            for answer in run(model, questions(), door):
                out.write(_lines_of(done + counts["prompts"], answer))
                counts["prompts"] += 1
                counts["failures"] += not isinstance(answer, list)
                bar.show(lines.tell())
    return counts
