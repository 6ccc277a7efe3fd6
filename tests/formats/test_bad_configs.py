"""Malformed config.json and tokenizer.json beside whole weights: each refused in one line that names what is wrong.
More of their values are in tests/models/{config,family_config}_test.cc and tests/text/bad_*_test.cc."""

import json

import pytest
from bad_files import ROOT, refused_path

MODEL = ROOT / "tests" / "data" / "models" / "llama_tied_llama3"
CONFIG = json.loads((MODEL / "config.json").read_text())
TOKENS = {"a": 0, "b": 1, "ab": 2, "c": 3}
TOKENIZER = {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": TOKENS, "merges": ["a b"]}}
NORMALIZED = {"type": "NFC"}
RUN = ("--ids", "1", "--max-tokens", "1")
WHOLE = "must be an integer in [1, 1048576]"


def config(**changed):
    return json.dumps(CONFIG | changed).encode()


def written(key, value):
    """config.json with `value` as it is, which no writer of JSON would write."""
    return config(**{key: "HERE"}).replace(b'"HERE"', value)


def tokenizer(**changed):
    return json.dumps(TOKENIZER | changed).encode()


def model(**changed):
    return tokenizer(model=TOKENIZER["model"] | changed)


def added(*tokens):
    return tokenizer(added_tokens=[{"id": i, "content": text, "special": True} for i, text in tokens])


def split(regex):
    return tokenizer(pre_tokenizer={"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated"})


def nested(depth):
    stage = NORMALIZED
    for _ in range(depth):
        stage = {"type": "Sequence", "normalizers": [stage]}
    return tokenizer(normalizer=stage)


def template(**special):
    single = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return tokenizer(post_processor={"type": "TemplateProcessing", "single": single, "special_tokens": special})


def unigram(vocab, **changed):
    return model(**{"type": "Unigram", "vocab": vocab, "unk_id": 0} | changed)


CONFIGS = {
    "text for a number": (config(hidden_size="4096"), f"hidden_size = '4096': {WHOLE}"),
    "half a number": (config(hidden_size=4096.5), f"hidden_size = 4096.5: {WHOLE}"),
    "huge": (config(hidden_size=1e30), WHOLE),
    "negative": (config(hidden_size=-1), f"hidden_size = -1: {WHOLE}"),
    "zero": (config(hidden_size=0), f"hidden_size = 0: {WHOLE}"),
    "null": (config(hidden_size=None), WHOLE),
    "a list": (config(hidden_size=[48]), WHOLE),
    "NaN": (written("hidden_size", b"NaN"), "line 1 column 36: invalid literal"),
    "Infinity": (written("rms_norm_eps", b"Infinity"), "rms_norm_eps"),
    "beyond a double": (written("rms_norm_eps", b"1e999"), "out of range"),
    "beyond 64 bits": (written("hidden_size", b"18446744073709551616"), "hidden_size"),
    "leading zero": (written("hidden_size", b"048"), "line 1"),
    "plus sign": (written("hidden_size", b"+48"), "line 1"),
    "hexadecimal": (written("hidden_size", b"0x30"), "line 1"),
    "many layers": (config(num_hidden_layers=2**31), "num_hidden_layers"),
    "more heads than weights": (config(num_key_value_heads=2), "tensor 'model.layers.0.self_attn.k_proj.weight'"),
    "fewer heads of keys than divide": (config(num_key_value_heads=3), "must divide num_attention_heads"),
    "wider than the weights": (config(hidden_size=96), "the config wants"),
    "larger vocabulary than the weights": (config(vocab_size=161), "the config wants [161,48], the file has [160,48]"),
    "no kind": (config(model_type=None, architectures=None), "model_type"),
    "unknown kind": (config(model_type="gpt5", architectures=["Gpt5"]), "'gpt5'"),
    "kind of another type": (config(model_type=5, architectures=None), "model_type"),
    "empty": (b"", "config.json"),
    "half": (config()[:100], "line 1"),
    "array": (b"[]", "must be an object"),
    "text after the end": (config() + b"x", "line 1"),
    "deep": (b'{"x":' * 100_000, "nested deeper than"),
    "deep arrays": (b'{"x":' + b"[" * 100_000, "nested deeper than"),
    "twice": (config()[:-1] + b', "model_type": "gpt2"}', "model_type"),
    "wrong escape": (written("model_type", rb'"\q"'), "line 1"),
    "half a surrogate pair": (written("model_type", rb'"\ud800"'), "line 1"),
    "not UTF-8": (written("model_type", b'"\xff"'), "line 1"),
    "UTF-16": (config().decode().encode("utf-16"), "UTF"),
    "a NUL": (written("model_type", b'"lla\0ma"'), "line 1"),
    "a web page": (b"<!DOCTYPE html><html>", "config.json"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "config.json"),
}
TOKENIZERS = {
    "merge of no token": (model(merges=["a b", "t h"]), "model.merges[1]: 't' is not in vocab"),
    "merge to no token": (model(merges=["a c"]), "model.merges[0]"),
    "merge of three": (model(merges=["a b c"]), "model.merges[0]"),
    "merge twice": (model(merges=["a b", ["a", "b"]]), "merges[0]"),
    "negative id": (model(vocab=TOKENS | {"d": -1}), "model.vocab['d']"),
    "id of 2^31": (model(vocab=TOKENS | {"d": 2**31}), "model.vocab['d']"),
    "id twice": (model(vocab=TOKENS | {"d": 3}), "already belongs to 'c'"),
    "id beyond the embeddings": (model(vocab=TOKENS | {"d": 160}), "160"),
    "added token empty": (added((4, "")), "added_tokens[0].content"),
    "added token with an id that is taken": (added((3, "<s>")), "belongs to 'c'"),
    "added tokens with one id": (added((4, "<s>"), (4, "</s>")), "added_tokens[1].id"),
    "unknown normalizer": (tokenizer(normalizer={"type": "Nmtt"}), "'Nmtt'"),
    "unknown pre-tokenizer": (tokenizer(pre_tokenizer={"type": "Foo"}), "'Foo'"),
    "unknown decoder": (tokenizer(decoder={"type": "CTCC"}), "'CTCC'"),
    "unknown post-processor": (tokenizer(post_processor={"type": "X"}), "'X'"),
    "unknown model": (model(type="Bigram"), "'Bigram'"),
    "sequences in sequences": (nested(40), "nested deeper than"),
    "many sequences in sequences": (nested(400), "nested deeper than"),
    "regex that tries everything": (split("(a+)+$"), "regex too complex"),
    "regex of a mebibyte": (split("a" * (1 << 20)), "regex too complex"),
    "regex of many repeats": (split("a{1,100000}"), "regex too complex"),
    "regex of an unknown class": (split(r"\p{Foo}"), r"'\p{Foo}' at byte 2 is not supported"),
    "regex that ends too soon": (split("(a"), "pre_tokenizer"),
    "score NaN": (unigram([["<unk>", 0], ["a", 5]]).replace(b"5", b"NaN"), "invalid literal"),
    "score of minus infinity": (unigram([["<unk>", 0], ["a", 5]]).replace(b"5", b"-Infinity"), "invalid number"),
    "no unknown token": (unigram([["<unk>", 0], ["a", 5]], unk_id=9), "unk_id"),
    "longest word 0": (
        model(type="WordPiece", unk_token="a", continuing_subword_prefix="##", max_input_chars_per_word=0),
        "max_input_chars_per_word",
    ),
    "longest word of 2^63": (
        model(type="WordPiece", unk_token="a", continuing_subword_prefix="##", max_input_chars_per_word=2**63),
        "max_input_chars_per_word",
    ),
    "template of no token": (template(), "'[CLS]' is not a token"),
    "template of a wrong id": (template(**{"[CLS]": {"id": "[CLS]", "ids": [99], "tokens": ["[CLS]"]}}), "99"),
    "no object": (b"[]", "must be an object"),
    "no model": (b"{}", "model"),
    "key twice": (b'{"model": {}, "model": {}}', "model"),
    "deep tokenizer": (b'{"model":' * 100_000, "nested deeper than"),
    "tokenizer of UTF-16": (tokenizer().decode().encode("utf-16"), "UTF"),
}


def folder(tmp_path, **files):
    (tmp_path / "model.safetensors").symlink_to(MODEL / "model.safetensors")
    for name, data in ({"config": config(), "tokenizer": tokenizer()} | files).items():
        (tmp_path / f"{name}.json").write_bytes(data)
    return tmp_path


@pytest.mark.parametrize("case", CONFIGS)
def test_configs_are_refused(tmp_path, case):
    data, part = CONFIGS[case]
    refused_path(folder(tmp_path, config=data), part, *RUN, command="generate")


@pytest.mark.parametrize("case", TOKENIZERS)
def test_tokenizers_are_refused(tmp_path, case):
    data, part = TOKENIZERS[case]
    refused_path(folder(tmp_path, tokenizer=data), part, *RUN, command="generate")
