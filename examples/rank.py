"""rank.py BEGINNING ENDING...: which ending a model finds likeliest, and where it was surprised."""

import sys

import skald

DEFAULT = ["Once upon a time there", "was a king.", "were seven tax returns.", "king was a."]


def main(beginning: str, *endings: str) -> None:
    lm = skald.LLM()
    texts = [" " + ending.strip() for ending in endings]
    scores = lm.score(texts, given=beginning)
    for text, score in sorted(zip(texts, scores), key=lambda pair: pair[1].perplexity):
        worst = min(score.logprobs, key=lambda token: token.logprob)
        print(f"{score.perplexity:10.1f}  {beginning}{text}   (surprised by {lm.decode([worst.token])!r})")


if __name__ == "__main__":
    main(*(sys.argv[1:] or DEFAULT))
