"""SentencePiece models that are trained with drawn options beside SentencePiece itself: ids and decoded texts of drawn
strings, from the `.model`, and of unigram models from the GGUF file that llama.cpp's conversion makes of one.

    SKALD_CLI=build/release/cli/skald SKALD_SEED=7 SKALD_CASES=100 pytest tests/parity/test_drawn_pieces.py

Without SKALD_SEED and SKALD_CASES: a dozen models, the same in every run.
"""

import json
import os
import random

import pytest
from test_drawn_vocabularies import write_unigram
from test_tokenizer import ROOT, run, strings

sentencepiece = pytest.importorskip("sentencepiece")

SEED, CASES = os.environ.get("SKALD_SEED", "1"), int(os.environ.get("SKALD_CASES", "12"))
TEXTS = 400  # for each model
LINES = [line for page in sorted(ROOT.glob("docs/*.md")) for line in page.read_text().splitlines() if line]
OF_USER = ["<user>", "ing", "in", " the ", "the", "\u2581", "  ", "<x>", "\u00e9", "e\u0301", "12", "\u4e2d", "x" * 40]
FLAGS = ["add_dummy_prefix", "remove_extra_whitespaces", "split_by_whitespace", "split_by_unicode_script"]
FLAGS += ["split_by_number", "split_digits", "treat_whitespace_as_suffix", "allow_whitespace_only_pieces"]
FLAGS += ["byte_fallback"]


def drawn_options(draw):
    special = ["unk_id", "bos_id", "eos_id", "pad_id"]
    numbers = dict(zip(special, draw.sample(range(4), 4), strict=True))
    for name in special[1:]:
        if draw.random() < 0.2:
            numbers[name] = -1
    rank = {number: place for place, number in enumerate(sorted(n for n in numbers.values() if n >= 0))}
    return {
        "model_type": draw.choice(["unigram", "bpe", "unigram", "bpe", "char"]),
        "vocab_size": draw.choice([300, 500, 900]),
        "character_coverage": draw.choice([0.98, 0.995, 1.0]),
        "normalization_rule_name": draw.choice(["nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"]),
        "user_defined_symbols": draw.sample(OF_USER, draw.choice([0, 0, 1, 3, 6])),
        "control_symbols": draw.sample(["<c>", "<sep>", "[MASK]"], draw.choice([0, 0, 1, 2])),
        "max_sentencepiece_length": draw.choice([4, 16, 40]),
        **{name: draw.random() < 0.5 for name in FLAGS},
        **{name: rank.get(number, -1) for name, number in numbers.items()},
    }


def trained(draw, path):
    """The options of a model that the trainer made at `path`, and the model; it refuses some options."""
    while True:
        options = drawn_options(draw)
        options["vocab_size"] += 256 * options["byte_fallback"]
        lines = draw.sample(LINES, 600)
        try:
            with open(path, "wb") as file:
                sentencepiece.SentencePieceTrainer.train(
                    sentence_iterator=iter(lines),
                    model_writer=file,
                    hard_vocab_limit=False,
                    num_threads=1,
                    minloglevel=2,
                    **options,
                )
            return options, sentencepiece.SentencePieceProcessor(model_file=str(path))
        except (RuntimeError, OSError, ValueError):
            continue


def drawn_texts(draw, case, options):
    texts = list(strings(f"pieces-{SEED}-{case}", TEXTS + 257))
    inserted = [*options["user_defined_symbols"], *options["control_symbols"], "<s>", "\u2581", "<0x41>"]
    for _ in range(TEXTS // 4):
        text = draw.choice(texts)
        place = draw.randrange(len(text) + 1)
        texts.append(text[:place] + draw.choice(inserted) * draw.randint(1, 2) + text[place:])
    longest = "".join(draw.choices([text for text in texts if "\0" not in text], k=4000))
    return [*texts, *draw.sample(LINES, 50), longest]


def compare(model, texts, reference, said):
    batch = model.parent / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    lines = run(model, "--batch-file", batch, "--json", "--plain", "--no-special-tokens").split("\n")[:-1]
    for text, line in zip(texts, lines, strict=True):
        got, want = json.loads(line), reference.encode(text)
        assert got["ids"] == want, (said, text, got["tokens"], reference.encode(text, out_type=str))


@pytest.mark.parametrize("case", range(CASES))
def test_drawn_pieces(case, tmp_path):
    draw = random.Random(f"{SEED}-{case}")
    folder = tmp_path / "model"
    folder.mkdir()
    options, reference = trained(draw, folder / "tokenizer.model")
    texts = drawn_texts(draw, case, options)
    compare(folder, texts, reference, options)
    for text in draw.sample(texts, 12):
        ids = [i for i in reference.encode(text) if not reference.is_unknown(i)]
        if ids:
            want = reference.decode(ids)
            assert run(folder, "--decode", ",".join(map(str, ids))) in (want, want + "\n"), (options, text)
    if options["model_type"] == "unigram" and not options["treat_whitespace_as_suffix"]:
        write_unigram(tmp_path / "t5.gguf", (folder / "tokenizer.model").read_bytes(), as_llama_cpp=True)
        compare(tmp_path / "t5.gguf", texts, reference, options)
