"""Presets, saved options, and what `skald config explain` says of them."""

import json
import subprocess

import pytest
from conftest import BINARY, refused, run

STORY = ("--prompt", "The king", "--seed", "4", "--json")
PRESETS = {
    "creative": dict(max_new_tokens=200, do_sample=True, temperature=0.8, top_k=50, top_p=0.95, repetition_penalty=1.2),
    "factual": dict(max_new_tokens=100, do_sample=False, repetition_penalty=1.1),
    "diverse": dict(max_new_tokens=100, num_beams=5, num_return_sequences=5, temperature=1.5, do_sample=True),
    "long-form": dict(max_new_tokens=1000, penalty_alpha=0.6, top_k=4, repetition_penalty=1.2, do_sample=False),
    "translation": dict(max_new_tokens=100, num_beams=5, early_stopping=True, no_repeat_ngram_size=3, do_sample=False),
    "code": dict(max_new_tokens=200, do_sample=True, temperature=0.3, top_p=0.95),
}


def saved(path, *arguments):
    result = run("generate", "--save-config", path, *arguments)
    assert (result.code, result.out, result.err) == (0, "", "")
    return json.loads(path.read_text())


def explained(*arguments):
    result = run("config", "explain", "--json", *arguments)
    assert result.code == 0, result.err
    return {row["name"]: (row["value"], row["source"]) for row in result.json["options"]}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_documents_recipes(model, tmp_path, name):
    assert saved(tmp_path / "c.json", "--preset", name) == PRESETS[name]
    flags = [f"--{key.replace('_', '-')}={value}".lower() for key, value in PRESETS[name].items() if value is not True]
    flags = ["--no-sample" if flag == "--do-sample=false" else flag for flag in flags if "early" not in flag]
    flags += ["--do-sample"] * (PRESETS[name].get("do_sample") is True)
    flags += ["--early-stopping=true"] * ("early_stopping" in PRESETS[name])
    short = ["--max-new-tokens", "12"]
    flags = [flag for flag in flags if "max-new-tokens" not in flag]
    wanted = run("generate", model, *STORY, *flags, *short)
    got = run("generate", model, *STORY, "--preset", name, *short)
    assert wanted.code == 0 and got.out == wanted.out


def test_an_unknown_preset_names_the_known_ones():
    assert "creative, factual, diverse, long-form, translation, code" in refused("generate", "--preset", "poetry")


def test_flags_before_the_file_before_the_preset(tmp_path):
    (tmp_path / "c.json").write_text('{"temperature": 0.6, "top_k": 7}')
    both = ("--preset", "creative", "--config", tmp_path / "c.json", "--top-k", "9")
    options = saved(tmp_path / "all.json", *both)
    assert (options["top_k"], options["temperature"], options["top_p"]) == (9, 0.6, 0.95)
    sources = explained(*both)
    assert sources["top_k"] == (9, "flag")
    assert sources["temperature"] == (0.6, "--config")
    assert sources["top_p"] == (0.95, "--preset")
    assert sources["eos_token_id"][1] == "generation_config.json of the model"


def test_saved_options_say_the_same(model, tmp_path):
    flags = ("--temperature", "0.7", "--top-p", "0.9", "--stop", "king", "--max-tokens", "20", "--bad-words", "the")
    saved(tmp_path / "folder" / "c.json", *flags)
    run("generate", "--save-config", tmp_path / "folder", *flags)  # a folder: its generation_config.json
    one = run("generate", model, *STORY, *flags).out
    assert run("generate", model, *STORY, "--config", tmp_path / "folder" / "c.json").out == one
    assert run("generate", model, *STORY, "--config", tmp_path / "folder").out == one


def test_save_and_generate_at_once(model, tmp_path):
    result = run("generate", model, *STORY, "--max-tokens", "3", "--save-config", tmp_path / "c.json")
    assert result.code == 0 and len(result.json["token_ids"]) == 3
    assert json.loads((tmp_path / "c.json").read_text()) == {"max_new_tokens": 3, "seed": 4}
    (tmp_path / "file").write_text("")
    assert "file" in refused("generate", "--save-config", tmp_path / "file" / "c.json")


@pytest.fixture
def silent(model, tmp_path):
    """The model that ships, without what it says of generation."""
    folder = tmp_path / "silent"
    folder.mkdir()
    for file in model.iterdir():
        if file.name != "generation_config.json":
            (folder / file.name).symlink_to(file)
    return folder


def test_what_follows_from_other_options(silent):
    assert explained()["max_new_tokens"] == (400, "generation_config.json of the model")
    assert explained(silent)["do_sample"] == (True, "default of the command")
    assert explained(silent)["max_new_tokens"] == (100, "default of the command")
    assert explained("--num-beams", "3")["do_sample"] == (False, "follows from num_beams")
    assert explained("--temperature", "0")["do_sample"] == (False, "follows from temperature")
    assert explained("--penalty-alpha", "0.6", "--top-k", "4")["do_sample"] == (False, "follows from penalty_alpha")
    assert "max_new_tokens" not in explained("--max-length", "50")


def test_explained_for_people_with_what_is_idle(silent):
    shown = run("config", "explain", silent, "--no-sample", "--top-p", "0.5").out
    assert "do_sample = false  (flag)\n" in shown and "top_p = 0.5  (flag)\n" in shown
    assert "default of the command" in shown
    assert shown.count("top_p = 0.5") == 2  # and that it has no effect


def test_contradictions_are_refused_and_told():
    result = run("config", "explain", "--json", "--min-tokens", "9", "--max-tokens", "3")
    assert result.code == 2 and "--min-new-tokens" in result.err and "min-new-tokens" in result.json["error"]
    assert refused("config").startswith("`skald config` has one subcommand")


def test_the_man_page_has_every_command_and_flag():
    page = run("help", "--man").out
    plain = page.replace("\\-", "-")
    for command in ("generate", "chat", "eval", "quantize", "config", "detect", "pull"):
        assert f'.SH "SKALD {command}"' in plain and f"\\fB--{'json'}\\fR" in plain
    for flag in ("--temperature", "--beam-width", "--batch-file", "--guide-attribute", "--preset"):
        assert f"\\fB{flag}\\fR" in plain
    assert (BINARY.parent / "skald.1").read_text() == page
    try:
        groff = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return
    assert groff.returncode == 0 and groff.stderr == "" and "temperature" in groff.stdout
