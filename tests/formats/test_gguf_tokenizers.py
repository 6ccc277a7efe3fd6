"""What is made of the tokens in a GGUF file, seen by `skald tokenize`; tests/parity has SentencePiece beside it."""

import json
import subprocess

import pytest
from bad_files import BINARY
from test_bad_gguf import ARRAY, F32, I32, TEXT, file

TOKENS = [b"<unk>", b"<s>", b"</s>", "\u2581".encode(), b"a", b"b", b"<u>", b"c"]


def spelled(path, text, *flags):
    command = [BINARY, "tokenize", str(path), text, "--no-special-tokens", "--json", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)["tokens"]


def unigram(path, tokens, scores, types):
    """The t5 kind."""
    path.write_bytes(
        file(
            model=(TEXT, b"t5"),
            tokens=(ARRAY, (TEXT, tokens)),
            scores=(ARRAY, (F32, scores)),
            token_type=(ARRAY, (I32, types)),
            unknown_token_id=(4, 0),
        )
    )
    return path


@pytest.mark.parametrize("flags", [[], ["--plain"]])
@pytest.mark.parametrize(
    ("kind", "score", "wanted"),
    [
        (4, 0.0, ["\u2581", "a", "<u>", "b"]),  # a piece of the user, as the SentencePiece model has it
        (1, 0.0, ["\u2581", "a", "<u>", "b"]),  # and as llama.cpp's conversion writes it
        (4, -1000.0, ["\u2581", "a", "<u>", "\u2581", "b"]),  # added to the model: the text is cut before anything else
    ],
)
def test_tokens_of_the_user_in_a_unigram_model(kind, score, wanted, flags, tmp_path):
    scores = [-float(i + 1) for i in range(8)]
    scores[6] = score
    path = unigram(tmp_path / "m.gguf", TOKENS, scores, [2, 3, 3, 1, 1, 1, kind, 1])
    assert spelled(path, "a<u>b", *flags) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("abc", ["ab", "c"]),  # a piece of the user is worth more than any other
        ("abab", ["abab"]),  # and a longer one more than two
    ],
)
def test_pieces_of_the_user_go_before_others(text, wanted, tmp_path):
    tokens = [b"<unk>", b"<s>", b"</s>", "\u2581".encode(), b"abc", b"ab", b"abab", b"c"]
    scores = [0, 0, 0, -1, -0.05, 0, 0, -0.04]
    path = unigram(tmp_path / "m.gguf", tokens, scores, [2, 3, 3, 1, 1, 4, 4, 1])
    assert spelled(path, text) == ["\u2581", *wanted]
