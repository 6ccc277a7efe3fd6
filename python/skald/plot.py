"""Pictures of probabilities, with matplotlib where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skald._native import Alternative
from skald.results import Result
from skald.session import Session


def _axes(ax: Any, width: float, height: float) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot  # type: ignore[import-not-found, unused-ignore]  # optional
    except ImportError:
        raise ImportError("pictures are drawn by matplotlib: pip install matplotlib, or give ax=") from None
    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def next_tokens(where: Session | Sequence[Alternative], n: int = 10, ax: Any = None) -> Any:
    """The n most probable tokens that may come next in a session: before any option, and as they are drawn.

    ax: axes of matplotlib to draw on. Returns the axes.
    """
    options = where.alternatives(n) if isinstance(where, Session) else list(where)[:n]
    axes = _axes(ax, 6, 0.8 + 0.3 * len(options))
    places = range(len(options))
    axes.barh(places, [option.probability for option in options], height=0.8, color="#c9d6e8", label="the model's")
    drawn = [option.processed_probability for option in options]
    axes.barh(places, drawn, height=0.4, color="#2f6db5", label="as drawn")
    axes.set_yticks(places, [repr(option.text) for option in options])
    axes.invert_yaxis()
    axes.set_xlabel("probability")
    axes.legend()
    return axes


def token_probabilities(result: Result, ax: Any = None) -> Any:
    """How probable each token of a result was: generate(..., logprobs=0). Returns the axes."""
    tokens = result.probabilities()
    axes = _axes(ax, max(4, 0.3 * len(tokens)), 3)
    places = range(len(tokens))
    axes.bar(places, [probability for _, probability in tokens], color="#2f6db5")
    axes.set_xticks(places, [repr(text)[1:-1] for text, _ in tokens], rotation=90)
    axes.set_ylim(0, 1)
    axes.set_ylabel("probability")
    return axes
