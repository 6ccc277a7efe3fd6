"""Random tiny checkpoints of the supported families, with what transformers computes from them.

A case is a folder: config.json, model.safetensors, and expected.safetensors with
  prompt  i32 [n]            rows    i32 [m]   positions of the sequence prompt + greedy whose logits are kept
  greedy  i32 [g]            logits  f32 [m, vocab]
  input   i32 [k]            of an encoder-decoder: what the encoder sees; prompt and greedy are then the decoder's
Cases are made so that they can fail: every norm, bias and gain is random with a sizeable spread, sequences are longer
than the window, the original rope length, a block and (some) a cut, and a case is only taken when its greedy text is
lively (>= 30 % distinct tokens) and no decision hangs on rounding.
"""

import json
import math
import random
from pathlib import Path

import torch
from decoder_families import DRAWS as DECODERS
from decoder_families import gemma3
from families import ANY_ROPE, BART_KIN, DRAWS, ENCODER_DECODERS
from make_fundamentallm_goldens import random_fundamentallm
from renamed_families import RENAMED, lay_out, use_norm_head, with_alibi
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM
from transformers.integrations.mxfp4 import FP4_VALUES, convert_moe_packed_tensors

MIN_DISTINCT = 0.3
MIN_MARGIN = 5e-4  # between the best two logits, relative to the largest


EMBEDDINGS = ("embed_tokens", "embed_in", "wte", "word_embeddings", "shared")
BUFFERS = ("final_logits_bias", "e_score_correction_bias")  # that a checkpoint has
SHARP = ("q_proj", "k_proj", "o_proj", "lm_head", "c_attn", "query_key_value", "dense.weight", "qkv_proj")
SHARP += ("q_b_proj", "kv_a_proj", "kv_b_proj", "out_proj", "embed_out", "Wqkv", "self_attn.query", "self_attn.key")

OTHER_DRAWS = RENAMED | {"gemma3": gemma3}  # of these only random_case makes models
FAMILIES = (*DRAWS, *OTHER_DRAWS, "fundamentallm")  # that random_case knows


def randomize(model, generator):
    """Every parameter random; query and key weights large enough that attention is sharp. Tied embeddings are small,
    or the model would only repeat its input."""
    tied = model.config.tie_word_embeddings
    conv = model.config.model_type == "gpt2"  # stores [inputs, outputs]
    bloom = model.config.model_type == "bloom"
    gemma = model.config.model_type.startswith("gemma")  # adds 1 to its gains, and scales its embeddings
    from_one = gemma or model.config.model_type == "nemotron"
    t5 = model.config.model_type in ("t5", "mt5", "umt5")  # does not scale its scores
    bart = model.config.model_type in BART_KIN  # its norms come last: what the tokens say would be lost among biases
    tied_scale = 0.05 if gemma else 0.25
    buffers = [(n, b) for n, b in model.named_buffers() if n.endswith(BUFFERS)]
    for name, parameter in list(model.named_parameters()) + buffers:
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith("bias"):
            # a large last bias would make some tokens always win
            small = bart or bloom or "ln_f" in name or "ln_out" in name or model.config.model_type in DECODERS
            value = noise * (0.1 if small else 0.5)
        elif bart and ("encoder_attn.out_proj" in name or "fc2" in name):
            value = 0.5 / math.sqrt(parameter.shape[1]) * noise
        elif name.endswith("A_log"):
            value = 1.5 * noise - 1.5  # memories of a few tokens and of many
        elif "time_decay" in name:
            value = 1.5 * noise - 2.0  # likewise
        elif "time_mix" in name:
            value = 0.5 + 0.4 * noise
        elif parameter.dim() == 1:
            value = (0.0 if from_one else 1.0) + 0.4 * noise
            if "embeddings_layernorm" in name:
                value = 0.3 * value
        elif any(part in name for part in EMBEDDINGS):
            value = noise * (tied_scale if tied else 1.0)
        elif "wpe" in name or "embed_positions" in name:
            value = 2 * noise
        elif "relative_attention_bias" in name:
            value = 1.5 * noise
        elif t5 and name.endswith(("Attention.q.weight", "Attention.k.weight")):
            value = 2 / math.sqrt(parameter.shape[1] * math.sqrt(model.config.d_kv)) * noise
        elif parameter.dim() == 3:  # all experts of a layer; gpt-oss stores [experts, inputs, outputs]
            inputs = parameter.shape[1 if model.config.model_type == "gpt_oss" else 2]
            value = 1.7 / math.sqrt(inputs) * noise
        elif name.endswith(("mlp.gate.weight", "mlp.router.weight")):
            value = 3 / math.sqrt(parameter.shape[1]) * noise  # experts of very different weights
        else:
            gain = 2.0 if any(part in name for part in SHARP) else 1.3
            value = gain / math.sqrt(parameter.shape[0 if conv else 1]) * noise
        parameter.data.copy_(value)


def quantize(weights):
    """Weights [experts, inputs, outputs] as the MXFP4 blocks [experts, outputs, inputs / 32, 16] and scales nearest to
    them, and what transformers reads there."""
    x = weights.transpose(1, 2)
    x = x.reshape(*x.shape[:2], -1, 32)
    exponent = x.abs().amax(-1, keepdim=True).log2().floor() - 2
    codes = (x[..., None] / exponent.exp2()[..., None] - torch.tensor(FP4_VALUES)).abs().argmin(-1)
    blocks = (codes[..., 0::2] + 16 * codes[..., 1::2]).to(torch.uint8)
    scales = (exponent[..., 0] + 127).to(torch.uint8)
    return blocks, scales, convert_moe_packed_tensors(blocks, scales, dtype=torch.float32)


def quantize_experts(model):
    """Quantises the experts of all layers but the last one, which a checkpoint may leave as it is; keeps what is to be
    stored in their place as model.quantized."""
    model.quantized = {}
    for name, parameter in model.named_parameters():
        if parameter.dim() == 3 and f"layers.{model.config.num_hidden_layers - 1}." not in name:
            blocks, scales, parameter.data = quantize(parameter.data)
            model.quantized[name] = {f"{name}_blocks": blocks, f"{name}_scales": scales}


def random_settings(rng, model_type=None, rope_kind=None):
    """A config as a dict, and the length of the prompt."""
    model_type = model_type or rng.choice(sorted(DRAWS))
    draw = (DRAWS | OTHER_DRAWS)[model_type]
    config, length = draw(rng, rope_kind) if model_type in ANY_ROPE else draw(rng)
    return {"model_type": model_type} | config, length


def reference(config, seed, prompt_length, n_greedy, dtype):
    """The model, a prompt, its greedy continuation and the logits of prompt + continuation, row by row as decoded."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    encodes = config["model_type"] in ENCODER_DECODERS
    auto = AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM
    stored = {key: value for key, value in config.items() if key != "quantization_config"}
    model = auto.from_config(AutoConfig.for_model(**stored)).eval()
    randomize(model, generator)
    if "quantization_config" in config:
        quantize_experts(model)
    if "norm_head" in config:
        use_norm_head(model)
    for parameter in model.parameters():  # what the file will hold; buffers of frequencies stay f32
        parameter.data = parameter.data.to(dtype).to(torch.float32)
    vocab = config.get("text_config", config)["vocab_size"]
    prompt = torch.randint(0, vocab, (1, prompt_length), generator=generator)
    given = {}
    rows = []
    greedy = []
    with torch.no_grad():
        if encodes:
            given = {"encoder_outputs": model.get_encoder()(prompt)}
            model.encoder_input = prompt[0]
            # The reference counts a padding token of M2M-100's decoder where it is read alone, as generated ones are.
            first = config["pad_token_id"] + 1 if config["model_type"] == "m2m_100" else 0
            prompt = torch.randint(first, vocab, (1, 1 + seed % 9), generator=generator)
        step = (lambda ids, **state: model(decoder_input_ids=ids, **given, **state)) if encodes else model
        if "alibi" in stored:
            step = with_alibi(model)
        out = step(prompt, use_cache=True)
        cache = next(key for key in ("cache_params", "state", "past_key_values") if key in out)
        rows.append(out.logits[0])
        for _ in range(n_greedy):
            token = int(rows[-1][-1].argmax())
            greedy.append(token)
            if "time_step_limit" in config:  # which Mamba2 forgets in its cached step
                whole = torch.cat([prompt[0], torch.tensor(greedy)])
                rows.append(model(whole[None]).logits[0, -1:])
            else:
                out = step(torch.tensor([[token]]), **{cache: out[cache]}, use_cache=True)
                rows.append(out.logits[0])
    if config["model_type"] == "rwkv":  # which scales its weights while it computes
        model.train().rwkv._rescale_layers()
    return model, prompt[0], greedy, torch.cat(rows)


def lively(greedy, logits, n_prompt):
    """Whether the greedy text varies and every one of its decisions is clear."""
    if len(set(greedy)) < MIN_DISTINCT * len(greedy):
        return False
    best = logits[n_prompt - 1 : -1].topk(2).values
    return bool((best[:, 0] - best[:, 1]).min() > MIN_MARGIN * logits.abs().max())


def make_case(folder, config, seed, prompt_length, n_greedy=72, n_rows=24, dtype=torch.float32):
    """Writes a case; tries seeds from `seed` on until one is lively. Returns whether one was."""
    for attempt in range(seed, seed + 12):
        model, prompt, greedy, logits = reference(config, attempt, prompt_length, n_greedy, dtype)
        if lively(greedy, logits, len(prompt)):
            break
    else:
        return False
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config | {"torch_dtype": str(dtype).split(".")[1]}, indent=1) + "\n")
    names = {id(p): n for n, p in reversed(list(model.named_parameters()))}  # tied copies once
    weights = {n: p.data.to(dtype).contiguous() for n, p in model.named_parameters() if names[id(p)] == n}
    weights |= {n: b.data for n, b in model.named_buffers() if n.endswith(BUFFERS)}
    for name, stored in getattr(model, "quantized", {}).items():
        del weights[name]
        weights |= stored
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    last = len(logits) - 1
    rows = sorted({round(i * last / (n_rows - 1)) for i in range(n_rows)})
    expected = {
        "prompt": prompt.to(torch.int32),
        "greedy": torch.tensor(greedy, dtype=torch.int32),
        "rows": torch.tensor(rows, dtype=torch.int32),
        "logits": logits[rows].contiguous(),
    }
    if config["model_type"] in ENCODER_DECODERS:
        expected["input"] = model.encoder_input.to(torch.int32)
    save_file(expected, folder / "expected.safetensors")
    return True


def use_names_of_4(path):
    """As transformers 4 saved a text model in one that also sees, and as the Hub has it."""
    names = {"model.language_model.": "language_model.model.", "lm_head.": "language_model.lm_head."}
    names |= {"model.vision_tower.": "vision_tower.", "model.multi_modal": "multi_modal"}
    weights = {}
    for name, tensor in load_file(path).items():
        old = next(old for old in names if name.startswith(old))
        weights[names[old] + name.removeprefix(old)] = tensor
    save_file(weights, path, metadata={"format": "pt"})


def random_case(folder, seed, **fixed):
    """A case with settings drawn from `seed`; draws others where they only give dull checkpoints."""
    if fixed.get("model_type") == "fundamentallm":
        random_fundamentallm(Path(folder), seed)
        return
    rng = random.Random(seed)
    for _ in range(20):
        config, prompt_length = random_settings(rng, **fixed)
        dtype = rng.choice([torch.float32, torch.float32, torch.bfloat16, torch.float16])
        if not make_case(folder, config, seed, prompt_length, dtype=dtype):
            continue
        if fixed.get("model_type") in RENAMED:
            lay_out(folder, fixed["model_type"])
        if config["model_type"] == "gemma3" and rng.random() < 0.5:
            use_names_of_4(Path(folder) / "model.safetensors")
        return
    raise RuntimeError(f"no lively checkpoint from seed {seed}")
