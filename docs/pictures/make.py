"""Makes the pictures of docs/strategies.md: what an option does to the probabilities of the next token.

    PYTHONPATH=build/release/python .venv/bin/python docs/pictures/make.py

The probabilities are those of the model that ships, after a prompt; the option is applied by Skald itself.
"""

from html import escape
from pathlib import Path

import numpy
import skald
from skald.transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = Path(__file__).resolve().parent
OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
ROWS, ROW, LABEL, PANEL, TOP = 12, 16, 96, 150, 44
PICTURES = {
    "temperature": ("The king", [0.5, 1.0, 1.5, 2.0]),
    "top_k": ("The king", [1, 3, 8]),
    "top_p": ("The king", [0.3, 0.5, 0.7]),
    "min_p": ("The king", [0.5, 0.2, 0.1]),
    "top_n_sigma": ("The king", [0.5, 1.0, 1.5]),
    "typical_p": ("The king", [0.2, 0.5, 0.8]),
    "epsilon_cutoff": ("The king", [0.1, 0.03, 0.01]),
    "eta_cutoff": ("The king", [0.3, 0.1, 0.03]),
    "repetition_penalty": ("The king was old, and had a daughter. The king", [1.2, 1.5, 2.0]),
}


class Probabilities:
    def __init__(self):
        path = skald.find(None)
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
        self.tokenizer = AutoTokenizer.from_pretrained(path)

    def after(self, prompt, **options):
        """[vocabulary] of the next token."""
        inputs = self.tokenizer(prompt, return_tensors="np")
        result = self.model.generate(
            **inputs, **{**OFF, **options}, max_new_tokens=1, do_sample=True, return_dict_in_generate=True,
            output_scores=True,
        )  # fmt: skip
        scores = result.scores[0][0].astype(float)
        weights = numpy.exp(scores - scores.max())
        return weights / weights.sum()


def text(x, y, content, attributes=""):
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(content, quote=False)}</text>'


def bar(x, y, width, color):
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.6):.1f}" height="10" rx="1.5" fill="{color}"/>'


def panel(x, title, before, after, scale):
    """One column of bars: faint is the model's own probability, strong what is left of it."""
    parts = [text(x, TOP - 10, title, ' class="title"')]
    for row, (own, new) in enumerate(zip(before, after)):
        y = TOP + row * ROW
        parts.append(bar(x, y, own * scale, "#dcdcdc"))
        if new > 0:
            parts.append(bar(x, y, new * scale, "#3b8f4f"))
            if new >= 0.01:
                parts.append(text(x + max(own, new) * scale + 4, y + 9, f"{100 * new:.0f}", ' class="faint"'))
    return parts


def rows_of(probabilities, shown):
    rest = max(1 - probabilities[shown].sum(), 0)
    return [*probabilities[shown], rest if rest > 1e-6 else 0]


def draw(name, prompt, values, probabilities):
    own = probabilities.after(prompt)
    shown = numpy.argsort(-own)[:ROWS]
    columns = [rows_of(probabilities.after(prompt, **{name: value}), shown) for value in values]
    before = rows_of(own, shown)
    scale = (PANEL - 34) / max(map(max, [before, *columns]))
    width, height = LABEL + PANEL * len(values) + 8, TOP + ROW * (ROWS + 1) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<style>text{font:11px sans-serif;fill:#333}.faint{fill:#777;font-size:10px}.title{font-weight:600}</style>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        text(8, 16, f"{prompt} …", ' class="faint"'),
    ]
    labels = [f'"{probabilities.tokenizer.decode([token])}"' for token in shown] + ["all others"]
    parts += [text(LABEL - 6, TOP + row * ROW + 9, label, ' text-anchor="end"') for row, label in enumerate(labels)]
    for column, (value, after) in enumerate(zip(values, columns)):
        parts += panel(LABEL + column * PANEL, f"{name} {value}", before, after, scale)
    return "\n".join([*parts, "</svg>\n"])


def main():
    probabilities = Probabilities()
    for name, (prompt, values) in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(name, prompt, values, probabilities), encoding="utf-8")


if __name__ == "__main__":
    main()
