"""The shipped model as GGUF files of several types: the tokens of a folder that holds the same numbers in f32."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
gguf = pytest.importorskip("gguf")
safetensors_torch = pytest.importorskip("safetensors.torch")

ROOT = Path(__file__).resolve().parents[2]
CLI = os.environ.get("SKALD_CLI", str(ROOT / "build" / "release" / "cli" / "skald"))
MODEL = ROOT / "models" / "skald-tales"
PROMPTS = ["Once upon a time", "The fox said to the well,", '"Where are you going?" asked']

sys.path.insert(0, str(ROOT / "tests" / "models"))
import convert_to_gguf  # noqa: E402


def skald_json(*arguments) -> dict:
    command = [CLI, *map(str, arguments), "--json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def greedy(model, prompt: str) -> dict:
    return skald_json("generate", model, "--prompt", prompt, "--no-sample", "--bits", 32, "--max-tokens", 100)


def make_folder(folder: Path, kind) -> None:
    """The model with the numbers that tensors of type `kind` hold."""
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text((MODEL / name).read_text())
    tensors = {}
    for name, tensor in convert_to_gguf.read_tensors(MODEL).items():
        values = tensor.float().numpy()
        if values.ndim > 1:
            values = gguf.dequantize(gguf.quantize(values, kind), kind).reshape(values.shape)
        tensors[name] = torch.from_numpy(values.copy())
    safetensors_torch.save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("name", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q5_1", "MXFP4"])
def test_tokens_equal_those_of_a_folder(tmp_path, name):
    kind = gguf.GGMLQuantizationType[name]
    path = tmp_path / "model.gguf"
    convert_to_gguf.convert(MODEL, path, kind, pre="llama-bpe")
    make_folder(tmp_path, kind)
    for prompt in PROMPTS:
        ours, expected = greedy(path, prompt), greedy(tmp_path, prompt)
        assert ours["token_ids"] == expected["token_ids"]
        assert ours["text"] == expected["text"]


def test_what_is_said_of_a_file(tmp_path):
    path = tmp_path / "model.gguf"
    convert_to_gguf.convert(MODEL, path, gguf.GGMLQuantizationType.Q8_0, pre="llama-bpe")
    info, folder = skald_json("inspect", path), skald_json("inspect", MODEL)
    same = ["architecture", "parameters", "tensors", "layers", "heads", "kv_heads", "head_dim", "context", "vocab_size"]
    assert {key: info[key] for key in same} == {key: folder[key] for key in same}
    assert (info["format"], info["dtype"], info["chat_template"]) == ("GGUF", "Q8_0", True)
    text = "It's 1234 o'clock — she said: \"Täglich!\"\n\n  done"
    assert skald_json("tokenize", path, text)["ids"] == skald_json("tokenize", MODEL, text)["ids"]
