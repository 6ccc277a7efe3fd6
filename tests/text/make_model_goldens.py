"""Makes fixtures of the models beside byte-level BPE, and of vocabularies without a tokenizer.json.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3
    python tests/text/make_model_goldens.py TEXT tests/data/tokenizers

As make_goldens.py, whose samples and forms it takes: one folder a tokenizer, and models.json with the results of single
stages. Folders with a `.model` hold what SentencePiece itself gives. A tokenizer.json or `.model` that is there stays.
"""

import base64
import io
import json
import pathlib
import random
import sys
import tempfile

import sentencepiece
from make_goldens import SAMPLES, added, bos_template, byte_offsets, drawn, golden, stage, supported, write
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

VOCABULARY = 400
TEXTS = 40
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# Rules of a small charsmap: keys that begin other keys, keys of several characters, images of all lengths.
RULES = {
    "\u00a0": " ", "\t": " ", "\n": " ", "\r": " ", "\r\n": " ", "\u3000": " ", "\u2581": " ", "\u200b": "", "\x01": "",
    "\u00bd": "1/2", "\u2122": "TM", "\ufb01": "fi", "e\u0301": "\u00e9", "a\u0301": "\u00e1", "a\u0302\u0323": "x",
    "\u2026": "...", "\uff21": "A", "\u212b": "\u00c5", "\u1100\u1161": "\uac00", "A": "a", "B": "b",
    "\u1e9b\u0323": "\u1e69", "\u0132": "IJ", "\u3328": "\u30ca\u30ce", "\u00b2": "2", "\u216b": "XII", "\u0344": "",
}  # fmt: skip


def fields(message):
    """(number, value) of a protobuf message, value bytes or int."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = varint() if key & 7 == 2 else {1: 8, 5: 4}[key & 7]
        yield key >> 3, message[at : at + size]
        at += size


def charsmap(model):
    spec = next(value for number, value in fields(model) if number == 3)
    return next((value for number, value in fields(spec) if number == 2), b"")


def train_pieces(text, kind, **options):
    rules = pathlib.Path(tempfile.gettempdir()) / "rules.tsv"
    lines = (
        f"{' '.join(f'{ord(c):X}' for c in key)}\t{' '.join(f'{ord(c):X}' for c in image)}"
        for key, image in RULES.items()
    )
    rules.write_text("\n".join(lines) + "\n")
    out = io.BytesIO()
    if "normalization_rule_name" not in options:
        options["normalization_rule_tsv"] = str(rules)
    size = VOCABULARY + 256 * options.get("byte_fallback", False)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text.splitlines()), model_writer=out, model_type=kind, vocab_size=size,
        character_coverage=0.98, num_threads=1, minloglevel=2, hard_vocab_limit=False, **options,
    )  # fmt: skip
    return out.getvalue()


def special_tokens(names):
    return [added(i, name, special=True) for i, name in enumerate(names)]


def trained(text, tokenizer, trainer):
    tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
    return tokenizer


def make_bert(text):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=40))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trained(
        text,
        tokenizer,
        trainers.WordPieceTrainer(
            vocab_size=VOCABULARY, limit_alphabet=100, special_tokens=SPECIAL, show_progress=False
        ),
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return json.loads(tokenizer.to_str())


def make_cased(text):
    """WordPiece with a prefix of nothing, accents kept, and a template."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", continuing_subword_prefix=""))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.decoder = decoders.WordPiece(prefix="", cleanup=False)
    trained(
        text,
        tokenizer,
        trainers.WordPieceTrainer(
            vocab_size=VOCABULARY,
            limit_alphabet=100,
            continuing_subword_prefix="",
            special_tokens=SPECIAL,
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    return json.loads(tokenizer.to_str())


def make_words(text):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.Whitespace()])
    trained(
        text, tokenizer, trainers.WordLevelTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    )
    return json.loads(tokenizer.to_str())


def make_ctc(text):
    letters = sorted({c for c in text.upper() if c.isalpha()})[:60]
    tokenizer = Tokenizer(
        models.WordLevel({c: i for i, c in enumerate(["<pad>", "<unk>", "|", "'", *letters])}, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Replace(" ", "|")
    tokenizer.pre_tokenizer = pre_tokenizers.FixedLength(length=1)
    tokenizer.decoder = decoders.CTC()
    tokenizer.add_special_tokens(["<pad>", "<unk>"])
    return json.loads(tokenizer.to_str())


def make_unigram(text, pieces, bytes_too):
    """The form of T5, ALBERT and XLM-RoBERTa."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256) if bytes_too]
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY + 256 * bytes_too, unk_token="<unk>", special_tokens=special, show_progress=False
    )
    trained(text, tokenizer, trainer)
    out = json.loads(tokenizer.to_str())
    out["model"]["byte_fallback"] = bytes_too
    out["added_tokens"] = out["added_tokens"][:3]
    rules = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap(pieces)).decode()}
    squeeze = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    out["normalizer"] = {"type": "Sequence", "normalizers": [rules, squeeze] if bytes_too else [
        {"type": "Nmt"}, {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, rules,
        {"type": "Strip", "strip_left": False, "strip_right": True}, squeeze]}  # fmt: skip
    space = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    out["decoder"] = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, space]} if bytes_too else space
    out["post_processor"] = bos_template("<s>", 1)
    return out


def make_clip(text):
    """BPE with an end of words, as CLIP has it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(" ", " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.CharDelimiterSplit("x")]
    )
    tokenizer.decoder = decoders.BPEDecoder()
    special = ["<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, limit_alphabet=80, end_of_word_suffix="</w>", special_tokens=special, show_progress=False
    )
    trained(text, tokenizer, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False, add_prefix_space=False
    )
    return json.loads(tokenizer.to_str())


def make_prefixed(text):
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        limit_alphabet=80,
        continuing_subword_prefix="##",
        special_tokens=SPECIAL,
        show_progress=False,
    )
    out = json.loads(trained(text, tokenizer, trainer).to_str())
    out["truncation"] = {"direction": "Right", "max_length": 12, "strategy": "LongestFirst", "stride": 0}
    out["padding"] = {
        "strategy": {"Fixed": 9},
        "direction": "Left",
        "pad_to_multiple_of": 4,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    out["post_processor"] = bos_template("[CLS]", 2)
    return out


def piece_models(text):
    """`.model` files, by the name of their folder."""
    return {
        "sp-unigram": train_pieces(text, "unigram", user_defined_symbols=["<user>", "king", " of", "§"],
                                   control_symbols=["<ctrl>"]),
        "sp-bpe": train_pieces(text, "bpe", user_defined_symbols=["<user>", "king", "kings"], byte_fallback=True,
                               remove_extra_whitespaces=False, normalization_rule_name="identity"),
        "sp-suffix": train_pieces(text, "unigram", treat_whitespace_as_suffix=True, byte_fallback=True),
        "sp-char": train_pieces(text, "char", add_dummy_prefix=False),
        "sp-bpe-unknown": train_pieces(text, "bpe", split_by_whitespace=False, pad_id=3),
    }  # fmt: skip


def piece_golden(processor, text):
    ids = processor.encode(text)
    plain = [i for i in ids if not processor.is_unknown(i) and not processor.is_control(i)]
    return {"text": text, "ids": ids, "plain": plain, "decoded": processor.decode(plain)}


PRE_TOKENIZERS = [
    pre_tokenizers.BertPreTokenizer(), pre_tokenizers.CharDelimiterSplit("e"), pre_tokenizers.CharDelimiterSplit("。"),
    pre_tokenizers.FixedLength(length=1), pre_tokenizers.FixedLength(length=7), pre_tokenizers.UnicodeScripts(),
    pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), pre_tokenizers.FixedLength(length=3)]),
]  # fmt: skip
NORMALIZERS = [normalizers.Nmt()] + [
    normalizers.BertNormalizer(clean, chinese, accents, lower)
    for clean in (False, True) for chinese in (False, True)
    for accents in (None, False, True) for lower in (False, True)
]  # fmt: skip
DECODERS = [
    decoders.WordPiece(), decoders.WordPiece(cleanup=False), decoders.WordPiece(prefix="▁"), decoders.CTC(),
    decoders.CTC(cleanup=False), decoders.CTC(pad_token="a", word_delimiter_token="▁"),
    decoders.Sequence([decoders.CTC(), decoders.Metaspace()]),
    decoders.Sequence([decoders.Fuse(), decoders.WordPiece()]),
]  # fmt: skip


def stage_goldens(pieces):
    texts = [text for text in (*(text[:70] for text in SAMPLES), *drawn(8, 12)) if text]
    out = {"texts": texts, "pre_tokenizers": [], "normalizers": [], "decoders": []}
    for value in PRE_TOKENIZERS:
        cases = [[i, [piece for piece, _ in value.pre_tokenize_str(text)]] for i, text in enumerate(texts)]
        out["pre_tokenizers"].append({"stage": stage("pre_tokenizer", value), "cases": cases})
    rules = normalizers.Precompiled(charsmap(pieces))
    for value in [*NORMALIZERS, rules, normalizers.Sequence([normalizers.NFD(), rules])]:
        cases = [[i, value.normalize_str(text)] for i, text in enumerate(texts)]
        out["normalizers"].append({"stage": stage("normalizer", value), "cases": cases})
    draw = random.Random(4)
    words = [
        "the",
        "##s",
        "▁the",
        "▁",
        ".",
        "n't",
        "do not",
        "'",
        " ' ",
        "<pad>",
        "<pad>",
        "|",
        "a",
        "a",
        "'s",
        " !",
        "##",
        "é",
    ]
    for value in DECODERS:
        lists = [[draw.choice(words) for _ in range(draw.randrange(1, 9))] for _ in range(60)]
        cases = [[tokens, text] for tokens in lists if (text := supported(value.decode, tokens)) is not None]
        out["decoders"].append({"stage": stage("decoder", value), "cases": cases})
    return out


def write_tokenizers(made, folder):
    for name, parts in made.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        path = folder / name / "tokenizer.json"
        if not path.exists():
            write(path, parts)
        tokenizer = Tokenizer.from_file(str(path))
        limited = name == "prefixed"
        texts = [*SAMPLES, *drawn(name, TEXTS)]
        if limited:
            goldens = [
                {"text": t, "ids": (e := tokenizer.encode(t)).ids, "offsets": byte_offsets(t, e.offsets)} for t in texts
            ]
            write(folder / name / "lengths.json", goldens)
            tokenizer.no_padding()
            tokenizer.no_truncation()
        write(folder / name / "goldens.json", [golden(tokenizer, t, plain=i % 4 == 3) for i, t in enumerate(texts)])


def main(text_file, folder):
    text = pathlib.Path(text_file).read_text(encoding="utf-8")[:300_000] + "\n".join(SAMPLES * 30)
    folder = pathlib.Path(folder)
    pieces = {}
    for name, model in piece_models(text).items():
        path = folder / name / "spiece.model"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(model)
        pieces[name] = path.read_bytes()
    rules = pieces["sp-unigram"]
    write_tokenizers({
        "bert": make_bert(text), "wordpiece-cased": make_cased(text), "wordlevel": make_words(text),
        "ctc": make_ctc(text),
        "unigram": make_unigram(text, rules, False), "unigram-bytes": make_unigram(text, rules, True),
        "clip": make_clip(text), "prefixed": make_prefixed(text),
    }, folder)  # fmt: skip
    for name, model in pieces.items():
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        texts = [*SAMPLES, "<user> kings of king king  of\u00a7<ctrl>", "the king  ", *drawn(name, TEXTS)]
        write(folder / name / "goldens.json", [piece_golden(processor, t) for t in texts])
    write(folder / "models.json", stage_goldens(rules))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
