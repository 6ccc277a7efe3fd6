"""branches.py [PROMPT [MODEL]]: a story that forks at its least certain places, and the tree of what came of it."""

import sys

import skald


def main(prompt: str = "The king looked out of the window and saw", model: str | None = None) -> None:
    lm = skald.LLM(model)
    trunk = lm.session(prompt, temperature=0.8, max_tokens=60, seed=5)
    branches = []
    for _ in range(12):
        options = trunk.alternatives(3)
        if options[0].probability < 0.25 and len(branches) < 3:
            branches.append(trunk.fork().force(options[1].text))  # not the favourite
        trunk.generate(1)
    trunk.generate(12)
    print(f"{prompt}{trunk.text}")
    for branch in branches:
        branch.generate(12)
        print(f"  or:{branch.text!r}")
    best = min([trunk, *branches], key=lambda one: lm.score(one.text, given=prompt).perplexity)
    print(f"likeliest: {best.text!r}")


if __name__ == "__main__":
    main(*sys.argv[1:])
