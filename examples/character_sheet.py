"""character_sheet.py [MODEL]: a JSON object whose form is ours and whose words are the model's.

The form is a list of fixed texts and of places that the model fills, each until its own stop string. Whatever the model
is, what comes out is JSON with these keys.
"""

import json
import sys

import skald

INK = ["\n", "\\", "{", "}"]  # what would break a JSON string, beside the quotation mark that ends it


def place(tokens: int) -> dict:
    return {"max_new_tokens": tokens, "stop_strings": ['"'], "temperature": 0.8}


def sheet(lm: skald.LLM, seed: int) -> dict:
    segments: list[dict] = []
    for key, tokens in {"who": 12, "wish": 20, "fear": 20}.items():
        # The stop string stays in the text. Where the room ends before it, the quotation mark is missing: mended below.
        segments += [{"text": f'{", " if segments else "{"}"{key}": "'}, place(tokens)]
    text = lm.generate(
        "The hero of the tale, written down in short:\n", segments=segments, banned_strings=INK, seed=seed
    )["text"]
    return json.loads(closed(text) + "}")


def closed(text: str) -> str:
    """`text` with a quotation mark at the end of every place that ran out of room."""
    for key in ("wish", "fear"):
        mark = f', "{key}": "'
        before, after = text.split(mark, 1)
        text = (before if before.endswith('"') else before + '"') + mark + after
    return text if text.endswith('"') else text + '"'


def main(model: str | None = None) -> None:
    lm = skald.LLM(model)
    for seed in range(3):
        print(json.dumps(sheet(lm, seed), ensure_ascii=False))


if __name__ == "__main__":
    main(*sys.argv[1:])
