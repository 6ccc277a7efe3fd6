"""Writes the model card and the picture of the losses from the logs of training and evaluation.

python training/card.py --model models/skald-tales --run RUN_DIR --evaluation FILE.json
"""

import argparse
import bz2
import html
import json
import lzma
from pathlib import Path
from string import Template

import matplotlib

matplotlib.use("Agg")
from data import read_documents
from matplotlib import pyplot as plt

TEMPLATE = Path(__file__).with_name("card_template.md")


def read_log(path: Path) -> list[dict[str, float]]:
    """Returns the records of loss.jsonl; of a stretch trained twice, only the second."""
    kept: list[dict[str, float]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        while kept and kept[-1]["step"] > record["step"]:
            kept.pop()
        kept.append(record)
    return kept


def draw(log: list[dict[str, float]], path: Path) -> None:
    """Draws training and held-out loss over the tokens seen."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4), dpi=90)
    for key, label, style in (("loss", "training", "-"), ("valid_loss", "held out", "o-")):
        points = [(r["tokens"] / 1e6, r[key]) for r in log if key in r]
        axes.plot(*zip(*points, strict=True), style, label=label, linewidth=1.2, markersize=3)
    axes.set_xlabel("million tokens seen")
    axes.set_ylabel("nats per token")
    axes.set_ylim(top=min(7.0, log[0].get("loss", 7.0)))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def baselines(corpus: Path) -> str:
    """Returns what general compressors need for the held-out text."""
    text = "\n".join(read_documents(corpus, "valid")).encode()
    needed = {"bzip2 -9": bz2.compress(text, 9), "xz -9": lzma.compress(text, preset=9)}
    return ", ".join(f"{name} {8 * len(out) / len(text):.2f}" for name, out in needed.items())


def sample_text(sample: dict[str, object]) -> str:
    """Returns one sample as Markdown: the prompt bold, special tokens visible, line ends kept."""
    prompt, text = (html.escape(str(sample[key]), quote=False).replace("*", r"\*") for key in ("prompt", "text"))
    opening = prompt.rstrip("\n")
    whole = f"**{opening}**{prompt[len(opening) :]}{text}"
    return f"Seed {sample['seed']}:\n\n> " + whole.replace("\n", "<br>\n> ")


def values(args: argparse.Namespace) -> dict[str, object]:
    """Returns every figure of the card by its name in the template."""
    config = json.loads((args.model / "config.json").read_text())
    sampling = json.loads((args.model / "generation_config.json").read_text())
    run = json.loads((args.run / "arguments.json").read_text())
    result = json.loads(args.evaluation.read_text())
    last, held_out = read_log(args.run / "loss.jsonl")[-1], result["held_out"]
    summary = json.loads((args.run / "summary.json").read_text())
    shown = ("temperature", "top_p", "top_k", "repetition_penalty")
    return {
        "parameters": f"{summary['parameters'] / 1e6:.1f} million",
        "hours": f"{last['seconds'] / 3600:.1f}",
        "cores": run["threads"],
        "hidden": config["hidden_size"],
        "layers": config["num_hidden_layers"],
        "heads": config["num_attention_heads"],
        "kv_heads": config["num_key_value_heads"],
        "head_dim": config["head_dim"],
        "ffn": config["intermediate_size"],
        "context": config["max_position_embeddings"],
        "theta": f"{config['rope_theta']:.0f}",
        "vocab": config["vocab_size"],
        "dialogues": f"{summary['dialogue_tokens']:,}",
        "sampling": ", ".join(f"`{k}` {sampling[k]}" for k in shown if k in sampling),
        "tokens_seen": f"{last['tokens']:,}",
        "epochs": f"{last['tokens'] / summary['epoch_tokens']:.2f}",
        **{key: run[key] for key in ("length", "long_length", "lr", "clip", "batch_tokens")},
        "decay": run["weight_decay"],
        "long_percent": f"{float(run['long_fraction']) * 100:.0f}",
        "decay_percent": f"{float(run['decay']) * 100:.0f}",
        "valid_bytes": f"{held_out['bytes']:,}",
        "bpb": f"{held_out['bits_per_byte']:.3f}",
        "perplexity": held_out["perplexity_per_token"],
        "bytes_per_token": held_out["bytes_per_token"],
        "arithmetic": held_out["arithmetic"],
        "speed": f"{last['tokens'] / last['seconds']:,.0f}",
        "note": args.note,
        "baselines": baselines(args.corpus),
        "new_tokens": result["new_tokens"],
        "samples": "\n\n".join(sample_text(sample) for sample in result["samples"]),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="exported folder")
    parser.add_argument("--run", type=Path, required=True, help="folder of training/train.py")
    parser.add_argument("--evaluation", type=Path, required=True, help="file of evaluate.py")
    parser.add_argument("--corpus", type=Path, required=True, help="folder with valid.txt.xz")
    parser.add_argument("--note", default="", help="what else is to be said about this run")
    args = parser.parse_args()
    draw(read_log(args.run / "loss.jsonl"), args.model / "loss.png")
    card = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values(args))
    (args.model / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
