"""Stand-ins for the models that documents name: small ones, with the files that such a model has."""

import json
import random
import struct
from array import array
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STORY = ROOT / "models" / "skald-tales"
DATA = ROOT / "tests" / "data"
T5 = DATA / "models" / "t5_plain_scaled"
CHARACTERS = DATA / "models" / "fundamentallm_final_model"


def linked(folder, files):
    """`folder`, with links to `files`, a dictionary from names to paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in files.items():
        (folder / name).symlink_to(file)


def story(folder):
    """A decoder with a chat template, which samples unless it is asked otherwise."""
    linked(folder, {file.name: file for file in STORY.iterdir()})


def gpt2(folder):
    """A decoder that generates greedily unless it is asked otherwise, as GPT-2's files have it."""
    linked(folder, {file.name: file for file in STORY.iterdir() if file.name != "generation_config.json"})


def read_tensors(path):
    """{name: (shape, bytes)} of a safetensors file of 32-bit floats."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    body = data[8 + size :]
    return {name: (entry["shape"], body[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def write_tensors(path, tensors):
    header, end = {}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


def t5(folder):
    """An encoder-decoder with a unigram tokenizer; its embedding is drawn anew, at the tokenizer's size."""
    linked(folder, {"tokenizer.json": DATA / "tokenizers" / "unigram" / "tokenizer.json"})
    tensors = read_tensors(T5 / "model.safetensors")
    words, width = 400, tensors["shared.weight"][0][1]
    generator = random.Random(1)
    drawn = array("f", (generator.gauss(0, 1) for _ in range(words * width)))
    tensors["shared.weight"] = ([words, width], drawn.tobytes())
    write_tensors(folder / "model.safetensors", tensors)
    config = json.loads((T5 / "config.json").read_text()) | {"vocab_size": words, "eos_token_id": 2}
    (folder / "config.json").write_text(json.dumps(config))


def characters(name):
    """A checkpoint `name` as FundamentaLLM's trainer leaves it: characters, with the tokenizer beside it."""

    def make(folder):
        linked(folder, {name: CHARACTERS / "final_model.pt", "tokenizer.json": CHARACTERS / "tokenizer.json"})

    return make


# From the names in documents to what stands for them: under such a name in the folder in which a test runs.
MODELS = {
    "gpt2": gpt2,
    "model-id": gpt2,
    "t5-small": t5,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": story,
    "my_model": characters("final_model.pt"),  # my_model/final_model.pt
    ".": characters("model.pt"),  # model.pt
}


def make_shelf(folder):
    """`folder`, with all of them in it."""
    for name, make in MODELS.items():
        make(folder / name)
    return folder
