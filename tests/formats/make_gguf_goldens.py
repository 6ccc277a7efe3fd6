"""Writes tests/data/formats/{types,blocks}.gguf with the gguf package: every type of metadata value, and tensors.

    python tests/formats/make_gguf_goldens.py

Made with gguf 0.19. What stands in the files is repeated in gguf_test.cc. Fuzz seeds are made of them too.
"""

import pathlib

import gguf
import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "formats"
SEEDS = ROOT / "fuzz" / "seeds" / "gguf"


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def add_metadata(writer: gguf.GGUFWriter) -> None:
    writer.add_custom_alignment(64)
    writer.add_uint8("t.u8", 255)
    writer.add_int8("t.i8", -128)
    writer.add_uint16("t.u16", 65535)
    writer.add_int16("t.i16", -32768)
    writer.add_uint32("t.u32", 4294967295)
    writer.add_int32("t.i32", -2147483648)
    writer.add_float32("t.f32", 0.1)
    writer.add_bool("t.bool", True)
    writer.add_string("t.string", "süß\n")
    writer.add_uint64("t.u64", 2**64 - 1)
    writer.add_int64("t.i64", -(2**63))
    writer.add_float64("t.f64", 0.1)
    writer.add_array("t.ints", [1, -2, 3])
    writer.add_array("t.floats", [0.5, -1.5])
    writer.add_array("t.texts", ["a", "", "ein Wort"])
    writer.add_array("t.bools", [True, False])


def add_tensors(writer: gguf.GGUFWriter) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3) * np.float32(0.75) - 1
    writer.add_tensor("f32", values)
    writer.add_tensor("f16", values.astype(np.float16))
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    writer.add_tensor("bf16", bits.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.add_tensor("f64", values.astype(np.float64))
    writer.add_tensor("i16", np.array([[[-3], [5]]], dtype=np.int16))
    writer.add_tensor("vector", np.array([7], dtype=np.float32))


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    SEEDS.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(DATA / "types.gguf", "llama")
    add_metadata(writer)
    add_tensors(writer)
    finish(writer)
    writer = gguf.GGUFWriter(DATA / "blocks.gguf", "llama")
    blocks = gguf.quants.quantize(np.ones((2, 64), dtype=np.float32), gguf.GGMLQuantizationType.Q4_0)
    writer.add_tensor("blk.0.attn_q.weight", blocks, raw_dtype=gguf.GGMLQuantizationType.Q4_0)
    finish(writer)
    whole = (DATA / "types.gguf").read_bytes()
    (SEEDS / "types").write_bytes(whole)
    (SEEDS / "truncated").write_bytes(whole[: len(whole) // 2])
    (SEEDS / "blocks").write_bytes((DATA / "blocks.gguf").read_bytes())
    (SEEDS / "magic").write_bytes(b"GGUF")
    (SEEDS / "version").write_bytes(b"GGUF" + (3).to_bytes(4, "big") + bytes(16))
    (SEEDS / "counts").write_bytes(b"GGUF" + (3).to_bytes(4, "little") + b"\xff" * 16)


if __name__ == "__main__":
    main()
