"""Streamers: what generate(streamer=...) gives tokens to, the prompt's first."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np

# First and last of the blocks of CJK ideographs: their text is handed on without waiting for a space.
_CJK = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class BaseStreamer:
    """Base of streamers."""

    def put(self, value: Any) -> None:
        """Takes the next token, [1]; the prompt first, [1, length]."""
        raise NotImplementedError

    def end(self) -> None:
        """There is nothing more."""
        raise NotImplementedError


class TextStreamer(BaseStreamer):
    """Prints text as soon as whole words are there."""

    def __init__(self, tokenizer: Any, skip_prompt: bool = False, **decode_options: Any) -> None:
        self.tokenizer, self.skip_prompt, self.decode_kwargs = tokenizer, skip_prompt, decode_options
        self._tokens: list[int] = []
        self._printed = 0  # characters of what the tokens say
        self._next_is_prompt = True

    def put(self, value: Any) -> None:
        """Takes tokens and hands on the text that is final."""
        ids = np.asarray(value.tolist() if hasattr(value, "tolist") else value)
        if ids.ndim > 1 and len(ids) > 1:
            raise ValueError("TextStreamer takes one sequence: give one prompt")
        is_prompt, self._next_is_prompt = self._next_is_prompt, False
        if is_prompt and self.skip_prompt:
            return
        self._tokens.extend(int(token) for token in ids.reshape(-1))
        text = self.tokenizer.decode(self._tokens, **self.decode_kwargs)
        if text.endswith("\n"):
            ready = text[self._printed :]
            self._tokens, self._printed = [], 0
        elif text and any(low <= ord(text[-1]) <= high for low, high in _CJK):
            ready = text[self._printed :]
            self._printed += len(ready)
        else:
            ready = text[self._printed : text.rfind(" ") + 1]
            self._printed += len(ready)
        self.on_finalized_text(ready)

    def end(self) -> None:
        """Hands on what is left."""
        text = self.tokenizer.decode(self._tokens, **self.decode_kwargs)[self._printed :] if self._tokens else ""
        self._tokens, self._printed, self._next_is_prompt = [], 0, True
        self.on_finalized_text(text, stream_end=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Prints."""
        print(text, flush=True, end="\n" if stream_end else "")


class TextIteratorStreamer(TextStreamer):
    """The text, for another thread to iterate over."""

    def __init__(
        self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_options: Any
    ) -> None:
        super().__init__(tokenizer, skip_prompt, **decode_options)
        self.text_queue: queue.Queue[str | None] = queue.Queue()
        self.timeout = timeout

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Puts text into the queue."""
        self.text_queue.put(text, timeout=self.timeout)
        if stream_end:
            self.text_queue.put(None, timeout=self.timeout)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = self.text_queue.get(timeout=self.timeout)
        if text is None:
            raise StopIteration
        return text


class AsyncTextIteratorStreamer(TextStreamer):
    """The text, for a coroutine to iterate over. Made within a running event loop."""

    def __init__(
        self, tokenizer: Any, skip_prompt: bool = False, timeout: float | None = None, **decode_options: Any
    ) -> None:
        super().__init__(tokenizer, skip_prompt, **decode_options)
        self.text_queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.timeout = timeout
        self.loop = asyncio.get_running_loop()

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Puts text into the queue of the event loop."""
        self.loop.call_soon_threadsafe(self.text_queue.put_nowait, text)
        if stream_end:
            self.loop.call_soon_threadsafe(self.text_queue.put_nowait, None)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        text = await asyncio.wait_for(self.text_queue.get(), self.timeout)
        if text is None:
            raise StopAsyncIteration
        return text
