"""Makes cases of families that transformers has no class of: what other cases hold, laid out as these families' files.

    python tests/models/make_renamed_goldens.py        (after make_goldens.py)

InternLM2, Baichuan and EXAONE 3 are Llama by other names; gemma3 is the text model of a folder that also sees.
"""

import shutil
from pathlib import Path

import torch
from renamed_families import LAY_OUT, lay_out

FOLDER = Path(__file__).resolve().parent.parent / "data" / "models"


def gemma3(config, weights):
    weights = {name.replace("model.", "model.language_model.", 1): tensor for name, tensor in weights.items()}
    weights["model.vision_tower.patch_embedding.weight"] = torch.ones(2, 2)
    outer = {key: config.pop(key) for key in ("torch_dtype", "tie_word_embeddings")}
    return {"text_config": config | {"final_logit_softcapping": 2.0}} | outer, weights  # its class caps none


LAY_OUT["gemma3"] = gemma3
CASES = {
    "internlm2_renamed": "llama_past_a_cut_linear",
    "baichuan_renamed": "llama_dynamic_bf16",
    "exaone_renamed": "llama_tied_llama3",
    "gemma3_renamed": "gemma3_text_drawn",
}


def main():
    for name, source in CASES.items():
        folder = FOLDER / name
        folder.mkdir(exist_ok=True)
        lay_out(folder, name.split("_")[0], FOLDER / source)
        shutil.copy(FOLDER / source / "expected.safetensors", folder / "expected.safetensors")


if __name__ == "__main__":
    main()
