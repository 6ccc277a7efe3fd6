"""Writes docs/models.md: the families of the registry, and how near they come to transformers.

    python tests/models/make_models_page.py build/release/tests/test_models CASES [CASES...]

CASES are folders of cases: tests/data/models, and what tests/parity/test_models.py draws (pytest keeps it with
--basetemp).
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
TAIL = """
LED's encoder looks through its windows alone, as `generate()` of transformers does unless it is given a
`global_attention_mask`. There is no such option: a first token that sees everything, with which LED's own examples make
summaries, and the projections that a checkpoint has for it are not used.

Four beams give transformers' sequences and scores too, in drawn settings of all encoder-decoders and eight decoders.
"""
HEAD = """# Models

    skald inspect path/to/model
    skald generate path/to/model --prompt "Once upon a time" --max-tokens 20

`inspect` says what a model is and what memory it needs, without loading it. What a MODEL can be: [formats](formats.md).

Families by `model_type` of config.json. A folder of the Hugging Face kind (safetensors) is read for all of them; a GGUF
file where the column says so. A `model_type` that is not in the table, but whose `architectures` names a class that is,
is read as that family, with a notice.

The figures are those of random checkpoints of drawn settings, beside transformers 5.23 in f32: the greatest difference
of a logit, as a share of the largest one, and the cases in which 72 greedy tokens are the same. Of `baichuan`, `exaone`
and `internlm2` transformers has no class: theirs are checkpoints of its `llama` (of Baichuan with ALiBi, and with the
normalised head, where it has them), laid out as their files are. The one of `fundamentallm` is written by hand.

| `model_type` | class | GGUF | cases | logits | greedy |
|---|---|---|---|---|---|
"""


def figures(program, folder):
    """model_type: [(relative error, greedy is the same)] of the cases in `folder`."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.xml"
        subprocess.run(
            [program, "--gtest_filter=Models/Golden.*", f"--gtest_output=xml:{report}"],
            env=os.environ | {"SKALD_MODEL_CASES": str(folder)},
            stdout=subprocess.DEVNULL,
            check=False,
        )
        cases = defaultdict(dict)
        for test in xml.etree.ElementTree.parse(report).iter("testcase"):
            kind, name = test.get("name").split("/")
            cases[name][kind] = test
    found = defaultdict(list)
    for name, tests in cases.items():
        config = folder / name / "config.json"
        family = json.loads(config.read_text())["model_type"] if config.exists() else "fundamentallm"
        logits = tests["LogitsEqualTheReference"]
        error = next(p.get("value") for p in logits.iter("property") if p.get("name") == "relative_error")
        same = tests["GreedyTokensEqualTheReference"].find("failure") is None
        found[family].append((float(error), same))
    return found


def main():
    program, *folders = sys.argv[1:]
    found = defaultdict(list)
    for folder in folders:
        for family, results in figures(program, Path(folder)).items():
            found[family] += results
    rows = re.findall(r'Architecture\{"(\w+)",\s*"(\w+)"', (ROOT / "src/models/registry.cc").read_text())
    gguf = re.findall(r'\.(?:name|model_type) = "(\w+)"', (ROOT / "src/formats/gguf_architectures.cc").read_text())
    gguf += ["mistral", "mt5"]  # whose files are called llama and t5
    page = HEAD
    for family, name in rows:
        results = found[family]
        worst = f"{max(error for error, _ in results):.1e}" if results else ""
        same = f"{sum(same for _, same in results)}/{len(results)}" if results else ""
        page += f"| {family} | {name} | {'yes' if family in gguf else ''} | {len(results) or ''} | {worst} | {same} |\n"
    (ROOT / "docs" / "models.md").write_text(page + TAIL)


if __name__ == "__main__":
    main()
