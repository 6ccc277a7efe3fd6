"""The shipped model against transformers, both in f32: 200 greedy tokens, and log-probabilities of the best tokens."""

import json
import os
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers", minversion="5.0")

ROOT = Path(__file__).resolve().parents[2]
CLI = os.environ.get("SKALD_CLI", str(ROOT / "build" / "release" / "cli" / "skald"))
MODEL = ROOT / "models" / "skald-tales"
N_TOKENS = 200
PROMPTS = ["Once upon a time", "The fox said to the well,", "King", '"Where are you going?" asked']


@pytest.fixture(scope="module")
def reference():
    """transformers' model, upcast to f32, and its tokenizer."""
    model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32).eval()
    return model, transformers.AutoTokenizer.from_pretrained(MODEL)


def skald_greedy(prompt: str, penalty: float) -> dict:
    """Our completion of 200 tokens, with the five best log-probabilities of each step."""
    command = [CLI, "generate", str(MODEL), "--prompt", prompt, "--no-sample", "--bits", "32", "--json"]
    command += ["--max-tokens", str(N_TOKENS), "--min-tokens", str(N_TOKENS), "--logprobs", "5"]
    command += ["--repetition-penalty", str(penalty)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_tokens_and_logits(reference, prompt, penalty):
    """Equal tokens; raw log-probabilities within 1e-4 of the largest. The penalty keeps the text from repeating."""
    model, tokenizer = reference
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        expected = model.generate(
            ids,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=N_TOKENS,
            min_new_tokens=N_TOKENS,
            repetition_penalty=penalty,
            output_logits=True,
            return_dict_in_generate=True,
        )
    ours = skald_greedy(prompt, penalty)
    assert ours["token_ids"] == expected.sequences[0, ids.shape[1] :].tolist()
    for step, logits in zip(ours["logprobs"], expected.logits, strict=True):
        theirs = torch.log_softmax(logits[0].double(), -1)
        for token, logprob in step["top"]:
            assert abs(logprob - theirs[token]) <= 1e-4 * max(1.0, float(theirs.abs().max()))
