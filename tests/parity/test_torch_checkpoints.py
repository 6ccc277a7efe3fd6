"""Checkpoints of torch.save, drawn at random, beside what torch itself loads; the same model as .bin and safetensors;
and damaged checkpoints, and those that fuzzing has found: none may give other tensors than torch's own reader of
weights gives.

    ./dev fuzz torch
    SKALD_PARITY_SEED=7 SKALD_CASES=5000 ./dev test --parity -k torch_checkpoints

SKALD_CASES is how many files are damaged; SKALD_FUZZ_FILES the folder of found files, build/fuzz/corpus/torch where it
is not set.
"""

import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

ROOT = Path(__file__).resolve().parents[2]
CLI = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
MODEL = ROOT / "models" / "skald-tales"
SEED = int(os.environ.get("SKALD_PARITY_SEED", "0"))
CASES = int(os.environ.get("SKALD_CASES", "1500"))
FOUND = Path(os.environ.get("SKALD_FUZZ_FILES", ROOT / "build" / "fuzz" / "corpus" / "torch"))
AT_ONCE = 500  # files of one call: the length of a command line
TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.uint16: "U16",
    torch.uint32: "U32",
    torch.uint64: "U64",
    torch.bool: "BOOL",
    torch.complex64: "C64",
}


def read(paths):
    program = CLI.parents[1] / "tests" / "run_tensors"
    calls = [[program, *list(paths)[i : i + AT_ONCE]] for i in range(0, len(paths), AT_ONCE)]
    out = "".join(subprocess.run(c, capture_output=True, text=True, check=True).stdout for c in calls)
    files = {}
    for line in out.splitlines():
        if line.startswith("file "):
            found = files[line[5:]] = {}
        elif line.startswith("refused: "):
            found["refused"] = line
        else:
            name, dtype, shape, data = line.split(" ")
            found[bytes.fromhex(name).decode()] = (dtype, shape.rstrip("T"), shape.endswith("T"), data)
    return files


def drawn_base(rng):
    dtype = rng.choice(list(TYPES))
    shape = [rng.choice([0, 1, 2, 3, 5, 8, 130]) for _ in range(rng.choice([0, 1, 1, 2, 2, 2, 3, 4]))]
    while torch.Size(shape).numel() > 40000:
        shape.pop()
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    return torch.randint(0, 100, shape, generator=generator).to(torch.float32).to(dtype)


def drawn_view(rng, x):
    for _ in range(rng.randrange(4)):
        if x.dim() == 0:
            break
        kind, d = rng.randrange(5), rng.randrange(x.dim())
        n = x.shape[d]
        if kind == 0:
            x = x.transpose(d, rng.randrange(x.dim()))
        elif kind == 1 and n > 0:
            first = rng.randrange(n)
            x = x.narrow(d, first, rng.randint(0, n - first))
        elif kind == 2:
            x = x[(slice(None),) * d + (slice(None, None, rng.choice([1, 2, 3])),)]
        elif kind == 3 and n > 0:
            x = x.select(d, rng.randrange(n))
        else:
            x = x.unsqueeze(d)
    return x


def drawn_state(rng):
    state = {}
    for i in range(rng.randrange(1, 6)):
        base = drawn_base(rng)
        for j in range(rng.choice([1, 1, 2, 3])):
            view = drawn_view(rng, base)
            if rng.random() < 0.2 and view.is_floating_point() and view.element_size() > 1:
                view = torch.nn.Parameter(view, requires_grad=rng.random() < 0.5)
            state[f"t{i}.{j}"] = view
    return state


def bytes_of(tensor):
    plain = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.detach().reshape(-1))
    return plain.view(torch.uint8).numpy().tobytes().hex()


def expected(state):
    return {n: (TYPES[t.dtype], str(list(t.shape)).replace(" ", ""), bytes_of(t)) for n, t in state.items()}


def as_torch_has_it(found):
    """Matrices that are stored the other way round, turned."""
    out = {}
    for name, (dtype, shape, turned, data) in found.items():
        if turned:
            rows, columns = map(int, re.findall(r"\d+", shape))
            size = len(data) // (rows * columns)
            cells = [data[i : i + size] for i in range(0, len(data), size)]
            data = "".join(cells[c * rows + r] for r in range(rows) for c in range(columns))
        out[name] = (dtype, shape, data)
    return out


def state_of(loaded):
    """The named tensors of what torch loads: formats/torch_checkpoint.h says where, and under which names."""
    keys = ("model_state", "state_dict", "model_state_dict", "model", "module")
    places = [loaded, *(loaded.get(key) for key in keys)]
    state = next(p for p in places if isinstance(p, dict) and any(isinstance(v, torch.Tensor) for v in p.values()))
    state = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
    while wrapper := next((w for w in ("module.", "_orig_mod.") if state and all(n.startswith(w) for n in state)), ""):
        state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return state


def compare(files):
    """The number of files that Skald reads."""
    accepted = 0
    for path, found in read(files).items():
        if "refused" in found:
            continue
        accepted += 1
        try:
            loaded = torch.load(path, weights_only=True)
        except Exception:  # torch is stricter here: its checksums are read at once, ours when the model is loaded
            continue
        assert as_torch_has_it(found) == expected(state_of(loaded)), path
    return accepted


def test_drawn_checkpoints(tmp_path):
    rng = random.Random(f"drawn {SEED}")
    states = {}
    for i in range(300):
        path = tmp_path / f"{i}.pt"
        states[str(path)] = state = drawn_state(rng)
        saved = state if rng.random() < 0.6 else {rng.choice(["model_state", "state_dict", "model"]): state, "epoch": i}
        torch.save(saved, path, pickle_protocol=rng.choice([2, 2, 3, 4, 5]))
    for path, found in read(states).items():
        assert as_torch_has_it(found) == expected(states[path]), path


def test_damaged_checkpoints_never_differ_from_torch(tmp_path):
    """A byte changed anywhere, but in the numbers themselves: refused, or the tensors that torch loads."""
    rng = random.Random(f"damaged {SEED}")
    torch.save(drawn_state(rng) | {"w": torch.arange(6.0)}, tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    files = []
    for i in range(CASES):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 1, 2])):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 0x28, 0x51, 0x52, 0x7F, 0x80, 0xFF, rng.randrange(256)])
        files.append(tmp_path / f"{i}.pt")
        files[-1].write_bytes(data[: rng.randrange(len(data))] if rng.random() < 0.1 else data)
    assert compare(files) > 10


def write_archive(path, pickle):
    """An archive as torch writes it, of a pickle and the storage that the harness gives it."""
    writer = torch._C.PyTorchFileWriter(str(path))
    for name, data in {"data.pkl": pickle, "data/0": b"\1" * 24}.items():
        writer.write_record(name, data, len(data))
    writer.write_end_of_file()


def test_what_fuzzing_found_never_differs_from_torch(tmp_path):
    files = []
    for i, found in enumerate(sorted([*FOUND.glob("*"), *(ROOT / "fuzz" / "seeds" / "torch").iterdir()])):
        data = found.read_bytes()
        files += [tmp_path / f"{i}.pt", tmp_path / f"{i}_in_archive.pt"]
        files[-2].write_bytes(data)
        write_archive(files[-1], data)
    assert compare(files) > 0


def test_a_model_as_bin_is_the_model_as_safetensors(tmp_path):
    weights = safetensors_torch.load_file(MODEL / "model.safetensors")
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_text((MODEL / name).read_text())
    names = sorted(weights)
    weight_map = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        # every second matrix as a view of a transposed one
        torch.save(
            {n: weights[n].t().contiguous().t() if i % 2 else weights[n] for i, n in enumerate(part)}, tmp_path / file
        )
        weight_map |= dict.fromkeys(part, file)
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
    texts = []
    for model in (MODEL, tmp_path):
        command = [
            CLI,
            "generate",
            model,
            "--prompt",
            "Once upon a time",
            "--seed",
            "3",
            "--max-tokens",
            "60",
            "--logprobs",
            "2",
        ]
        texts.append(subprocess.run([*command, "--json"], capture_output=True, check=True).stdout)
    first, second = (json.loads(text) for text in texts)
    first.pop("timings", None), second.pop("timings", None)
    assert first == second
