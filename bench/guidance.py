#!/usr/bin/env python3
"""Measures attribute guidance, control vectors and prompt lookup and prints them as tables.

Guidance: 200 openings are continued at each strength. The score is how many more words of one list than of another a
continuation has, in 1000; no word of the lists (guidance_words.json) occurs in the texts that define the attribute.
Beside it stands the perplexity of the continuations, given their openings, under the model without guidance. Strength 0
must give the tokens and log-probabilities of no guidance. Control vectors are made of the same two texts, behind which
stand other openings than those that are measured. Speeds are ratios of runs that take turns.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARY = ROOT / "share" / "attributes.json"
STRENGTHS = [0, 1, 2, 4]
WORDS = re.compile(r"[a-z]+(?:'[a-z]+)?")
PLACES = ["", "One day ", "In the evening ", "Long ago ", "Then ", "At last ", "Every morning ", "That year ", "So "]
PLACES.append("When the work was done ")
SUBJECTS = ["the old man", "the girl", "the king", "the two brothers", "a traveller", "the miller's son", "the captain"]
SUBJECTS += ["my mother", "the queen", "the fox", "the boy and his sister", "a stranger", "the servant", "the doctor"]
SUBJECTS += ["the shepherd", "the prince", "the widow", "the soldiers", "our neighbour", "the youngest of them"]
OTHERS = ["the bear", "his wife", "the sailor", "the children"]  # whose openings control vectors are made with
REPETITIVE = (
    "This is the house that Jack built. This is the malt that lay in the house that Jack built. This is the rat that "
    "ate the malt that lay in the house that Jack built. This is the cat that killed the rat that ate the malt that "
    "lay in the house that Jack built."
)


def say(text):
    print(f"guidance: {text}", file=sys.stderr, flush=True)


def openings(subjects=None):
    texts = [place + subject for place in PLACES for subject in subjects or SUBJECTS]
    return [text[0].upper() + text[1:] for text in texts]


def table(header, rows):
    """A Markdown table; the first column is left-aligned, the others right."""
    lines = [" | ".join(header), " | ".join([":---"] + ["---:"] * (len(header) - 1))]
    return "\n".join(f"| {line} |" for line in lines + [" | ".join(row) for row in rows])


class Skald:
    """The command, with one model."""

    def __init__(self, command, model):
        self.command, self.model = command, str(model)

    def run(self, verb, *arguments):
        """The JSON objects that `skald VERB MODEL ARGUMENTS` prints, one a line."""
        command = [self.command, verb, self.model, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"guidance: failed ({done.returncode}): {' '.join(command)}\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def batch(self, verb, lines, *arguments):
        """The same for a file of prompts or texts."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
            file.flush()
            return self.run(verb, "--batch-file", file.name, *arguments)


def read_attributes(path):
    """The attributes and their word lists; a word of the lists must not occur in the attribute's own texts."""
    attributes = json.loads(path.read_text(encoding="utf-8"))
    lists = json.loads((ROOT / "bench" / "guidance_words.json").read_text(encoding="utf-8"))
    for name, texts in attributes.items():
        own = set(WORDS.findall(" ".join(texts.values()).lower()))
        if shared := own & set(" ".join(lists[name].values()).split()):
            raise SystemExit(f"guidance: not held out of {name}: {', '.join(sorted(shared))}")
    return attributes, {name: {key: set(words.split()) for key, words in two.items()} for name, two in lists.items()}


def score(texts, lists):
    """Words of one list minus those of the other, in 1000, and the standard error over the texts."""
    counts = []
    for text in texts:
        words = WORDS.findall(text.lower())
        counts.append((sum((word in lists["more"]) - (word in lists["less"]) for word in words), len(words)))
    total = sum(words for _, words in counts)
    mean = sum(hits for hits, _ in counts) / total
    error = math.sqrt(sum((hits - mean * words) ** 2 for hits, words in counts)) / total
    return 1000 * mean, 1000 * error


def perplexity(skald, prompts, results):
    """Of the continuations, each given its prompt, under the model without guidance."""
    ids = [prompt + result["token_ids"] for prompt, result in zip(prompts, results)]
    total, tokens = 0.0, 0
    for prompt, line in zip(prompts, skald.batch("eval", ids, "--json", "--logprobs", 0)):
        scored = line["logprobs"][len(prompt) - 1 :]  # the first token of all is not scored
        total += sum(entry["logprob"] for entry in scored)
        tokens += len(scored)
    return math.exp(-total / tokens)


def strength_table(skald, options, flags_of):
    """Scores and perplexities by attribute. `flags_of(name, text pair)`: of a run, the last but for the strength."""
    attributes, lists = read_attributes(options.attributes or LIBRARY)
    texts = openings()
    prompts = [line["ids"] for line in skald.batch("tokenize", texts)]
    common = ["--seed", options.seed, "--max-new-tokens", options.tokens, "--json", "--logprobs", 0, "--quiet"]
    off = skald.batch("generate", texts, *common)
    rows, rising = [], 0
    for name in options.only or attributes:
        say(name)
        *flags, last = flags_of(name, attributes[name])
        scores, errors, perplexities = [], [], []
        for strength in STRENGTHS:
            results = skald.batch("generate", texts, *common, *flags, f"{last}{strength}")
            if strength == 0 and [(r["token_ids"], r["logprobs"]) for r in results] != [
                (r["token_ids"], r["logprobs"]) for r in off
            ]:
                raise SystemExit(f"guidance: strength 0 of {name} differs from no guidance")
            value, error = score([result["text"] for result in results], lists[name])
            scores.append(value)
            errors.append(error)
            perplexities.append(perplexity(skald, prompts, results))
        rises = all(low < high for low, high in zip(scores, scores[1:]))
        rising += rises
        rows.append([name, *map("{:.1f}".format, scores), f"{max(errors):.1f}", "yes" if rises else "no"])
        rows[-1] += map("{:.1f}".format, perplexities)
    header = ["attribute", *(f"score {s}" for s in STRENGTHS), "± at most", "rises", *(f"ppl {s}" for s in STRENGTHS)]
    return table(header, rows) + (
        f"\n\n{len(texts)} openings, {options.tokens} tokens each, seed {options.seed}; the score rises for {rising} "
        f"of {len(rows)}. Strength 0: tokens and log-probabilities equal to no guidance, bit for bit."
    )


def attribute_table(skald, options):
    def flags_of(name, pair):
        own = ["--attributes", json.dumps({name: pair})] if options.attributes else []
        return [*own, "--guide-attribute", name, "--guide-strength="]

    return strength_table(skald, options, flags_of)


def control_table(skald, options):
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "openings.txt"
        lines.write_text("\n".join(openings(OTHERS)) + "\n", encoding="utf-8")

        def flags_of(name, pair):
            pairs, output = Path(folder) / "pairs.json", Path(folder) / f"{name}.gguf"
            pairs.write_text(json.dumps({name: pair}), encoding="utf-8")
            skald.run("control", "--pairs", pairs, "--openings", lines, "--output", output, "--json")
            return ["--control-vector", f"{name}={output}", f"--control-vectors={name}="]

        return strength_table(skald, options, flags_of)


def ratio_row(skald, name, common, extra, rounds):
    """Speeds without and with `extra`, in turns; the ratio is the median of the rounds' ratios."""
    plain, changed, ratios = [], [], []
    for _ in range(rounds):
        (without,) = skald.run("generate", *common)
        (with_it,) = skald.run("generate", *common, *extra)
        plain.append(without["timings"]["tokens_per_s"])
        changed.append(with_it["timings"]["tokens_per_s"])
        ratios.append(plain[-1] / changed[-1])
    medians = [statistics.median(plain), statistics.median(changed)]
    return [name, *map("{:.0f}".format, medians), f"{statistics.median(ratios):.2f}"], without, with_it


def cost_table(skald, options):
    common = ["--prompt", "Once upon a time", "--seed", options.seed, "--max-new-tokens", 256, "--ignore-eos"]
    common += ["--json", "--stats", "--quiet"]
    kinds = [
        ("one attribute", ["--guide-attribute", "cheerful"]),
        ("classifier-free", ["--guidance-scale", 1.5, "--negative-prompt", "A sad tale."]),
    ]
    rows = [ratio_row(skald, name, common, extra, options.rounds)[0] for name, extra in kinds]
    return table(["guidance, one stream", "tokens/s without", "with", "cost"], rows)


def lookup_table(skald, options):
    rows = []
    for name, prompt in [("repetitive", REPETITIVE), ("a story", "Once upon a time")]:
        common = ["--prompt", prompt, "--no-sample", "--max-new-tokens", 200, "--ignore-eos", "--json", "--stats"]
        for drafted in (2, 4, 10):
            extra = ["--prompt-lookup", drafted]
            row, plain, looked = ratio_row(skald, name, [*common, "--quiet"], extra, options.rounds)
            if plain["token_ids"] != looked["token_ids"]:
                raise SystemExit("guidance: prompt lookup changed the text")
            rows.append([name, str(drafted), str(plain["model_passes"]), str(looked["model_passes"])])
            rows[-1] += [str(looked["drafted_tokens"]), str(looked["accepted_tokens"]), *row[1:3]]
            rows[-1].append(f"{1 / float(row[3]):.2f}")
    header = ["prompt", "N", "passes without", "with", "drafted", "accepted", "tokens/s without", "with", "ratio"]
    return table(header, rows)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skald", default=ROOT / "build" / "release" / "cli" / "skald", help="the command")
    parser.add_argument("--model", default=ROOT / "models" / "skald-tales", help="folder of the model")
    parser.add_argument("--attributes", type=Path, help="file of texts to try instead of the built-in ones")
    parser.add_argument("--only", action="append", help="this attribute; once for each")
    parser.add_argument("--tokens", type=int, default=100, help="tokens of each continuation at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each speed")
    tables = {"attributes": attribute_table, "controls": control_table, "cost": cost_table, "lookup": lookup_table}
    parser.add_argument("--table", action="append", choices=tables, help="this table; default: all")
    options = parser.parse_args()
    options.tables = [tables[name] for name in options.table or tables]
    return options


def main():
    options = parse_arguments()
    skald = Skald(str(options.skald), options.model)
    print("\n\n".join(make(skald, options) for make in options.tables))


if __name__ == "__main__":
    main()
