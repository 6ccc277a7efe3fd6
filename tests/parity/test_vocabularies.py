"""`skald tokenize` on real vocabularies: those that llama.cpp carries to test its own tokenizers.

SKALD_LLAMA_CPP_MODELS is the folder `models` of a llama.cpp source tree (llama-cpp-python: vendor/llama.cpp/models).
Each ggml-vocab-NAME.gguf with NAME.gguf.inp and .out must give the ids of .out; and each those that `tokenizers` or
`sentencepiece` give on the same vocabulary. (What transformers makes of a GGUF file is no reference: it adds tokens
that the file does not have, and knows how words are cut for some names of tokenizer.ggml.pre only.)
"""

import json
import os
import pathlib
import random
import struct
import subprocess

import pytest
from test_tokenizer import CLI, KINDS
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

MODELS = os.environ.get("SKALD_LLAMA_CPP_MODELS")
FILES = sorted(pathlib.Path(MODELS).glob("ggml-vocab-*.gguf")) if MODELS else []
SEPARATOR = "\n__ggml_vocab_test__\n"
STRINGS = 2_000  # for each vocabulary
pytestmark = pytest.mark.skipif(not FILES, reason="SKALD_LLAMA_CPP_MODELS names no llama.cpp models folder")


def tokenize(model, texts, tmp_path, *flags):
    batch = tmp_path / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    arguments = [CLI, "tokenize", str(model), "--batch-file", str(batch), "--json", *flags]
    out = subprocess.run(arguments, capture_output=True, check=True).stdout.decode()
    return [json.loads(line) for line in out.split("\n") if line]


@pytest.mark.parametrize("path", [p for p in FILES if pathlib.Path(f"{p}.inp").exists()], ids=lambda p: p.stem)
def test_gives_the_files_own_ids(path, tmp_path):
    texts = pathlib.Path(f"{path}.inp").read_bytes().decode().split(SEPARATOR)
    wanted = [[int(i) for i in line.split()] for line in pathlib.Path(f"{path}.out").read_text().split("\n")]
    got = tokenize(path, texts, tmp_path, "--no-special-tokens", "--plain")
    assert len(texts) <= len(wanted)
    wrong = [(text, g["ids"], w) for text, g, w in zip(texts, got, wanted) if g["ids"] != w]
    assert not wrong, (len(wrong), wrong[0])


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_reads_every_vocabulary(path, tmp_path):
    draw = random.Random(path.stem)
    texts = ["".join(draw.choice(KINDS)(draw) for _ in range(4)) for _ in range(300)]
    for text, tokens in zip(texts, tokenize(path, texts, tmp_path)):
        assert tokens["ids"] and all(0 <= a <= b <= len(text.encode()) for a, b in tokens["offsets"]), repr(text)


LLAMA3_END = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
QWEN35 = (
    CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# How the models' own tokenizer.json cuts words, by tokenizer.ggml.pre.
CUTS = {
    None: [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "mpt": [GPT2],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "starcoder": [r"\p{N}", GPT2],
    "refact": [r"\p{N}", GPT2],
    "command-r": [r"\p{N}", GPT2],
    "llama-bpe": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}" + LLAMA3_END],
    "qwen2": [CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + LLAMA3_END],
    "qwen35": [QWEN35],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", r"\p{N}"],
    "gemma4": [r"[^\n]+|[\n]+"],
}
COMPOSED = {"mpt", "command-r", "qwen2"}


def read(path):
    """The metadata of the tokenizer, without "tokenizer.ggml."."""
    gguf = pytest.importorskip("gguf")
    reader = gguf.GGUFReader(path)
    return {key.removeprefix("tokenizer.ggml."): field.contents() for key, field in reader.fields.items()}


def bpe(fields):
    """The BPE tokenizer of the file as `tokenizers` has it."""
    name = "gemma4" if fields["model"] == "gemma4" else fields.get("pre")
    if name not in CUTS:
        pytest.skip(f"the cuts of {name} are not known here")
    raw = name == "gemma4"
    vocab = {token: number for number, token in enumerate(fields["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    model = models.BPE(vocab, merges, ignore_merges=name == "llama-bpe", byte_fallback=raw, fuse_unk=raw)
    if raw:
        model.unk_token = "<unk>"
    tokenizer = Tokenizer(model)
    cuts = [pre_tokenizers.Split(Regex(cut), "isolated") for cut in CUTS[name]]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        cuts + [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)] * (not raw)
    )
    if raw:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
    if name in COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    return lambda text: tokenizer.encode(text).ids


def word_piece(fields):
    def spelling(token):
        return token if token[0] == "[" and token[-1] == "]" else token[1:] if token[0] == "▁" else "##" + token

    vocab = {spelling(token): number for number, token in enumerate(fields["tokens"])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return lambda text: tokenizer.encode(text).ids


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def pieces(fields):
    """SentencePiece itself, on a `.model` made of the file's pieces."""
    sentencepiece = pytest.importorskip("sentencepiece")

    def message(number, content):
        return varint(number << 3 | 2) + varint(len(content)) + content

    def flag(number, value):
        return varint(number << 3) + varint(int(value))

    out, has_bytes = b"", False
    for number, (token, score, kind) in enumerate(zip(fields["tokens"], fields["scores"], fields["token_type"])):
        # tokens of the user are left out of the texts; SentencePiece has one unknown piece
        kind = 3 if kind in (2, 4) and number != fields.get("unknown_token_id", 0) else kind
        has_bytes |= kind == 6
        text = message(1, token.encode())
        out += message(1, text + varint(2 << 3 | 5) + struct.pack("<f", score) + flag(3, kind))
    unigram = fields["model"] == "t5"
    out += message(2, flag(3, 1 if unigram else 2) + flag(35, has_bytes))
    charsmap = bytes(b & 255 for b in fields.get("precompiled_charsmap", []))
    prefix, single = fields.get("add_space_prefix", True), fields.get("remove_extra_whitespaces", unigram)
    out += message(3, message(2, charsmap) + flag(3, prefix) + flag(4, single))
    processor = sentencepiece.SentencePieceProcessor(model_proto=out)
    return processor.encode


KINDS_OF_MODEL = {"gpt2": bpe, "gemma4": bpe, "bert": word_piece, "llama": pieces, "t5": pieces}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_same_as_the_reference_on_the_same_vocabulary(path, tmp_path):
    fields = read(path)
    encode = KINDS_OF_MODEL[fields["model"]](fields)
    of_user = [t for t, kind in zip(fields["tokens"], fields["token_type"]) if kind == 4]
    draw = random.Random(path.stem)
    drawn = ["".join(draw.choice(KINDS)(draw) for _ in range(draw.choice([1, 2, 4, 7]))) for _ in range(STRINGS)]
    texts = [text for text in drawn if not any(token in text for token in of_user)]
    got = tokenize(path, texts, tmp_path, "--no-special-tokens", "--plain")
    wrong = [(text, g["ids"], w) for text, g in zip(texts, got) if g["ids"] != (w := encode(text))]
    assert len(texts) > STRINGS // 4 and not wrong, (len(texts), len(wrong), wrong[:1])
