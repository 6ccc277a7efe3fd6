"""stream.py [PROMPT [MODEL]]: prints a story as it is written, and stops it after two sentences."""

import sys

import skald


def main(prompt: str = "Once upon a time", model: str | None = None) -> None:
    print(prompt, end="")
    sentences = 0
    for piece in skald.turbo(model).generate(prompt, stream=True, max_new_tokens=200, seed=7):
        print(piece, end="", flush=True)
        sentences += piece.count(".")
        if sentences >= 2:
            break  # which ends the generation too
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
