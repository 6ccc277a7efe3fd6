"""The fixtures of tests/cli."""

from commands import binary, model

__all__ = ["binary", "model"]
