"""GGUF files beside gguf's own reader: drawn ones, damaged ones, and what fuzzing has found.

    ./dev fuzz gguf
    SKALD_PARITY_SEED=7 SKALD_CASES=5000 ./dev test --parity -k gguf_files

SKALD_CASES is how many files are damaged; SKALD_FUZZ_FILES the folder of found files, build/fuzz/corpus/gguf where it
is not set. A file that Skald refuses may be refused for a reason that the reference does not see; one that it accepts
has the reference's keys, values, names, shapes and bytes.
"""

import math
import os
import random
import struct
import subprocess
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
gguf = pytest.importorskip("gguf")

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))
CASES = int(os.environ.get("SKALD_CASES", "1500"))
FOUND = Path(os.environ.get("SKALD_FUZZ_FILES", ROOT / "build" / "fuzz" / "corpus" / "gguf"))
AT_ONCE = 500  # files of one call: the length of a command line

Kind, Tensor = gguf.GGUFValueType, gguf.GGMLQuantizationType
NAMES = {Kind.UINT8: "u8", Kind.INT8: "i8", Kind.UINT16: "u16", Kind.INT16: "i16", Kind.UINT32: "u32"}
NAMES |= {Kind.INT32: "i32", Kind.UINT64: "u64", Kind.INT64: "i64", Kind.FLOAT32: "f32", Kind.FLOAT64: "f64"}
NAMES |= {Kind.BOOL: "bool", Kind.STRING: "string", Kind.ARRAY: "array"}
WIDTHS = {Kind.UINT8: "B", Kind.INT8: "b", Kind.UINT16: "H", Kind.INT16: "h", Kind.UINT32: "I", Kind.INT32: "i"}
WIDTHS |= {Kind.UINT64: "Q", Kind.INT64: "q"}
TEXTS = ["", "a", "täglich", "\u2014\U0001f600", "line\nline", "x" * 300, "\u0000"]
STORED = [Tensor.F32, Tensor.F16, Tensor.F64, Tensor.I8, Tensor.I16, Tensor.I32, Tensor.I64, Tensor.BF16]
BLOCKS = [Tensor.Q4_0, Tensor.Q4_1, Tensor.Q5_0, Tensor.Q5_1, Tensor.Q8_0, Tensor.Q2_K, Tensor.Q3_K, Tensor.Q4_K]
BLOCKS += [Tensor.Q5_K, Tensor.Q6_K, Tensor.IQ4_NL, Tensor.IQ4_XS, Tensor.MXFP4, Tensor.TQ1_0, Tensor.IQ2_XXS]


def read(paths):
    """The lines of each file without their order, or the refusal."""
    program = CLI.parents[1] / "tests" / "run_tensors"
    files = {}
    for i in range(0, len(paths), AT_ONCE):
        call = [program, "--gguf", *paths[i : i + AT_ONCE]]
        for line in subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines():
            if line.startswith("file "):
                lines = files[line[5:]] = []
            else:
                lines.append(line)
    return {
        path: lines[0] if lines and lines[0].startswith("refused: ") else sorted(lines) for path, lines in files.items()
    }


def value_text(kind, parts):
    """As run_tensors prints it."""
    if kind == Kind.STRING:
        return parts[-1].tobytes().hex()
    if kind == Kind.BOOL:
        return str(int(parts[-1].view(np.uint8)[0] != 0))
    value = parts[-1].tolist()[0]
    if kind in (Kind.FLOAT32, Kind.FLOAT64):
        return "nan" if math.isnan(value) else struct.pack(">d", value).hex()
    return str(value)


def array_text(field):
    _, _, _, item, count, *parts = field.parts
    kind = Kind(item[0])
    items = "".join(part.tobytes().hex() + "," for part in parts[1::2])
    numbers = b"".join(part.tobytes() for part in parts).hex()
    return f"{NAMES[kind]} {count[0]} {items if kind == Kind.STRING else numbers}"


def expected(path):
    """What the reference reads, as run_tensors prints it."""
    reader = gguf.GGUFReader(path)
    lines = []
    for name, field in list(reader.fields.items())[3:]:  # behind version and counts
        kind = Kind(field.parts[2][0])
        value = array_text(field) if kind == Kind.ARRAY else value_text(kind, field.parts)
        lines.append(f"key {name.encode().hex()} {NAMES[kind]} {value}")
    for tensor in reader.tensors:
        shape = ",".join(str(n) for n in reversed(tensor.shape.tolist()))
        name = tensor.name.encode().hex()
        lines.append(f"{name} {tensor.tensor_type.name} [{shape}] {tensor.data.tobytes().hex()}")
    return sorted(lines)


def drawn_value(rng, kind):
    if kind in WIDTHS:
        bits = 8 * struct.calcsize(WIDTHS[kind])
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if WIDTHS[kind].islower() else (0, 2**bits - 1)
        return rng.choice([low, high, 0, 1, rng.randint(low, high)])
    if kind == Kind.FLOAT32:
        return float(np.float32(rng.choice([0.0, -0.0, 1.5, rng.gauss(0, 1e3), math.inf, math.nan])))
    if kind == Kind.FLOAT64:
        return rng.choice([0.0, rng.gauss(0, 1e200), -math.inf, 5e-324])
    return rng.random() < 0.5 if kind == Kind.BOOL else rng.choice(TEXTS)


def draw_file(rng, path):
    writer = gguf.GGUFWriter(path, "llama")
    if rng.random() < 0.5:
        writer.add_custom_alignment(rng.choice([8, 32, 64, 4096]))
    scalars = sorted(set(NAMES) - {Kind.ARRAY})
    for i in range(rng.randrange(8)):
        kind = rng.choice(scalars)
        if rng.random() < 0.4:
            items = [drawn_value(rng, kind) for _ in range(rng.choice([1, 2, 40]))]
            writer.add_key_value(f"own.{i}.ü", items, Kind.ARRAY, sub_type=kind)
        else:
            writer.add_key_value(f"own.{i}", drawn_value(rng, kind), kind)
    for i in range(rng.randrange(6)):
        kind = rng.choice(STORED + BLOCKS)
        block, size = gguf.GGML_QUANT_SIZES[kind]
        shape = [rng.choice([1, 1, 2, 3]) for _ in range(rng.randrange(3))] + [block * rng.choice([1, 2, 5])]
        data = np.frombuffer(rng.randbytes(math.prod(shape) // block * size), np.uint8)
        writer.add_tensor(f"t.{i}", data.reshape(*shape[:-1], -1), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_drawn_files(tmp_path):
    rng = random.Random(f"drawn {SEED}")
    paths = [tmp_path / f"{i}.gguf" for i in range(300)]
    for path in paths:
        draw_file(rng, path)
    for path, found in read(paths).items():
        assert found == expected(path), path


def damaged(rng, whole):
    data = bytearray(whole)
    for _ in range(rng.choice([1, 1, 2, 4])):
        place = rng.randrange(min(len(data), rng.choice([32, 200, len(data)])))
        data[place] = rng.choice([0, 1, 7, 8, 9, 0x20, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)


def compare(paths):
    """The number of files that both read."""
    accepted = 0
    for path, found in read(paths).items():
        if isinstance(found, str):
            continue
        try:
            wanted = expected(path)
        except (ValueError, KeyError, IndexError, OverflowError):  # it is stricter here
            continue
        accepted += 1
        assert found == wanted, path
    return accepted


def test_damaged_files_never_differ(tmp_path):
    rng = random.Random(f"damaged {SEED}")
    paths = []
    for i in range(CASES):
        if i % 50 == 0:
            draw_file(rng, tmp_path / "whole")
            whole = (tmp_path / "whole").read_bytes()
        paths.append(tmp_path / f"{i}.gguf")
        paths[-1].write_bytes(damaged(rng, whole))
    assert compare(paths) > CASES // 20


def test_what_fuzzing_found():
    paths = sorted([*FOUND.glob("*"), *(ROOT / "fuzz" / "seeds" / "gguf").iterdir()])
    assert compare(paths) > 0
