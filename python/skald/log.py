"""Notices of the library, on their way to Python's logging: the logger "skald"."""

from __future__ import annotations

import logging

from skald import _native

_logger = logging.getLogger("skald")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING}


def tell() -> None:
    """Hands what the library has said since the last time to the logger."""
    for level, line in _native.take_log():
        _logger.log(_LEVELS[level], line)
