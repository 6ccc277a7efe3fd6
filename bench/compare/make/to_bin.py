#!/usr/bin/env python3
"""to_bin.py MODEL OUT: the folder MODEL with its weights as torch.save writes them."""

import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

model, out = map(Path, sys.argv[1:])
out.mkdir()
for file in model.glob("*.json"):
    shutil.copy(file, out)
torch.save(load_file(model / "model.safetensors"), out / "pytorch_model.bin")
