"""Vocabularies that the test draws or learns, inside GGUF: RWKV's beside the longest token in bytes, T5's beside the
SentencePiece model that it is a copy of.

    SKALD_CLI=build/release/cli/skald SKALD_SEED=7 pytest tests/parity/test_drawn_vocabularies.py
"""

import os
import random
import struct

import pytest
from test_tokenizer import ALL_STRINGS, strings, trained_pieces
from test_vocabularies import tokenize

gguf = pytest.importorskip("gguf")
SEED = os.environ.get("SKALD_SEED", "1")


def write(path, model, tokens, **fields):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    for name, value in fields.items():
        getattr(writer, f"add_{name}")(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def drawn_bytes(draw):
    """Tokens of bytes: each byte, and longer ones that are made of text and of anything."""
    longer = [
        "the",
        "th",
        " the",
        "an",
        "\n\n",
        "'",
        "\\",
        "\u00e9",
        "\u4e2d\u6587",
        "\U0001f468",
        "\t ",
        "  ",
        "\u00a0",
    ]
    tokens = [bytes([byte]) for byte in range(256)] + [text.encode() for text in longer]
    for _ in range(800):
        text = "".join(draw.choice("etaoin shr\u00e9\u4e2d\n1'\"") for _ in range(draw.randint(1, 6))).encode()
        begin = draw.randrange(len(text))
        tokens.append(text[begin : begin + draw.randint(1, 7)])
    return list(dict.fromkeys(tokens))


def longest_tokens(text, numbers):
    out, at, most = [], 0, max(map(len, numbers))
    while at < len(text):
        size = next(n for n in range(min(most, len(text) - at), 0, -1) if text[at : at + n] in numbers)
        out.append(numbers[text[at : at + size]])
        at += size
    return out


def test_rwkv_takes_the_longest_token(tmp_path):
    tokens = drawn_bytes(random.Random(SEED))
    written = ["<s>", *(repr(token)[2:-1] for token in tokens)]
    write(tmp_path / "rwkv.gguf", "rwkv", written, token_types=[3] + [1] * len(tokens))
    numbers = {token: number for number, token in enumerate(tokens, 1)}
    texts = list(strings(f"rwkv-{SEED}", ALL_STRINGS))
    got = tokenize(tmp_path / "rwkv.gguf", texts, tmp_path, "--no-special-tokens", "--plain")
    for text, line in zip(texts, got, strict=True):
        assert line["ids"] == longest_tokens(text.encode(), numbers), repr(text)


def messages(data):
    """(number, value) of the fields of a protobuf message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, data[at : at + size]
        at += size


def write_unigram(path, model, as_llama_cpp):
    """The SentencePiece model as a GGUF file: with its own types of pieces, or as llama.cpp's conversion writes it
    (conversion/t5.py), where the user's pieces are normal ones."""
    [settings] = [value for number, value in messages(model) if number == 3]
    normalizer = dict(messages(settings))
    listed = [dict(messages(value)) for number, value in messages(model) if number == 1]
    types = [piece.get(3, 1) for piece in listed]
    fields = {
        "token_scores": [struct.unpack("<f", piece[2])[0] for piece in listed],
        "token_types": [1 if kind == 4 and as_llama_cpp else kind for kind in types],
        "add_space_prefix": bool(normalizer.get(3, 1)),
        "remove_extra_whitespaces": bool(normalizer.get(4, 1)),
        "unk_token_id": types.index(2),
    }
    if normalizer.get(2):
        fields["precompiled_charsmap"] = normalizer[2]
    write(path, "t5", [piece[1].decode() for piece in listed], **fields)


@pytest.mark.parametrize("as_llama_cpp", [False, True])
@pytest.mark.parametrize("name", ["unigram", "unigram-bytes"])
def test_t5_is_sentencepieces_unigram(name, as_llama_cpp, tmp_path):
    pieces = trained_pieces(name, tmp_path / "tokenizer.model")
    write_unigram(tmp_path / "t5.gguf", (tmp_path / "tokenizer.model").read_bytes(), as_llama_cpp)
    texts = list(strings(f"{name}-{SEED}", ALL_STRINGS))
    got = tokenize(tmp_path / "t5.gguf", texts, tmp_path, "--no-special-tokens", "--plain")
    wrong = [
        (text, line["tokens"]) for text, line in zip(texts, got, strict=True) if line["ids"] != pieces.encode(text)
    ]
    assert not wrong, (len(wrong), wrong[0], pieces.encode(wrong[0][0], out_type=str))
