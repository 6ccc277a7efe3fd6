"""Perplexity of the shipped model in every precision, beside what llama.cpp finds with the same GGUF files."""

import json
import subprocess
from pathlib import Path

from recipes import SHIPPED

HERE = Path(__file__).resolve().parent
WINDOW, OVERLAP = 512, 128
GGUF_KINDS = ("F16", "Q8_0", "Q4_0", "Q4_K_M")


def output_of(command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def bits_of_weights(skald, model, bits):
    info = json.loads(output_of([skald, "inspect", model, "--json"]))
    return 8 * info["weight_bytes" + (f"_{bits}" if bits else "")] / info["parameters"]


def by_skald(skald, model, ids, bits=0):
    command = [skald, "eval", model, "--batch-file", ids, "--window", WINDOW, "--overlap", OVERLAP, "--json"]
    return json.loads(output_of(command + (["--bits", bits] if bits else [])))["perplexity"]


def by_llama(peers, model, ids, threads):
    worker = HERE / "workers" / "llama_perplexity.py"
    places = [peers.llama_source(), peers.llama()]
    return float(output_of([peers.python(), worker, *places, model, threads, ids, WINDOW, OVERLAP]))


def quality_table(skald, models, peers, ids, threads):
    """Markdown: one row a precision. `ids` is a file with one JSON array of token ids."""
    lines = ["| weights | bits a weight, in memory | Skald | llama.cpp |", "|---|---:|---:|---:|"]

    def row(name, model, bits=0, llama=None):
        found = by_skald(skald, model, ids, bits)
        other = f"{llama:.3f}" if llama else ""
        lines.append(f"| {name} | {bits_of_weights(skald, model, bits):.2f} | {found:.3f} | {other} |")

    for bits in (32, 16, 8, 4):
        row(f"`--bits {bits}`", SHIPPED, bits)
    for kind in GGUF_KINDS:
        model = models.path(f"shipped-{kind}.gguf")
        row(f"GGUF {kind}", model, llama=by_llama(peers, model, ids, threads))
    return "\n".join(lines)
