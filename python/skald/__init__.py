"""Skald: text generation from trained language models with full control.

>>> import skald
>>> model = skald.turbo()                           # the model that ships, or a folder, a GGUF file, a name
>>> print(model.generate("Once upon a time", max_new_tokens=60))
"""

import atexit

from skald import _native
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
from skald.session import Session
from skald.turbo import TurboModel, turbo

__all__ = [
    "LLM",
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
    "system_info",
    "turbo",
]

__version__ = _native.version()

atexit.register(_native.end)  # no call outlives the interpreter
