"""Writes tests/data/drawn.jsonl: cases of the drawn suite on the checkpoints of tests/data/models, with the reference's
answers, for tests/cli/test_drawn_goldens.py.

    SKALD_TRANSFORMERS_449=FOLDER python tests/parity/make_drawn_goldens.py
"""

import json
import random
import tempfile
from collections import Counter
from pathlib import Path

import torch
from drawn_checkpoints import random_prompts
from drawn_options import STRATEGIES, Draw, draw_options
from test_drawn import NOISE, ROOT, References
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

MODELS = ROOT / "tests" / "data" / "models"
# With the model's own tokens alone: no generation_config.json stands beside these.
FOLDERS = (
    "llama_biases_partly_grouped",
    "gpt2_untied_f16",
    "bloom_untied",
    "qwen3_f16",
    "mistral_window",
    "t5_plain_scaled",
)
IN_4_49 = FOLDERS[:3]
EACH = 18
MOVED = ("group", "constrained")  # more of these: no other test of the normal suite compares them with transformers


class TestModel:
    """A folder of tests/data/models as a drawn_checkpoints.Checkpoint."""

    def __init__(self, rng, name):
        self.folder, self.family = MODELS / name, name.split("_")[0]
        self.encodes, self.invalid, self.tokenizer, self.n_new, self.window = (
            self.family == "t5",
            False,
            None,
            None,
            None,
        )
        auto = AutoModelForSeq2SeqLM if self.encodes else AutoModelForCausalLM
        model = auto.from_pretrained(self.folder, dtype=torch.float32).eval()
        self.vocab, self.tied = model.config.vocab_size, model.config.tie_word_embeddings
        self.layers, self.in_4_49 = model.config.num_hidden_layers, name in IN_4_49
        self.start = {"decoder_start_token_id": 5} if self.encodes else {}
        n_calls = 3 * EACH if self.in_4_49 else EACH
        self.calls = [random_prompts(rng, model, self.vocab, **self.start) for _ in range(n_calls)]
        self.eos = [self.calls[0][1][0][0], 3]


def draw_cases(rng):
    cases, seen = [], Counter()
    for name in FOLDERS:
        model = TestModel(rng, name)
        fitting = [s for s, strategy in STRATEGIES.items() if strategy.fits(model) and s != "draft"]
        for i, (prompts, plain) in enumerate(model.calls):
            strategy = fitting[i % len(fitting)] if i < EACH else MOVED[i % len(MOVED)]
            draw = Draw(rng, model, strategy, prompts[:1], plain[:1])
            options = {"pad_token_id": 0, "eos_token_id": model.eos} | model.start | draw_options(draw, seen)
            cases.append(
                {"strategy": strategy, "folder": str(model.folder), "prompts": draw.prompts, "options": options}
            )
    return cases


def short_of_tokens(rng, n_cases):
    """Constrained beams that run out of tokens, none of which may come twice: what ended is returned all the same."""
    cases = []
    for _ in range(n_cases):
        name = rng.choice(IN_4_49)
        vocab = json.loads((MODELS / name / "config.json").read_text())["vocab_size"]
        few = rng.sample(range(4, vocab), 8)
        options = {"pad_token_id": 0, "eos_token_id": few[0], "do_sample": False, "max_new_tokens": 20, "num_beams": 4}
        options |= {"no_repeat_ngram_size": 1, "suppress_tokens": [t for t in range(vocab) if t not in few]}
        options |= {"force_words_ids": [[few[1]]], "num_return_sequences": 3}
        cases.append({"strategy": "constrained", "folder": str(MODELS / name), "prompts": [[2, 3]], "options": options})
    return cases


def kept(case, answer):
    """Whether the answer holds on any machine: no decision of it hangs on rounding, none breaks its own options."""
    runs_out = "force_words_ids" in case["options"]
    if "error" in answer or (answer["empty"] and not runs_out) or not answer["steady"]:
        return False
    return all(found.get("ruled_out") is None for row in answer["rows"] for found in row)


def main():
    torch.set_num_threads(1)
    cases = draw_cases(random.Random(4)) + short_of_tokens(random.Random(5), 6)
    with tempfile.TemporaryDirectory() as scratch:
        references = References(Path(scratch))
        for i, case in enumerate(cases):
            references.ask(case["strategy"], i, case, noise=NOISE)
        references.start()
        answers = references.answers()
    with open(ROOT / "tests" / "data" / "drawn.jsonl", "w") as file:
        for i, case in enumerate(cases):
            if kept(cases[i], answers[i]):
                rows = [
                    {name: found[name] for name in ("tokens", "score") if name in found}
                    for found in answers[i]["rows"][0]
                ]
                golden = {"model": Path(case["folder"]).name, "prompt": case["prompts"][0]}
                file.write(json.dumps(golden | {"options": case["options"], "rows": rows}) + "\n")


if __name__ == "__main__":
    main()
