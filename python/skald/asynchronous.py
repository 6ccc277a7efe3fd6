"""The LLM for programs that run an event loop of asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from skald import _native, log
from skald._native import Completion, Door, Event, GenerationConfig, Model, TextScore
from skald.calls import Prompt
from skald.chats import Message
from skald.llm import LLM, Request

_TICK = 0.05  # seconds between looks at a call that may have ended without an event
_SHORTLY = 0.001  # the same, once a completion has ended


class Events(AsyncIterator[Event]):
    """Events of a call as they come, in the event loop that first asks for one. Closing it ends the call."""

    def __init__(self, model: Model, prompts: Any, config: GenerationConfig, door: Door, last_only: bool) -> None:
        self._call: _native.Call | None = None
        self._call = _native.start(model, prompts, config, door, stream=True, last_events=last_only)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._tick = _TICK
        log.tell()

    async def __anext__(self) -> Event:
        while self._call is not None:
            ended = self._call.ended()  # before: an event that came before the end is never missed
            event = self._call.poll()
            if event is not None:
                self._tick = _SHORTLY if event.finished is not None else _TICK
                return event
            if ended:
                call = self._call
                self.close()
                call.wait()  # raises what ended it
                break
            await self._wake()
        raise StopAsyncIteration

    async def _wake(self) -> None:
        """Waits until an event has come, or for a tick."""
        assert self._call is not None
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._call.fileno(), self._woken)
        self._waiter = self._loop.create_future()
        timer = self._loop.call_later(self._tick, self._woken)
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def _woken(self) -> None:
        if self._call is not None:
            self._call.taken()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def close(self) -> None:
        """Ends the call."""
        if self._call is None:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._call.fileno())
        self._call.cancel()
        self._call = None
        log.tell()

    def __del__(self) -> None:
        self.close()


class AsyncStream(AsyncIterator[dict[str, Any]]):
    """Dicts with what is new, as LLM.generate(stream=True) gives them.

    Leaving `async with`, `aclose()`, letting go of it, or cancelling the task that waits for it ends the call.
    """

    def __init__(self, events: Events, show: Callable[[Event], dict[str, Any]]) -> None:
        self._events, self._show = events, show

    async def __anext__(self) -> dict[str, Any]:
        return self._show(await self._events.__anext__())

    async def aclose(self) -> None:
        """Ends the call."""
        self._events.close()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class AsyncLLM:
    """LLM for event loops: the same arguments and results, awaited. Calls that come together are computed together.

    >>> lm = skald.AsyncLLM()
    >>> result = await lm.generate("Once upon a time", max_tokens=20)
    >>> async for piece in lm.stream("The king", max_tokens=20):
    ...     print(piece["text"], end="")
    """

    def __init__(self, model: LLM | str | os.PathLike[str] | None = None, **load_options: Any) -> None:
        """model: an LLM, or what LLM() takes, which is loaded before this returns."""
        self.llm = model if isinstance(model, LLM) else LLM(model, **load_options)

    @property
    def model(self) -> Model:
        """The model in memory."""
        return self.llm.model

    async def generate(self, input_context: Prompt | Sequence[Prompt], **options: Any) -> Any:
        """As LLM.generate(); stream=True is stream(). Cancelling the task that waits ends the call."""
        if options.pop("stream", False):
            raise TypeError("generate(stream=True): use stream(), and `async for`")
        return await self._answer(self.llm.request(input_context, **options))

    def stream(self, input_context: Prompt | Sequence[Prompt], **options: Any) -> AsyncStream:
        """As LLM.generate(stream=True), for `async for`. The call begins at once."""
        request = self.llm.request(input_context, **options)
        return AsyncStream(self._events(request, last_only=False), request.event)

    async def chat(self, messages: Sequence[Message], **options: Any) -> Any:
        """As LLM.chat()."""
        return await self._answer(self.llm.chat_request(messages, **options))

    def stream_chat(self, messages: Sequence[Message], **options: Any) -> AsyncStream:
        """As LLM.chat(stream=True), for `async for`."""
        request = self.llm.chat_request(messages, **options)
        return AsyncStream(self._events(request, last_only=False), request.event)

    def _events(self, request: Request, last_only: bool) -> Events:
        return Events(self.model, request.prompts, request.config, Door.llm, last_only)

    async def _answer(self, request: Request) -> Any:
        completions: list[Completion] = []
        events = self._events(request, last_only=True)
        try:
            async for event in events:
                assert event.finished is not None
                completions.append(event.finished)
        finally:
            events.close()
        completions.sort(key=lambda completion: (completion.prompt_index, completion.index))
        return request.result(completions)

    async def score(
        self, texts: Prompt | Sequence[Prompt], *, given: Prompt | None = None, top: int = 0
    ) -> TextScore | list[TextScore]:
        """As LLM.score(), in a thread."""
        return await asyncio.to_thread(self.llm.score, texts, given=given, top=top)

    async def embed(self, texts: Prompt | Sequence[Prompt], **options: Any) -> npt.NDArray[np.float32]:
        """As LLM.embed(), in a thread."""
        return await asyncio.to_thread(self.llm.embed, texts, **options)
