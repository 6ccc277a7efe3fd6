"""Calls: prompts in, completions or a stream out. Every face goes through here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from skald import _native, log
from skald._native import Completion, Door, Event, GenerationConfig, Model

Prompt = str | Iterable[int]


def complete(model: Model, prompts: Iterable[Prompt], config: GenerationConfig, door: Door) -> list[Completion]:
    """All completions: prompts in order, of each its completions by index."""
    try:
        return _native.start(model, prompts, config, door).wait()
    finally:
        log.tell()


class Stream(Iterator[Event]):
    """Events of a call as they come. Closing it, or letting go of it, ends the call."""

    def __init__(self, model: Model, prompts: Iterable[Prompt], config: GenerationConfig, door: Door) -> None:
        self._call: _native.Call | None = _native.start(model, prompts, config, door, stream=True)
        log.tell()

    def __next__(self) -> Event:
        if self._call is None:
            raise StopIteration
        event = self._call.next()
        if event is None:
            self.close()
            raise StopIteration
        return event

    def close(self) -> None:
        """Ends the call."""
        self._call = None
        log.tell()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class TextStream(Iterator[str]):
    """The text of one completion, piece by piece; pieces are never half a character.

    Closing it (`close()`, or `with`), or letting go of it, ends the call.
    """

    def __init__(self, events: Stream) -> None:
        self._events = events
        self.completion: Completion | None = None  # once the stream has ended

    def __next__(self) -> str:
        for event in self._events:
            if event.finished is not None:
                self.completion = event.finished
            if event.text:
                return event.text
        raise StopIteration

    def close(self) -> None:
        """Ends the call."""
        self._events.close()

    def __enter__(self) -> TextStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
