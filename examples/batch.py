"""batch.py PROMPTS.jsonl ANSWERS.jsonl [MODEL]: answers a file of prompts, many at a time.

A line of PROMPTS is "a text", or {"prompt": "a text", "temperature": 0.2} with options of its own. Run it again after
it was interrupted: it goes on where ANSWERS ends. A line that cannot be answered says why, and the others go on.
"""

import sys

import skald


def main(source: str, target: str, model: str | None = None) -> int:
    lm = skald.LLM(model)
    counts = lm.generate_file(source, target, resume=True, max_tokens=60, temperature=0.8, seed=1)
    print(f"{counts['prompts']} prompts, {counts['failures']} failures: {target}")
    return 1 if counts["failures"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
