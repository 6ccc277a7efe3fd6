"""skald control, and generate with what it makes."""

import json

import pytest
from conftest import MODEL, refused, run

STORY = ["generate", "--prompt", "The old king", "--seed", "1", "--max-tokens", "30"]


@pytest.fixture(scope="module")
def cheerful(tmp_path_factory):
    path = tmp_path_factory.mktemp("control") / "cheerful.gguf"
    done = run("control", "--attribute", "cheerful", "--output", path)
    assert done.code == 0, done.err
    assert f"written   {path}\n" in done.out
    assert path.read_bytes().startswith(b"GGUF")
    return f"cheerful={path}"


def test_a_vector_is_used_where_it_is_named(cheerful):
    plain = run(*STORY).out
    loaded = [*STORY, "--control-vector", cheerful]
    assert run(*loaded, "--control-vectors", "cheerful=0").out == plain
    steered = run(*loaded, "--control-vectors", "cheerful=2").out
    assert steered != plain
    assert run(*loaded, "--control-vectors", '{"cheerful": 2}').out == steered
    assert run(*loaded, "--control-vectors", "cheerful=2", "--control-layers", "[1, 2]").out == steered
    assert run(*loaded, "--control-vectors", "cheerful=2", "--control-layers", "[1, 1]").out != steered
    assert run(*loaded).out == run(*loaded, "--control-vectors", "cheerful").out  # a single one, unasked
    twice = [*loaded, "--control-vector", cheerful.replace("cheerful=", "again=")]
    assert run(*twice).out == plain  # of two none is chosen
    assert run(*twice, "--control-vectors", "again,cheerful").out == steered


def test_the_same_texts_give_the_same_vector(tmp_path):
    texts = {"plus": "They laughed.\\nHurrah!\n\nA merry feast\n", "minus": "They wept.\\nAlas!\nA dreary funeral\n"}
    for name, lines in texts.items():
        (tmp_path / name).write_text(lines)
    pairs = {"a": {"positive": "They laughed.\nHurrah!", "negative": "They wept.\nAlas!"}}
    pairs["b"] = {"positive": "A merry feast", "negative": "A dreary funeral"}
    (tmp_path / "pairs.json").write_text(json.dumps(pairs))
    (tmp_path / "openings").write_text(" Then the boy\n And so\n")
    common = ["--openings", tmp_path / "openings", "--json", "--output"]
    lines = ["--positive", tmp_path / "plus", "--negative", tmp_path / "minus", "--escape"]
    told = run("control", MODEL, *lines, *common, tmp_path / "a.gguf").json
    assert (told["pairs"], told["openings"], list(told["lengths"])) == (2, 2, ["1", "2"])
    run("control", MODEL, "--pairs", tmp_path / "pairs.json", *common, tmp_path / "b.gguf")
    assert (tmp_path / "a.gguf").read_bytes() == (tmp_path / "b.gguf").read_bytes()
    other = run("control", MODEL, *lines, "--method", "pca", *common, tmp_path / "c.gguf").json
    assert other["lengths"] != told["lengths"]


def test_what_is_refused(cheerful, tmp_path):
    (tmp_path / "one").write_text("a\n")
    (tmp_path / "two").write_text("a\nb\n")
    (tmp_path / "none").write_text("\n")
    out = ["--output", tmp_path / "x.gguf"]
    assert "--output is missing" in refused("control", "--attribute", "cheerful")
    assert "give one of --attribute, --pairs, and --positive" in refused("control", *out)
    assert "--attribute = 'nope': is not known; known are cheerful" in refused("control", "--attribute", "nope", *out)
    assert "belong together" in refused("control", "--positive", tmp_path / "one", *out)
    lines = ["--positive", tmp_path / "one", "--negative"]
    assert "--negative = 2 lines: must be as many" in refused("control", *lines, tmp_path / "two", *out)
    assert "none: holds no text" in refused("control", *lines, tmp_path / "none", *out)
    assert "do not differ" in refused("control", *lines, tmp_path / "one", *out)
    assert "--method = 'x'" in refused("control", "--attribute", "formal", "--method", "x", *out)
    assert "one: " in refused("control", "--pairs", tmp_path / "one", *out)
    assert "/nowhere" in refused("control", "--attribute", "formal", "--output", "/nowhere/x.gguf")
    assert not (tmp_path / "x.gguf").exists()
    loaded = [*STORY, "--control-vector", cheerful]
    assert "--control-vectors = 'sad': is not loaded" in refused(*loaded, "--control-vectors", "sad")
    assert "--control-layers = [1, 9]: must be layers in [1, 3]" in refused(*loaded, "--control-layers", "[1,9]")
    assert "must be NAME=FILE" in refused(*STORY, "--control-vector", "x.gguf")
    assert "one: file too small" in refused(*STORY, "--control-vector", f"x={tmp_path / 'one'}")
    model = MODEL / "model.safetensors"
    assert "not GGUF: begins with" in refused(*STORY, "--control-vector", f"x={model}")


def test_layers_without_a_vector_are_told():
    assert (
        "control_layers = [1,2]: has no effect: there are no control_vectors"
        in run(*STORY, "--control-layers", "[1, 2]").err
    )
