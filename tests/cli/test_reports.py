"""skald info, inspect, tokenize and bench."""

import json
import os

import pytest
from conftest import ROOT, refused, run

TEXTS = [
    "Once upon a time",
    "",
    " two  spaces\n\n\ttab\r\n",
    "Ünïcödé ✨👩‍👩‍👧 日本語 العربية क्षि",
    "".join(map(chr, range(128))),
    "x" * 10000,
]


def test_info():
    info = run("info", "--json").json
    assert info["kernel_table"] in info["kernel_tables"] and "scalar" in info["kernel_tables"][-1]
    assert info["threads"] >= 1 and info["memory_available_bytes"] > 0
    text = run("info").out
    assert info["version"] in text and f"{info['kernel_table']} (in use)" in text


def test_info_bandwidth():
    assert 1e8 < run("info", "--bandwidth", "--json").json["memory_bytes_per_s"] < 1e13


def test_every_kernel_table_can_be_forced():
    for name in run("info", "--json").json["kernel_tables"]:
        assert run("info", "--json", env={"SKALD_ISA": name}).json["kernel_table"] == name
    assert "SKALD_ISA" in refused("info", env={"SKALD_ISA": "avx9"})


def test_inspect(model):
    info = run("inspect", model, "--json").json
    config = json.loads((model / "config.json").read_text())
    assert info["architecture"] == config["model_type"]
    assert info["layers"] == config["num_hidden_layers"]
    assert info["hidden_size"] == config["hidden_size"]
    assert info["heads"] == config["num_attention_heads"]
    assert info["context"] == config["max_position_embeddings"]
    assert info["vocab_size"] == config["vocab_size"]
    assert info["weight_bytes_32"] >= 4 * info["parameters"] * 0.9
    sizes = [info[f"weight_bytes_{bits}"] for bits in (32, 16, 8, 4)]
    assert sizes == sorted(sizes, reverse=True) and info["weight_bytes"] in sizes
    assert info["kv_bytes_per_token"] > 0
    text = run("inspect", model).out
    assert str(info["parameters"]) in text and "per 1000 tokens" in text
    assert info["state_bytes"] is None and "per sequence" not in text


def test_inspect_recurrent():
    folder = ROOT / "tests/data/models/mamba2_groups_biases"
    info = run("inspect", folder, "--json").json
    assert all(info[key] is None for key in ("heads", "kv_heads", "head_dim", "context", "kv_bytes_per_token"))
    assert info["state_bytes"] > 0
    text = run("inspect", folder).out
    assert "heads" not in text and "1000 tokens" not in text
    assert "not limited" in text and "per sequence, of any length" in text


@pytest.mark.parametrize(("name", "encodes"), [("bloom_untied", False), ("t5_plain_scaled", True)])
def test_inspect_without_a_context_limit(name, encodes):
    folder = ROOT / "tests/data/models" / name
    info = run("inspect", folder, "--json").json
    assert info["context"] is None and info["heads"] > 0 and info["kv_bytes_per_token"] > 0
    assert (info["encoder_layers"] > 0) == encodes
    text = run("inspect", folder).out
    assert "not limited" in text and ("encoder-decoder" in text) == encodes


@pytest.mark.parametrize("text", TEXTS)
def test_tokenize_and_back(model, text):
    tokens = run("tokenize", model, text, "--json").json if text and "\0" not in text else None
    piped = run("tokenize", model, "--json", stdin=text.encode()).json
    assert tokens is None or tokens == piped
    assert len(piped["ids"]) == len(piped["tokens"]) == len(piped["offsets"])
    size = len(text.encode())
    assert all(0 <= a <= b <= size for a, b in piped["offsets"])
    if text:
        ids = ",".join(map(str, piped["ids"]))
        decoded = run("tokenize", model, f"--decode={ids}", "--json", "--no-special-tokens").json["text"]
        assert decoded == text


def test_tokenize_forms(model, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("The king and the queen")
    ids = run("tokenize", model, "--file", file, "--json").json["ids"]
    assert run("tokenize", model, "--file", file, "--ids").out == ",".join(map(str, ids)) + "\n"
    lines = run("tokenize", model, "--file", file).out.splitlines()
    assert [int(line.split()[0]) for line in lines] == ids
    assert "king" in run("tokenize", model, "--decode", " ".join(map(str, ids))).out
    written = run("tokenize", model, "--file", file, "--ids").out.encode()
    assert "king" in run("tokenize", model, "--decode", "-", stdin=written).out


def test_tokenize_batch(model):
    batch = "".join(json.dumps(text) + "\n" for text in TEXTS)
    answers = run("tokenize", model, "--batch-file", "-", stdin=batch.encode()).lines
    assert answers == [run("tokenize", model, "--json", stdin=text.encode()).json for text in TEXTS]
    assert "line 1" in refused("tokenize", model, "--batch-file", "-", stdin=b"[1, 2]\n")


def test_tokenize_reads_bytes_that_are_not_utf8(model):
    result = run("tokenize", model, "--json", stdin=b"a\xff")
    assert result.code == 0 and "not UTF-8" in result.err
    assert result.json["ids"] == run("tokenize", model, "a\ufffd", "--json").json["ids"]


def test_tokenize_needs_the_tokenizer_alone(model, tmp_path):
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        (tmp_path / name).symlink_to(model / name)
    assert run("tokenize", tmp_path, "Once", "--json").json == run("tokenize", model, "Once", "--json").json


def test_decode_refuses_what_is_no_token(model):
    assert "99999999" in refused("tokenize", model, "--decode", "1,99999999")
    assert "must be an integer" in refused("tokenize", model, "--decode", "x")


def test_bench(model):
    work = ["--prompt-tokens", "64", "--gen-tokens", "8", "--batch", "2", "--threads", "1", "--repeat", "1"]
    figures = run("bench", model, *work, "--json").json
    for name in [
        "prefill_tokens_per_s",
        "decode_tokens_per_s",
        "load_s",
        "peak_rss_bytes",
        "dram_share",
        "first_token_s",
    ]:
        assert figures[name] > 0, name
    assert 0 < figures["token_ms_p50"] <= figures["token_ms_p90"] <= figures["token_ms_p99"]
    assert (figures["batch"], figures["beams"], figures["threads"]) == (2, 1, 1)
    assert figures["peak_rss_bytes"] > os.stat(model / "model.safetensors").st_size
    text = run("bench", model, *work).out
    assert "tokens/s (64 x 2 prompts)" in text and "p99" in text


def test_bench_counts_the_tokens_of_all_beams(model):
    work = ["--prompt-tokens", "16", "--gen-tokens", "8", "--beams", "3", "--threads", "1", "--repeat", "1"]
    figures = run("bench", model, *work, "--json").json
    assert figures["beams"] == 3 and figures["token_ms_p50"] is None
    steps = figures["decode_tokens_per_s"] / 3
    assert figures["dram_share"] == pytest.approx(steps * figures["weight_bytes"] / figures["dram_bytes_per_s"])
    assert "(8 x 3 beams; of one of them " in run("bench", model, *work).out


def test_bench_names_the_limit_of_the_context(model):
    assert "positions" in refused("bench", model, "--prompt-tokens", "100000")
