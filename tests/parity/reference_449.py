"""Runs calls of generate() under transformers 4.49, which still has the strategies that 5.x moved out.

    pip install --target FOLDER transformers==4.49.0
    PYTHONPATH=FOLDER python reference_449.py < calls > results

Input: one JSON object {"folder", "prompt", "options"} a line. Output: {"sequences": [[tokens]], "scores": [...]} a
line: the new tokens of every returned sequence.
"""

import json
import sys

import torch
import transformers

assert transformers.__version__.startswith("4.49"), transformers.__version__
torch.set_num_threads(1)
transformers.logging.set_verbosity_error()


def padded(prompt, pad):
    """One prompt, or several as a batch that is filled up on the left."""
    rows = prompt if isinstance(prompt[0], list) else [prompt]
    longest = max(map(len, rows))
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor([[pad] * (longest - len(row)) + row for row in rows]), torch.tensor(mask)


models = {}
for line in sys.stdin:
    call = json.loads(line)
    folder = call["folder"]
    if folder not in models:
        models[folder] = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
    model = models[folder]
    prompt, mask = padded(call["prompt"], model.config.vocab_size - 1)
    arguments = {
        "attention_mask": mask,
        "pad_token_id": model.config.vocab_size - 1,
        "return_dict_in_generate": True,
    } | call["options"]
    try:
        out = model.generate(prompt, output_scores=True, **arguments)
    except (
        TypeError,
        RuntimeError,
    ):  # of hypotheses that lack a constraint it has no beam indices, which it needs for scores
        out = model.generate(prompt, **arguments)
    scores = getattr(out, "sequences_scores", None)
    print(
        json.dumps(
            {
                "sequences": out.sequences[:, prompt.shape[1] :].tolist(),
                "scores": None if scores is None else scores.tolist(),
            }
        ),
        flush=True,
    )
