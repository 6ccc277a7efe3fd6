"""Makes tests/data/nn/mxfp4.safetensors: experts in MXFP4 with every scale and code, and what transformers reads there.

python tests/nn/make_mxfp4_goldens.py [folder]

  w_blocks u8 [2, 66, 2, 16]   w_scales u8 [2, 66, 2]   values f32 [2, 64, 66]
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

SHAPE = (2, 66, 2)  # experts, outputs, blocks of 32 inputs
N_SCALES = 255  # the last one, 255, is the NaN of the format; transformers takes it for 2^128


def main():
    default = Path(__file__).resolve().parent.parent / "data" / "nn"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    generator = torch.Generator().manual_seed(1)
    count = SHAPE[0] * SHAPE[1] * SHAPE[2]
    low, high = (torch.stack([torch.randperm(16, generator=generator) for _ in range(count)]) for _ in range(2))
    blocks = (low + 16 * high).to(torch.uint8).view(*SHAPE, 16)
    scales = (torch.arange(count) % N_SCALES).to(torch.uint8).view(SHAPE)
    values, rounded = (convert_moe_packed_tensors(blocks, scales, dtype=d) for d in (torch.float32, torch.bfloat16))
    if not torch.equal(values, rounded.float()):
        sys.exit("bf16 does not hold every number")
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"w_blocks": blocks, "w_scales": scales, "values": values}, folder / "mxfp4.safetensors")


if __name__ == "__main__":
    main()
