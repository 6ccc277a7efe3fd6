"""What Skald raises. Each is also the built-in exception that Python programs expect in its place."""

from __future__ import annotations


class Error(Exception):
    """Base of everything that Skald raises: one line that says what was read, where, what it held, and what to do.

    The parts of that line are attributes; what is not known is empty, or None.
    """

    file: str = ""
    offset: int | None = None
    field: str = ""
    value: str = ""
    rule: str = ""


class FormatError(Error, ValueError):
    """A file or text is malformed."""


class LimitError(Error, ValueError):
    """Legal input that goes over a limit or a budget: memory, depth, length."""


class UnsupportedError(Error, ValueError):
    """Legal input of a kind that this version cannot handle."""


class OptionError(Error, ValueError):
    """An option is unknown, out of range, or contradicts another one."""


class TemplateError(Error, ValueError):
    """A chat template refuses what it is given."""


class PathError(Error, OSError):
    """A path cannot be used."""


class PathNotFoundError(PathError, FileNotFoundError):
    """There is nothing at a path."""


class PathIsDirectoryError(PathError, IsADirectoryError):
    """A folder where a file is meant."""


class PathPermissionError(PathError, PermissionError):
    """This process may not read or write there."""


class ModelError(Error, RuntimeError):
    """The model failed while running: non-finite logits, no token left to choose."""


class CancelledError(Error, RuntimeError):
    """The call was cancelled by its caller."""


class UsageError(Error, RuntimeError):
    """The library was used wrongly: entered from a callback, a model used after fork()."""
