"""skald detect: what is marked is found, with the settings that it was marked with."""

import json

import pytest
from conftest import refused, run

SETTINGS = [
    {},
    {"seeding_scheme": "selfhash", "context_width": 2},
    {"keys": [654, 400, 836, 123, 340], "ngram_len": 3},
]


def generated(*flags):
    out = run("generate", "--prompt", "Once upon a time", "--max-tokens", "100", "--seed", "5", "--json", *flags)
    return ",".join(map(str, out.json["token_ids"]))


def detected(settings, ids):
    return run("detect", "--watermark", json.dumps(settings), "--ids", ids, "--json").json


@pytest.mark.parametrize("settings", SETTINGS)
def test_what_is_marked_is_found(settings):
    marked = detected(settings, generated("--watermark", json.dumps(settings)))
    plain = detected(settings, generated())
    assert marked["watermarked"] and marked["z_score"] > 3 and marked["p_value"] < 0.01
    assert not plain["watermarked"] and abs(plain["z_score"]) < 3


def test_settings_must_be_the_same():
    ids = generated("--watermark", "{}")
    assert not detected({"hashing_key": 5}, ids)["watermarked"]


def test_reads_text():
    out = run("detect", "--watermark", "{}", "--text", "The king went out into the wood.").out
    assert "watermarked" in out and "green tokens" in out


@pytest.mark.parametrize(
    "flags, part",
    [
        (["--text", "a b c"], "--watermark is missing"),
        (["--watermark", "{", "--text", "a b c"], "--watermark"),
        (["--watermark", '{"bias": "x"}', "--text", "a b c"], "bias"),
        (["--watermark", "{}", "--text", ""], "at least 2"),
        (["--watermark", "{}", "--ids", "1,99999999"], "must be in [0, "),
        (["--watermark", "{}", "--text", "a", "--ids", "1,2"], "not several"),
        (["--watermark", "{}", "--text", "a b c", "--z-threshold", "inf"], "--z-threshold"),
    ],
)
def test_refusals(flags, part):
    assert part in refused("detect", *flags)
