"""Progress bars on standard error, where that is a terminal."""

from __future__ import annotations

import sys
import time

_SLOW = 0.5  # seconds after which a bar shows
_STEP = 0.1  # seconds between two drawings
_WIDTH = 40


class Bar:
    """One line that is drawn over itself and gone at the end. Without a total it counts."""

    def __init__(self, label: str, total: float | None = None, shown: bool | None = None) -> None:
        """shown: None for where standard error is a terminal."""
        self._label, self._total = label, total
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._begin = self._last = time.monotonic()
        self._drawn = False

    def show(self, done: float) -> None:
        """`done` of the total."""
        now = time.monotonic()
        if not self._shown or now - self._begin < _SLOW or (self._drawn and now - self._last < _STEP):
            return
        self._last, self._drawn = now, True
        if self._total:
            share = min(1.0, done / self._total)
            filled = round(share * _WIDTH)
            line = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] {share:4.0%}"
        else:
            line = f"{done:,.0f}, {done / (now - self._begin):,.1f} a second"
        print(f"\r\033[K{self._label} {line}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Takes the line away."""
        if self._drawn:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        self._drawn = False

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
