"""Writes tests/data/gguf/*.gguf: tiny random models of architectures that Skald reads from GGUF, each with the
logits that transformers computes from the weights in the file; and the tokenizers of tests/data/tokenizers.

    python tests/models/make_gguf_goldens.py

Made with transformers 5.23 and gguf 0.19; two are fuzz seeds too. A file holds its case itself: test.prompt, and
test.logits [tokens, vocab].
"""

import pathlib
import tempfile

import convert_to_gguf
import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file

ROOT = pathlib.Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
VOCAB = 96
LLAMA_FORM = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
    "rope_theta": 10000.0,
}
LONGROPE = {
    "rope_type": "longrope",
    "short_factor": [1.0, 1.1, 1.3],
    "long_factor": [1.0, 1.7, 4.0],
    "original_max_position_embeddings": 16,
    "attention_factor": 1.2,
    "rope_theta": 10000.0,
    "partial_rotary_factor": 0.75,
}
EXPERTS = {"num_experts_per_tok": 2, "intermediate_size": 32}
# name: model_type, what differs from LLAMA_FORM, stored type
CASES = {
    "llama": ("llama", {"rope_parameters": LLAMA3_ROPE, "tie_word_embeddings": True}, Type.F32),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True}, Type.BF16),
    "llama-q8_0": ("llama", {}, Type.Q8_0),
    "llama-q4_0": ("llama", {}, Type.Q4_0),
    "llama-linear": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 500.0}},
        Type.Q5_1,
    ),
    "mixtral": ("mixtral", EXPERTS | {"num_local_experts": 3}, Type.F16),
    "qwen2": ("qwen2", {"tie_word_embeddings": True}, Type.F16),
    "qwen3": ("qwen3", {"head_dim": 16}, Type.Q8_0),
    "qwen2moe": (
        "qwen2_moe",
        EXPERTS | {"num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
        Type.MXFP4,
    ),
    "gemma2": ("gemma2", {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 7}, Type.F16),
    "phi3": ("phi3", {"rope_parameters": LONGROPE, "original_max_position_embeddings": 16}, Type.F16),
    "gpt2": ("gpt2", None, Type.F16),
}
GPT2 = {"vocab_size": VOCAB, "n_positions": 64, "n_embd": 32, "n_layer": 2, "n_head": 4}


def randomize(model) -> None:
    for name, parameter in model.named_parameters():
        with torch.no_grad():
            if "norm" in name or "ln_" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
            else:
                parameter.copy_(torch.randn_like(parameter) * 0.2)


def put_back(model, kind: Type, folder: pathlib.Path) -> None:
    """Gives the model the weights that a file of type `kind` has."""
    state = {}
    for name, tensor in convert_to_gguf.read_tensors(folder).items():
        values = tensor.float().numpy()
        transposed = name.endswith(convert_to_gguf.CONV1D) and model.config.model_type == "gpt2"
        values = values.T.copy() if transposed else values
        if values.ndim > 1 and values.shape[-1] % gguf.GGML_QUANT_SIZES[kind][0] == 0:
            values = gguf.dequantize(gguf.quantize(values, kind), kind).reshape(values.shape)
        state[name] = torch.from_numpy(values.T.copy() if transposed else values)
    with tempfile.TemporaryDirectory() as rounded:
        save_file(state, pathlib.Path(rounded) / "model.safetensors")
        model.config.save_pretrained(rounded)
        again = type(model).from_pretrained(rounded, dtype=torch.float32)
    model.load_state_dict(again.state_dict())


def make_case(name: str, model_type: str, differs: dict | None, kind: Type) -> None:
    settings = GPT2 if differs is None else LLAMA_FORM | differs
    config = transformers.AutoConfig.for_model(model_type, **settings)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    randomize(model)
    path = DATA / "gguf" / f"{name}.gguf"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model.save_pretrained(folder)
        put_back(model, kind, folder)
        prompt = np.random.default_rng(3).integers(0, VOCAB, 24)
        with torch.no_grad():
            logits = model(torch.from_numpy(prompt)[None]).logits[0]
        case = {"test.prompt": prompt.tolist(), "test.logits": logits[-3:].flatten().tolist()}
        convert_to_gguf.convert(folder, path, kind, arrays=case)


def make_tokenizer(name: str, pre: str | None) -> None:
    """A file with a tokenizer alone."""
    writer = gguf.GGUFWriter(DATA / "gguf" / f"tokenizer-{name}.gguf", "llama")
    convert_to_gguf.add_tokenizer(writer, DATA / "tokenizers" / name, {}, pre)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def main() -> None:
    torch.manual_seed(11)
    (DATA / "gguf").mkdir(exist_ok=True)
    for name, (model_type, differs, kind) in CASES.items():
        make_case(name, model_type, differs, kind)
    for name, pre in {"gpt2": "gpt-2", "llama3": "llama-bpe", "qwen2": "qwen2", "llama2": None}.items():
        make_tokenizer(name, pre)
    for name in ("llama-q4_0", "tokenizer-gpt2"):
        seed = ROOT / "fuzz" / "seeds" / "gguf" / name
        seed.write_bytes((DATA / "gguf" / f"{name}.gguf").read_bytes())


if __name__ == "__main__":
    main()
