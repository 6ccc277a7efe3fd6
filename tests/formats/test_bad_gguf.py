"""Malformed GGUF files and paths: vocabularies, tensors whose sizes wrap, files that are none. The files are made here;
more of them are in gguf_test.cc."""

import os
import struct
import subprocess

import pytest
from bad_files import BINARY, refused, refused_path

U32, F32, TEXT, ARRAY, I32, U8 = 4, 6, 8, 9, 5, 0
FORMATS = {U32: "<I", F32: "<f", I32: "<i", U8: "<B"}
TOKENS = [b"<unk>", b"<s>", b"</s>", b"<0x41>", "\u2581a".encode(), b"b", b"c", b"ab"]
TYPES = [2, 3, 3, 6, 1, 1, 1, 1]


def text(data):
    return struct.pack("<Q", len(data)) + data


def value(kind, data):
    if kind == TEXT:
        return struct.pack("<I", TEXT) + text(data)
    if kind == ARRAY:
        item, items = data
        packed = b"".join(text(i) if item == TEXT else struct.pack(FORMATS[item], i) for i in items)
        return struct.pack("<IIQ", ARRAY, item, len(items)) + packed
    return struct.pack("<I" + FORMATS[kind][1], kind, data)


def file(tensors=(("token_embd.weight", (32, 8), 0, 0),), data=32 * 8 * 4, **changed):
    """A Llama without layers; `changed` replaces keys of the tokenizer (None: leaves them out)."""
    fields = {
        "general.architecture": (TEXT, b"llama"),
        "llama.context_length": (U32, 64),
        "llama.embedding_length": (U32, 32),
        "llama.block_count": (U32, 1),
        "llama.feed_forward_length": (U32, 32),
        "llama.attention.head_count": (U32, 4),
        "tokenizer.ggml.model": (TEXT, b"llama"),
        "tokenizer.ggml.tokens": (ARRAY, (TEXT, TOKENS)),
        "tokenizer.ggml.scores": (ARRAY, (F32, [-float(i) for i in range(8)])),
        "tokenizer.ggml.token_type": (ARRAY, (I32, TYPES)),
    }
    fields |= {f"tokenizer.ggml.{key}": change for key, change in changed.items()}
    fields = {key: change for key, change in fields.items() if change is not None}
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    out += b"".join(text(key.encode()) + value(*field) for key, field in fields.items())
    for name, dims, kind, offset in tensors:
        out += text(name.encode()) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims) + struct.pack("<IQ", kind, offset)
    return out + bytes(-len(out) % 32 + data)


def tokens(at, token):
    return (ARRAY, (TEXT, [*TOKENS[:at], token, *TOKENS[at + 1 :]]))


def scores(at, score):
    return (ARRAY, (F32, [0.0] * at + [score] + [0.0] * (7 - at)))


VOCABULARIES = {
    "tokens missing": ({"tokens": None}, "tokenizer.ggml.tokens: is missing, or has no tokens"),
    "no tokens": ({"tokens": (ARRAY, (TEXT, []))}, "is missing, or has no tokens"),
    "tokens of numbers": ({"tokens": (ARRAY, (U32, [1] * 8))}, "must be an array of string"),
    "tokens a text": ({"tokens": (TEXT, b"abc")}, "must be an array"),
    "fewer tokens than rows": ({"tokens": (ARRAY, (TEXT, TOKENS[:7]))}, "each of the 8 rows of token_embd.weight"),
    "more tokens than rows": ({"tokens": (ARRAY, (TEXT, [*TOKENS, b"z"]))}, "9 items: must have one for each of the 8"),
    "token not UTF-8": ({"tokens": tokens(5, b"\xff")}, "token 5 = '\\xff': is not UTF-8"),
    "byte token -1": ({"tokens": tokens(3, b"<0x-1>")}, "token 3 = '<0x-1>': is not a byte token"),
    "byte token ZZ": ({"tokens": tokens(3, b"<0xZZ>")}, "token 3 = '<0xZZ>': is not a byte token"),
    "byte token of three digits": ({"tokens": tokens(3, b"<0x100>")}, "is not a byte token"),
    "byte token of one digit": ({"tokens": tokens(3, b"<0x1>")}, "is not a byte token"),
    "byte token empty": ({"tokens": tokens(3, b"")}, "is not a byte token"),
    "scores missing": ({"scores": None}, "tokenizer.ggml.scores: is missing"),
    "scores short": ({"scores": (ARRAY, (F32, [0.0] * 7))}, "7 items: must have one for each of the 8 tokens"),
    "scores long": ({"scores": (ARRAY, (F32, [0.0] * 9))}, "9 items: must have one for each of the 8 tokens"),
    "scores of integers": ({"scores": (ARRAY, (I32, [0] * 8))}, "must be an array of f32"),
    "score NaN": ({"scores": scores(4, float("nan"))}, "scores must be finite"),
    "score infinite": ({"scores": scores(7, float("-inf"))}, "scores must be finite"),
    "types short": ({"token_type": (ARRAY, (I32, TYPES[:3]))}, "3 items: must have one for each of the 8 tokens"),
    "types of bytes": ({"token_type": (ARRAY, (U8, TYPES))}, "must be an array of i32"),
    "bos past the end": ({"bos_token_id": (U32, 8)}, "bos_token_id"),
    "bos of 2^32-1": ({"bos_token_id": (U32, 2**32 - 1)}, "bos_token_id"),
    "bos negative": ({"bos_token_id": (I32, -1)}, "bos_token_id"),
    "eos past the end": ({"eos_token_id": (U32, 9)}, "eos_token_id"),
    "unknown past the end": ({"unknown_token_id": (U32, 8)}, "unknown_token_id = 8: must be below 8"),
    "model unknown": ({"model": (TEXT, b"plamo2")}, "tokenizer.ggml.model = 'plamo2': known are"),
    "model a number": ({"model": (U32, 1)}, "must be a string"),
    "merges missing": ({"model": (TEXT, b"gpt2")}, "tokenizer.ggml.merges: must be an array of string"),
    "merges of numbers": (
        {"model": (TEXT, b"gpt2"), "merges": (ARRAY, (U32, [1]))},
        "tokenizer.ggml.merges: must be an array of string",
    ),
    "merge of a missing token": ({"model": (TEXT, b"gpt2"), "merges": (ARRAY, (TEXT, [b"x y"]))}, "merges"),
    "merge of three": ({"model": (TEXT, b"gpt2"), "merges": (ARRAY, (TEXT, [b"b c a"]))}, "merges"),
    "merge without a result": ({"model": (TEXT, b"gpt2"), "merges": (ARRAY, (TEXT, [b"c b"]))}, "merges"),
    "pre-tokenizer unknown": (
        {"model": (TEXT, b"gpt2"), "merges": (ARRAY, (TEXT, [])), "pre": (TEXT, b"none")},
        "known are",
    ),
    "charsmap of 3 bytes": (
        {"model": (TEXT, b"t5"), "precompiled_charsmap": (ARRAY, (U8, [1, 0, 0]))},
        "precompiled_charsmap",
    ),
    "charsmap that lies": (
        {"model": (TEXT, b"t5"), "precompiled_charsmap": (ARRAY, (U8, [255, 255, 255, 255, 0, 0, 0, 0]))},
        "precompiled_charsmap",
    ),
    "charsmap of numbers": (
        {"model": (TEXT, b"t5"), "precompiled_charsmap": (ARRAY, (U32, [4, 0]))},
        "must be an array of bytes",
    ),
}


@pytest.mark.parametrize("case", VOCABULARIES)
def test_vocabularies_are_refused(tmp_path, case):
    changed, part = VOCABULARIES[case]
    refused(tmp_path, file(**changed), part, "m.gguf")


def test_a_whole_vocabulary_is_read(tmp_path):
    refused(tmp_path, file(), "tensor 'model.layers.0.input_layernorm.weight': is missing", "m.gguf")


I8 = 24
TENSORS = {
    "sizes add up to 2^64": [("a", (2**62,), I8, 0), ("b", (2**62,), I8, 2**62)],
    "sizes and offset wrap": [("a", (32,), I8, 0), ("b", (2**63 - 1,), I8, 32)],
    "the second wraps to the first": [("a", (32,), I8, 0), ("b", (64,), I8, 2**64 - 32)],
    "experts too many for the file": [("blk.0.ffn_up_exps.weight", (32, 1, 2**40), I8, 0)],
}


@pytest.mark.parametrize("case", TENSORS)
def test_sizes_that_wrap_are_refused(tmp_path, case):
    refused(tmp_path, file(TENSORS[case], data=64), "tensor '", "m.gguf")


def test_paths_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    refused_path(tmp_path / "pipe.gguf", "is a")
    (tmp_path / "folder.gguf").mkdir()
    refused_path(tmp_path / "folder.gguf", "config.json")
    for name, begin in {"hole.gguf": b"", "long.gguf": b"GGUF\x03\0\0\0" + b"\xff" * 16}.items():
        with (tmp_path / name).open("wb") as sparse:
            sparse.write(begin)
            sparse.truncate(1 << 40)
        refused_path(tmp_path / name, name)
    (tmp_path / "empty.gguf").touch()
    refused_path(tmp_path / "empty.gguf", "empty.gguf")
    done = subprocess.run([BINARY, "inspect", "/dev/zero"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2 and "/dev/zero: is a" in done.stderr
