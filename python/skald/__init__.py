"""Skald: text generation from trained language models with full control.

>>> import skald
>>> model = skald.turbo()                           # the model that ships, or a folder, a GGUF file, a name
>>> print(model.generate("Once upon a time", max_new_tokens=60))
"""

import atexit
from typing import TYPE_CHECKING, Any

from skald import _native, plot
from skald._native import Completion, Door, GenerationConfig, Model, Tokenizer, system_info
from skald.calls import TextStream
from skald.errors import (
    CancelledError,
    Error,
    FormatError,
    LimitError,
    ModelError,
    OptionError,
    PathError,
    TemplateError,
    UnsupportedError,
    UsageError,
)
from skald.generator import Generator, load_model
from skald.llm import LLM
from skald.loading import find, load
from skald.results import Result
from skald.session import Session
from skald.turbo import TurboModel, turbo

if TYPE_CHECKING:
    from skald.asynchronous import AsyncLLM, AsyncStream

__all__ = [
    "LLM",
    "AsyncLLM",
    "AsyncStream",
    "CancelledError",
    "Completion",
    "Door",
    "Error",
    "FormatError",
    "GenerationConfig",
    "Generator",
    "LimitError",
    "Model",
    "ModelError",
    "OptionError",
    "PathError",
    "Result",
    "Session",
    "TemplateError",
    "TextStream",
    "Tokenizer",
    "TurboModel",
    "UnsupportedError",
    "UsageError",
    "__version__",
    "find",
    "load",
    "load_model",
    "plot",
    "system_info",
    "turbo",
]

__version__ = _native.version()

atexit.register(_native.end)  # no call outlives the interpreter


def __getattr__(name: str) -> Any:
    """What needs asyncio is imported when it is used: that takes as long as all the rest."""
    if name not in ("AsyncLLM", "AsyncStream"):
        raise AttributeError(f"module 'skald' has no attribute {name!r}")
    from skald import asynchronous

    return getattr(asynchronous, name)
