"""How texts look in a notebook: tokens in the colour of their probability."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from skald._native import Tokenizer

# From improbable to certain: hue in degrees, red to green.
_IMPROBABLE, _CERTAIN = 0, 130
_STYLE = "white-space:pre-wrap;font-family:inherit;line-height:1.6"


def pieces(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """What each of `ids` adds to the text of those before it; a character of several tokens stands at its last one."""
    texts: list[str] = []
    told = 0
    for end in range(1, len(ids) + 1):
        text = tokenizer.decode(list(ids[:end]), False)
        half = text.endswith("\ufffd") and end < len(ids)
        texts.append("" if half else text[told:])
        told += len(texts[-1])
    return texts


def plain(text: str) -> str:
    """`text` as HTML."""
    return f'<div style="{_STYLE}">{html.escape(text)}</div>'


def coloured(tokens: Iterable[tuple[str, float]]) -> str:
    """Texts and probabilities as HTML: red is improbable, green certain; the figure shows under the pointer."""
    spans = []
    for text, probability in tokens:
        hue = _IMPROBABLE + (_CERTAIN - _IMPROBABLE) * probability
        style = f"background:hsl({hue:.0f} 70% 50% / 0.35)"
        spans.append(f'<span title="{probability:.1%}" style="{style}">{html.escape(text)}</span>')
    return f'<div style="{_STYLE}">{"".join(spans)}</div>'
