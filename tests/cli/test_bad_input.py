"""What a command meets in a bad hour: pipes that close, streams that are shut, models that no memory holds."""

import json
import os
import resource
import struct
import subprocess

from conftest import BINARY, PATIENCE, refused, run


def shell(script, *arguments, **options):
    return subprocess.run(
        ["bash", "-c", script, "bash", BINARY, *map(os.fspath, arguments)],
        capture_output=True, text=True, timeout=PATIENCE, check=False, **options,
    )  # fmt: skip


def test_a_reader_that_leaves_ends_a_batch_quietly(model, tmp_path):
    (tmp_path / "in.jsonl").write_text('"The king"\n' * 300)
    done = shell(
        '"$1" generate "$2" --batch-file "$3" --json --max-tokens 3 | head -1; exit ${PIPESTATUS[0]}',
        model, tmp_path / "in.jsonl",
    )  # fmt: skip
    assert done.returncode in (0, 141) and done.stderr == ""
    assert done.stdout.count("\n") == 1 and json.loads(done.stdout)["prompt_index"] == 0


def test_closed_streams_of_a_batch(model, tmp_path):
    done = shell('"$1" generate "$2" --batch-file - --json <&-', model)
    assert (done.returncode, done.stdout) == (2, "") and "standard input: is closed" in done.stderr
    (tmp_path / "in.jsonl").write_text('"The king"\n')
    done = shell('"$1" generate "$2" --batch-file "$3" --json >&-', model, tmp_path / "in.jsonl")
    assert done.returncode == 1 and "standard output is closed" in done.stderr


def test_a_full_disk_ends_a_batch(model, tmp_path):
    (tmp_path / "in.jsonl").write_text('"The king"\n')
    result = run("generate", model, "--batch-file", tmp_path / "in.jsonl", "--output-file", "/dev/full", "--json")
    assert result.code == 1 and "No space left" in result.err and result.err.count("\n") == 1


def test_a_line_that_is_not_utf8_is_its_own_error(model, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'"The king"\n"\xff\xfe"\n"A fox"\n')
    result = run("generate", model, "--batch-file", tmp_path / "in.jsonl", "--json", "--max-tokens", "2")
    assert result.code == 1
    assert ["error" in line for line in result.lines] == [False, True, False]


def test_a_line_of_more_than_64_mib_is_refused(model, tmp_path):
    with open(tmp_path / "in.jsonl", "wb") as file:
        file.truncate((64 << 20) + (1 << 17))
    message = refused("generate", model, "--batch-file", tmp_path / "in.jsonl", "--json")
    assert "a line is longer than the limit of 64 MiB" in message


def test_two_models_are_one_too_many(model):
    assert "one argument too many" in refused("generate", model, model, "--prompt", "x")
    assert "one argument too many" in refused("config", "explain", model, model)


def test_a_device_that_is_not_there(model):
    for device in ("cuda", "mps", "cuda:0"):
        assert f"--device = '{device}'" in refused("generate", model, "--prompt", "x", "--device", device)


def write_sparse_llama(folder, n_bytes):
    """A Llama of one layer whose MLP alone takes so many bytes of f32; its file is a hole."""
    hidden = 4096
    wide = n_bytes // (3 * 4 * hidden) // 256 * 256 + 256
    settings = dict(
        model_type="llama", architectures=["LlamaForCausalLM"], hidden_size=hidden, intermediate_size=wide,
        num_hidden_layers=1, num_attention_heads=32, num_key_value_heads=32, vocab_size=32, rms_norm_eps=1e-5,
        max_position_embeddings=128, tie_word_embeddings=False, torch_dtype="float32",
    )  # fmt: skip
    layer = "model.layers.0."
    shapes = {
        "model.embed_tokens.weight": [32, hidden],
        "lm_head.weight": [32, hidden],
        "model.norm.weight": [hidden],
        layer + "input_layernorm.weight": [hidden],
        layer + "post_attention_layernorm.weight": [hidden],
        **{f"{layer}self_attn.{x}_proj.weight": [hidden, hidden] for x in "qkvo"},
        layer + "mlp.gate_proj.weight": [wide, hidden],
        layer + "mlp.up_proj.weight": [wide, hidden],
        layer + "mlp.down_proj.weight": [hidden, wide],
    }
    header, end = {}, 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(settings))
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return folder


def test_a_model_that_no_memory_holds_is_refused_before_it_is_read(tmp_path):
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    folder = write_sparse_llama(tmp_path / "model", 2 * total)
    limit = 2 << 30  # of address space: nothing is allocated on the way to the line
    done = subprocess.run(
        [BINARY, "generate", folder, "--ids", "1,2", "--bits", "32", "--threads", "1"],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert "needs " in done.stderr and " GiB available; try --bits 4 (" in done.stderr
