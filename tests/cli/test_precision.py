"""Weights in fewer bits: what it costs in quality, what is refused."""

import shutil

import pytest
from conftest import MODEL, refused, run

TEXT = (
    "Once upon a time there was a poor miller who had a beautiful daughter. One day the king came by, and the miller, "
    "who wished to seem important, told him that his daughter could spin gold out of straw. The king said to him, "
    "'That is an art which pleases me well; bring her to my palace to-morrow, and I will see what she can do.'"
)


def perplexity(bits, *flags):
    return run("eval", "--text", TEXT, "--bits", bits, *flags, "--json").json["perplexity"]


def test_fewer_bits_cost_little():
    full = perplexity("32")
    assert abs(perplexity("16") / full - 1) < 0.002
    assert abs(perplexity("8") / full - 1) < 0.005
    assert abs(perplexity("4") / full - 1) < 0.05


def test_the_text_does_not_depend_on_threads():
    for bits in ("8", "4"):
        texts = {
            run("generate", "--prompt", TEXT, "--bits", bits, "--seed", "3", "--threads", threads).out
            for threads in ("1", "2")
        }
        assert len(texts) == 1 and texts != {""}, bits


def test_fewer_bits_take_less_memory():
    sizes = [
        run("bench", "--prompt-tokens", "8", "--gen-tokens", "4", "--bits", bits, "--json").json["weight_bytes"]
        for bits in ("32", "16", "8", "4")
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[3] < sizes[1] / 3


@pytest.mark.parametrize("bits", ["8", "4"])
def test_a_quantised_folder_gives_what_bits_gives(tmp_path, bits):
    out = tmp_path / "smaller"
    done = run("quantize", MODEL, out, "--bits", bits, "--json").json
    assert done["bytes_after"] < done["bytes_before"] * int(bits) / 12
    assert {entry.name for entry in out.iterdir()} >= {"config.json", "tokenizer.json", "model.safetensors"}
    wanted = run("eval", "--text", TEXT, "--bits", bits, "--json").json
    assert run("eval", out, "--text", TEXT, "--json").json == wanted
    assert run("inspect", out, "--json").json["dtype"] == "int" + bits


def test_what_quantize_refuses(tmp_path):
    out = tmp_path / "smaller"
    assert "takes a model and the folder" in refused("quantize", MODEL)
    assert "must be 8 or 4" in refused("quantize", MODEL, out, "--bits", "5")
    assert "no such file or folder" in refused("quantize", tmp_path / "none", out)
    assert "is the model itself" in refused("quantize", MODEL, MODEL)
    assert run("quantize", MODEL, out).code == 0
    assert "--force replaces it" in refused("quantize", MODEL, out)
    assert run("quantize", MODEL, out, "--force").code == 0
    assert "quantised already" in refused("quantize", out, tmp_path / "twice")
    (tmp_path / "file").write_text("x")
    assert "cannot make the folder" in refused("quantize", MODEL, tmp_path / "file" / "out")


def test_metadata_that_lies_about_blocks(tmp_path):
    out = tmp_path / "smaller"
    assert run("quantize", MODEL, out).code == 0
    whole = (out / "model.safetensors").read_bytes()
    name = b"skald.blocks.model.layers.1.mlp.gate_proj.weight"
    for lie, words in (
        (b"int4 of 511", ""),  # as many blocks: the config knows better
        (b"int4 of 640", "rows of 426 bytes"),
        (b"int9 of 512", "names no format"),
        (b"int4  of512", "names no format"),
        (b"int4 of -12", 'not "FORMAT of INPUTS"'),
    ):
        at = whole.index(name) + len(name) + 3
        assert whole[at : at + 11] == b"int4 of 512"
        (out / "model.safetensors").write_bytes(whole[:at] + lie + whole[at + 11 :])
        message = refused("generate", out, "--prompt", "a")
        assert "gate_proj" in message and words in message
    shutil.rmtree(out)


def test_keys_and_values_in_eight_bits():
    for bits in ("32", "4"):
        assert abs(perplexity(bits, "--kv-bits", "8") / perplexity(bits) - 1) < 0.005
    assert perplexity("16", "--kv-bits", "16") == perplexity("16")
    texts = {
        run("generate", "--prompt", TEXT, "--kv-bits", "8", "--seed", "3", "--threads", threads).out
        for threads in ("1", "2")
    }
    assert len(texts) == 1 and texts != {""}
    info = run("inspect", "--json").json
    assert info["kv_bytes_per_token_8"] < 0.6 * info["kv_bytes_per_token"]
