"""How far Skald's logits are from llama.cpp's with the same GGUF file: of the shipped model, in every type of weights.

The divergence is Kullback and Leibler's, of what llama.cpp expects from what Skald does, in nats a token; the texts are
drawn from the model as Skald computes it. Both compute with the same weights: what these cost is told by quality.py.
"""

import json
import tempfile

from peers import say
from quality import HERE, output_of
from recipes import GGUF_TYPES

PROMPTS = ["Once upon a time", "The fox said to the well,", "A king had three", '"Where are you going?" asked']
STEPS = 96


def completions(skald, model, bits):
    """JSON lines for llama_divergence.py."""
    asked = ["--max-new-tokens", STEPS, "--temperature", 1, "--top-k", 0, "--seed", 1, "--ignore-eos", "--json"]
    asked += ["--output-logits"] + (["--bits", bits] if bits else [])
    lines = []
    for text in PROMPTS:
        prompt = json.loads(output_of([skald, "tokenize", model, text, "--json"]))["ids"]
        done = json.loads(output_of([skald, "generate", model, "--ids", ",".join(map(str, prompt)), *asked]))
        lines.append(json.dumps({"prompt": prompt, "ids": done["token_ids"], "logits": done["logits"]}))
    return "\n".join(lines)


def divergence(skald, peers, model, threads, bits=0):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="ascii") as file:
        file.write(completions(skald, model, bits))
        file.flush()
        places = [peers.llama_source(), peers.llama()]
        worker = HERE / "workers" / "llama_divergence.py"
        return json.loads(output_of([peers.python(), worker, *places, model, threads, file.name]))


def divergence_table(skald, models, peers, threads):
    """Markdown: one row a type."""
    lines = [
        "| weights | mean, as Skald is by itself | largest | same best token | mean, `--bits 32` |",
        "|---|---:|---:|---:|---:|",
    ]
    for kind, name in GGUF_TYPES.items():
        model = models.path(f"shipped-pure-{name}.gguf")
        found, exact = (divergence(skald, peers, model, threads, bits) for bits in (0, 32))
        figures = f"{found['mean']:.1e} | {found['largest']:.1e} | {found['same_best']:.1%} | {exact['mean']:.1e}"
        lines.append(f"| {kind} | {figures} |")
        say(lines[-1])
    return "\n".join(lines)
