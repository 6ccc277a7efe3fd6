"""Writes tests/data/quant/{unpack,pack}.bin with the gguf package: what it makes of blocks, and of numbers.

    python tests/quant/make_block_goldens.py

Made with gguf 0.19. Both are little-endian records: [ggml type: u32][blocks: u32][blocks][numbers: f32].
"""

import pathlib
import struct

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

DATA = pathlib.Path(__file__).parents[1] / "data" / "quant"
# Where the f16 numbers of a block stand, for the types whose values they are.
HALVES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q2_K: [80, 82],
    Type.Q3_K: [108],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
    Type.IQ4_NL: [0],
    Type.IQ4_XS: [0],
    Type.TQ1_0: [52],
    Type.TQ2_0: [64],
    Type.MXFP4: [],
    Type.IQ2_XXS: [0],
    Type.IQ2_XS: [0],
    Type.IQ2_S: [0],
    Type.IQ3_XXS: [0],
    Type.IQ3_S: [0],
    Type.IQ1_S: [0],
    Type.IQ1_M: [],
}
SPECIAL = [0.0, -0.0, 6e-8, -6e-8, 6.1e-5, 65504.0, -65504.0, np.inf, np.nan]
PACKED = [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.MXFP4]


def record(kind: Type, blocks: np.ndarray, numbers: np.ndarray) -> bytes:
    return struct.pack("<II", kind, len(blocks)) + blocks.tobytes() + numbers.astype("<f4").tobytes()


def draw_blocks(kind: Type, rng: np.random.Generator) -> np.ndarray:
    block, size = gguf.GGML_QUANT_SIZES[kind]
    n = 24 if block == 32 else 6
    blocks = rng.integers(0, 256, (n, size), dtype=np.uint8)
    halves = HALVES[kind]
    for row, data in enumerate(blocks):
        for at in halves:  # the first blocks are like those of models
            value = rng.normal() / 64 if row < n // 2 else SPECIAL[rng.integers(len(SPECIAL))]
            data[at : at + 2] = np.frombuffer(np.float16(value).tobytes(), np.uint8)
    if kind == Type.MXFP4:
        blocks[:6, 0] = [0, 1, 2, 127, 254, 255]
    blocks[0] = np.where(np.isin(np.arange(size), halves + [h + 1 for h in halves]), blocks[0], 255)
    return blocks


def draw_numbers(rng: np.random.Generator) -> np.ndarray:
    x = rng.normal(size=(32, 32)).astype(np.float32)
    x *= (10.0 ** np.linspace(-7, 6, len(x))).astype(np.float32)[:, None]
    x[3] = 0
    x[4] = 0.75
    x[5] = -0.75
    x[6] = np.arange(32) - 16  # halves and ties in every format
    x[7] = (np.arange(32) - 15.5) / 2
    x[8, ::2] = 0
    x[9] = np.where(np.arange(32) % 2, 1.0, -1.0)  # as large on both sides
    return x


def main() -> None:
    rng = np.random.default_rng(20)
    unpack = b""
    with np.errstate(all="ignore"):
        for kind in HALVES:
            blocks = draw_blocks(kind, rng)
            unpack += record(kind, blocks, gguf.dequantize(blocks, kind))
        x = draw_numbers(rng)
        pack = b"".join(record(kind, gguf.quantize(x, kind), x) for kind in PACKED)
    DATA.mkdir(parents=True, exist_ok=True)
    (DATA / "unpack.bin").write_bytes(unpack)
    (DATA / "pack.bin").write_bytes(pack)


if __name__ == "__main__":
    main()
