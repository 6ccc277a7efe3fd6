"""Makes tests/data/formats/torch: checkpoints as torch.save writes them, and what torch reads from each as safetensors.

python tests/formats/make_torch_goldens.py [folder]
"""

import json
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file

TYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.bool,
    torch.complex64,
]


def numbers(*shape):
    count = torch.Size(shape).numel()
    return ((torch.arange(count) * 37) % 101 - 50).reshape(shape).to(torch.float32)


def every_type():
    return {str(t).removeprefix("torch."): numbers(3, 5).abs().to(t) for t in TYPES}


def views():
    base, cube = numbers(12, 10), numbers(4, 5, 6)
    large = numbers(130, 140)
    return {
        "base": base,
        "same": base,
        "rows": base[3:7],
        "columns": base[:, 2:5],
        "steps": base[1::3, ::2],
        "turned": base.t(),
        "turned_part": base.t()[1:4, 2:9],
        "one_row": base[5],
        "one_column": base[:, 5],
        "one": base[2, 3],
        "permuted": cube.permute(2, 0, 1),
        "swapped": cube.transpose(1, 2),
        "singles": base[:, :1].t(),
        "large": large,
        "large_turned": large.t(),
        "empty": torch.zeros(0, 4),
        "empty_part": base[2:2],
        "diagonal": base.diagonal(),
    }


def module():
    torch.manual_seed(1)
    net = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.Linear(6, 4))
    net[2].weight = torch.nn.Parameter(net[0].weight.t().detach())
    return net


def write(folder, name, saved, expected, **options):
    torch.save(saved, folder / f"{name}.pt", **options)
    tensors = {key: value.detach().clone().contiguous() for key, value in expected.items()}
    save_file(tensors, folder / f"{name}.safetensors")


def main():
    default = Path(__file__).resolve().parent.parent / "data" / "formats" / "torch"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    folder.mkdir(parents=True, exist_ok=True)
    types = every_type()
    write(folder, "types", types, types)
    for protocol in (3, 4, 5):
        write(folder, f"protocol{protocol}", OrderedDict(types), types, pickle_protocol=protocol)
    write(folder, "views", views(), views())
    state = module().state_dict()
    write(folder, "module", state, state)
    write(folder, "wrapped", {"epoch": 3, "state_dict": {f"module._orig_mod.{k}": v for k, v in state.items()}}, state)
    parameters = dict(module().named_parameters())
    optimizer = torch.optim.AdamW(module().parameters())
    write(
        folder,
        "training",
        {
            "model_state": parameters,
            "optimizer_state": optimizer.state_dict(),
            "metrics": {"loss": 0.25, "best": None, "seen": {1, 2}, "log": [1.5, True, -3, 2**40, -(2**40), b"x"]},
            "model_config": {
                "vocab_size": 7,
                "pos_encoding": "learned",
                "dropout": 0.1,
                "tied": True,
                "names": ["é", 1],
            },
            "training_config": {"folder": Path("runs/1"), "device": torch.device("cpu"), "dtype": torch.float32},
        },
        parameters,
    )
    with_names = parameters["0.weight"].clone().detach()
    with_names = torch.nn.Parameter(with_names)
    with_names.note = "kept by torch, not by us"
    write(folder, "attributes", {"w": with_names}, {"w": with_names})
    torch.serialization.set_crc32_options(False)
    write(folder, "without_sums", types, types)
    torch.serialization.set_crc32_options(True)

    shards = folder / "shards"
    shards.mkdir(exist_ok=True)
    names, weight_map = sorted(state), {}
    for number, part in enumerate((names[:4], names[4:]), 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: state[name] for name in part}, shards / file)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (shards / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
