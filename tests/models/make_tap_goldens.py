"""Makes tests/data/taps: hidden states, early logits and attentions of transformers (5.23) for the cases of
tests/data/models.

python tests/models/make_tap_goldens.py

Each file is about one row, the last of the case's prompt:
  hidden     f32 [layers + 1, hidden]   after the embedding, every layer; the last one behind the final norm
  early      f32 [vocab]                the head on the state after the first layer, without final norm
  attention  f32 [layers, heads, keys]  of the (decoder's) self-attention; models without attention have none
"""

from pathlib import Path

import torch
from families import ENCODER_DECODERS
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

DATA = Path(__file__).resolve().parent.parent / "data"


def load(folder):
    config = AutoConfig.from_pretrained(folder)
    auto = AutoModelForSeq2SeqLM if config.model_type in ENCODER_DECODERS else AutoModelForCausalLM
    eager = {} if config.model_type == "mamba2" else {"attn_implementation": "eager"}
    return auto.from_pretrained(folder, dtype=torch.float32, **eager).eval()


def taps(model, case):
    prompt = case["prompt"][None].long()
    wants = {"output_hidden_states": True, "use_cache": False}
    prefix = ""
    if "input" in case:
        wants |= {"input_ids": case["input"][None].long(), "decoder_input_ids": prompt}
        prefix = "decoder_"
    else:
        wants["input_ids"] = prompt
    if model.config.model_type != "mamba2":
        wants["output_attentions"] = True
    with torch.no_grad():
        out = model(**wants)
        hidden = torch.stack([h[0, -1] for h in out[prefix + "hidden_states"]])
        if model.config.model_type == "mamba2":  # which begins after the first layer, and has the last one twice
            hidden = torch.cat([model.get_input_embeddings()(prompt)[0, -1:], hidden[:-2], hidden[-1:]])
        early = model.get_output_embeddings()(hidden[1])
        found = {"hidden": hidden, "early": early + getattr(model, "final_logits_bias", torch.zeros(1))[0]}
    if "output_attentions" in wants:
        found["attention"] = torch.stack([a[0, :, -1] for a in out[prefix + "attentions"]])
    return {name: value.float().contiguous() for name, value in found.items()}


def main():
    (DATA / "taps").mkdir(exist_ok=True)
    for folder in sorted(f for f in (DATA / "models").iterdir() if f.is_dir()):
        # transformers unpacks MXFP4 on a GPU only (the plain case has the same layers), and has no FundamentaLLM.
        if "mxfp4" in folder.name or "fundamentallm" in folder.name:
            continue
        case = load_file(folder / "expected.safetensors")
        save_file(taps(load(folder), case), DATA / "taps" / f"{folder.name}.safetensors")
        print(folder.name)


if __name__ == "__main__":
    main()
