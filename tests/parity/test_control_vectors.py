"""Control vectors against transformers and the gguf package: what they are made of, the file, and where they act."""

import json
import re
import subprocess
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from test_generate import command
from transformers import AutoModelForCausalLM, AutoTokenizer

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "skald-tales"
LAYERS, HIDDEN = 4, 512
POSITIVE = ["They laughed and sang.", "What a merry feast", "Hurrah! cried the king", "It was a bright morning"]
NEGATIVE = ["They wept and sighed.", "What a dreary funeral it was", "Alas! said the king", "It was a dark night"]
OPENINGS = [" Then the boy", " So they went home and"]


def run(*arguments):
    done = subprocess.run([command(), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def reference():
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager")
    return AutoTokenizer.from_pretrained(MODEL), model.eval()


def differences(reference):
    """[layers + 1, pairs, hidden]: of the states of the last tokens."""
    tokenizer, model = reference

    def states(text):
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states
        return np.stack([layer[0, -1].numpy() for layer in hidden]).astype(np.float64)

    texts = [(p + o, n + o) for o in OPENINGS for p, n in zip(POSITIVE, NEGATIVE)]
    return np.stack([states(p) - states(n) for p, n in texts], axis=1)


def make(folder, method):
    for name, lines in {"positive": POSITIVE, "negative": NEGATIVE, "openings": OPENINGS}.items():
        (folder / name).write_text("\n".join(lines) + "\n")
    output = folder / f"{method}.gguf"
    files = [flag for name in ("positive", "negative", "openings") for flag in (f"--{name}", folder / name)]
    run("control", MODEL, *files, "--method", method, "--output", output, "--bits", 32, "--json")
    return output


@pytest.mark.parametrize("method", ["mean", "pca"])
def test_the_file_and_what_it_is_made_of(method, reference, tmp_path):
    reader = gguf.GGUFReader(make(tmp_path, method))
    assert reader.fields["general.architecture"].contents() == "controlvector"
    assert reader.fields["controlvector.model_hint"].contents() == "llama"
    assert reader.fields["controlvector.layer_count"].contents() == 2
    assert [t.name for t in reader.tensors] == ["direction.1", "direction.2"]
    by_layer = differences(reference)
    for tensor in reader.tensors:
        assert tensor.tensor_type == gguf.GGMLQuantizationType.F32
        d = by_layer[int(tensor.name.split(".")[1]) + 1]
        wanted = d.mean(axis=0)
        if method == "pca":
            component = np.linalg.svd(d, full_matrices=False)[2][0]
            wanted = component * (component @ wanted)
        assert np.abs(tensor.data - wanted).max() <= 1e-4 * np.abs(wanted).max()


def adding(vector):
    def hook(_module, _inputs, output):
        return output + vector if torch.is_tensor(output) else (output[0] + vector, *output[1:])

    return hook


@pytest.mark.parametrize("seed", range(8))
def test_where_a_vector_acts(seed, reference, tmp_path):
    """As a hook on the layers' outputs: direction.N after layer N, counted from 0."""
    tokenizer, model = reference
    rng = np.random.default_rng(seed)
    layers = sorted(rng.choice(np.arange(1, LAYERS), size=rng.integers(1, LAYERS), replace=False).tolist())
    vectors = {layer: rng.standard_normal(HIDDEN).astype(np.float32) for layer in layers}
    writer = gguf.GGUFWriter(tmp_path / "v.gguf", "controlvector")
    writer.add_string("controlvector.model_hint", "llama")
    writer.add_uint32("controlvector.layer_count", len(vectors))
    for layer, vector in vectors.items():
        writer.add_tensor(f"direction.{layer}", vector)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    strength = round(float(rng.uniform(-1, 1)), 3)
    hooks = [
        model.model.layers[layer].register_forward_hook(adding(torch.from_numpy(vector) * strength))
        for layer, vector in vectors.items()
    ]
    try:
        inputs = tokenizer("The old king", return_tensors="pt")
        theirs = model.generate(
            **inputs, max_new_tokens=24, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
    finally:
        for hook in hooks:
            hook.remove()
    ours = run(
        *("generate", MODEL, "--prompt", "The old king", "--max-new-tokens", 24, "--no-sample", "--bits", 32, "--json"),
        *("--control-vector", f"v={tmp_path / 'v.gguf'}", "--control-vectors", f"v={strength}", "--output-logits"),
    )
    assert ours["token_ids"] == theirs.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    expected = torch.stack(theirs.logits)[:, 0].numpy()
    assert np.abs(np.array(ours["logits"]) - expected).max() <= 2e-4 * np.abs(expected).max()


def test_the_table_of_block_formats():
    """Q8_1 is never stored; the package and ggml disagree on its sums."""
    source = (ROOT / "src" / "formats" / "gguf_types.cc").read_text()
    rows = re.findall(r'\{(\d+), "(\w+)", (\d+), (\d+)', source)
    ours = {name: (int(number), int(block), int(size)) for number, name, block, size in rows}
    theirs = {kind.name: (kind.value, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert {k: v for k, v in ours.items() if k != "Q8_1"} == {k: v for k, v in theirs.items() if k != "Q8_1"}
