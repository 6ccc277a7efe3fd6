"""Scores, logits, hidden states and attentions against transformers, live, on all models with a decoder alone."""

import json
import math
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from test_generate import command
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

FOLDERS = sorted(p.parent for p in (Path(__file__).resolve().parents[1] / "data" / "models").glob("*/config.json"))
TOLERANCE = 2e-4  # of the largest number of each array
OPTIONS = {
    "max_new_tokens": 6,
    "do_sample": False,
    "repetition_penalty": 1.3,
    "suppress_tokens": [2, 3],
    "output_scores": True,
    "output_logits": True,
    "output_hidden_states": True,
}


def skald(folder, prompt, options, tmp_path):
    config = tmp_path / "options.json"
    config.write_text(json.dumps(options))
    ids = ",".join(map(str, prompt))
    arguments = [command(), "generate", folder, "--ids", ids, "--config", config, "--bits", "32", "--json"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def expect_near(name, ours, theirs):
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    assert ours.shape == theirs.shape, name
    ours = np.where(np.isnan(ours), -math.inf, ours)
    assert (np.isneginf(ours) == np.isneginf(theirs)).all(), name
    finite = np.isfinite(theirs)
    bound = TOLERANCE * max(1.0, np.abs(theirs[finite]).max())
    assert np.abs(ours[finite] - theirs[finite]).max() <= bound, name


def loaded(folder):
    config = AutoConfig.from_pretrained(folder)
    if config.is_encoder_decoder:
        pytest.skip("an encoder-decoder")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_arrays(folder, tmp_path):
    if not (folder / "config.json").read_text().strip().startswith("{") or folder.name.startswith("fundamentallm"):
        pytest.skip("no model of transformers")
    if folder.name.startswith("mamba2"):
        pytest.skip("its hidden states are those of another kind")
    model = loaded(folder)
    vocab = model.config.vocab_size
    prompt = [(7 * i + 5) % (vocab - 4) + 4 for i in range(11)]
    options = OPTIONS | {"output_attentions": True}
    got = skald(folder, prompt, options, tmp_path)
    out = model.generate(torch.tensor([prompt]), pad_token_id=0, return_dict_in_generate=True, **options)
    assert got["token_ids"] == out.sequences[0, len(prompt) :].tolist()
    expect_near("scores", got["scores"], torch.cat(out.scores).numpy())
    expect_near("logits", got["logits"], torch.cat(out.logits).numpy())
    hidden = torch.cat([torch.stack(step)[:, 0] for step in out.hidden_states], dim=1)  # [layers + 1, rows, hidden]
    expect_near("hidden_states", got["hidden_states"], hidden.transpose(0, 1).numpy())
    row = 0
    for step in out.attentions:
        for i in range(step[0].shape[2]):
            theirs = torch.stack([layer[0, :, i] for layer in step]).numpy()  # [layers, heads, keys]
            ours = np.array(got["attentions"][row])
            if theirs.shape[2] >= row + 1:
                theirs = theirs[:, :, : row + 1]
            else:  # the reference drops keys outside a window
                ours = ours[:, :, -theirs.shape[2] :]
            expect_near(f"attentions of row {row}", ours, theirs)
            row += 1
    assert row == len(got["attentions"])


@pytest.mark.parametrize("name", ["llama", "gpt2", "bart"])
def test_scores_of_beams(name, tmp_path):
    folder = next(f for f in FOLDERS if f.name.startswith(name))
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    encodes = AutoConfig.from_pretrained(folder).is_encoder_decoder
    auto = AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM
    model = auto.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prompt = [(7 * i + 5) % (model.config.vocab_size - 4) + 4 for i in range(11)]
    options = OPTIONS | {"num_beams": 3, "eos_token_id": 9}
    options.pop("output_hidden_states")
    got = skald(folder, prompt, options, tmp_path)
    out = model.generate(torch.tensor([prompt]), pad_token_id=0, return_dict_in_generate=True, **options)
    ids = out.sequences[0, 1 if encodes else len(prompt) :].tolist()
    assert got["token_ids"] == ids[: len(got["token_ids"])], model_type
    rows = out.beam_indices[0].tolist()
    for name, theirs in (("scores", out.scores), ("logits", out.logits)):
        chosen = [theirs[step][row].numpy() for step, row in enumerate(rows) if row >= 0]
        expect_near(name, got[name], np.stack(chosen))
    assert got["beam_indices"] == [row for row in rows if row >= 0]
