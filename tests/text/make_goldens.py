"""Makes the fixtures of tests/text: small trained tokenizers, and what `tokenizers` gives for them.

    pip install tokenizers==0.23.3
    python tests/text/make_goldens.py TEXT tests/data/tokenizers

TEXT is any English text of some hundred kilobytes; the tokenizers are trained on its beginning and on the samples
below. Writes one folder a tokenizer (tokenizer.json, tokenizer_config.json, goldens.json) and stages.json, which holds
the results of single stages. Offsets are in bytes. A tokenizer.json that is there is kept: the trainers break ties
between characters at random, so it would be another one. To train it anew, remove it.
"""

import json
import pathlib
import random
import sys

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 900
WORD_END = r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
PREFIX = r"[^\r\n\p{L}\p{N}]?"
LLAMA3 = CONTRACTIONS + "|" + PREFIX + r"\p{L}+" + WORD_END
QWEN2 = LLAMA3.replace("{1,3}", "")
CASED_END = WORD_END.replace(r"[\r\n]*|", r"[\r\n/]*|", 1)
O200K = f"{PREFIX}{UPPER}*{LOWER}+{CONTRACTIONS}?|{PREFIX}{UPPER}+{LOWER}*{CONTRACTIONS}?" + CASED_END
TEKKEN = f"{PREFIX}{UPPER}*{LOWER}+|{PREFIX}{UPPER}+{LOWER}*" + CASED_END.replace("{1,3}", "")
DEEPSEEK3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"""
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

SAMPLES = [
    "Once upon a time, there lived a king who'd never seen the sea. \"We'll go,\" he said; they DIDN'T.",
    "def main(argv):\n    for i in range(10):\n\t\tprint(f'{i:03d}', argv[i])  # it's 100%\n\n\n    return 0\r\n",
    "camelCaseWords HTTPServer2Go XMLHttpRequest iPhone15 a1b2c3 snake_case__name 1234567890 3.14159 1,000,000",
    "数学是研究数量、结构以及空间等概念的一门学科。東京都は日本の首都です。カタカナとひらがな。",
    "대한민국은 민주공화국이다. 각의 값 \u1100\u1161\u11a8 \uac01\u11a8",
    "Привет, мир! Ёлка и ёж. Καλημέρα κόσμε, ΣΊΣΥΦΟΣ. İstanbul'da ışık, ŒUVRE naïve façade Ångström",
    "مرحبا بالعالم، كيف حالك؟ ١٢٣ שָׁלוֹם עוֹלָם हिन्दी में नमस्ते १२३ ภาษาไทย สวัสดี தமிழ்",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪🇫🇷 ❤️ ☕ ✨ 🧑‍🚀 ¡Olé! «guillemets» “quotes” — dash… №5 €100 ½ ² Ⅻ ①",
    "e\u0301 a\u0323\u0302 o\u0302\u0323 \u0344 \u0958 \u212b \ufb01 \u1e9b\u0323 Z\u0351\u036b\u0343\u032a\u0302",
    "  leading\t\ttabs \u00a0nbsp\u3000wide \u2028line \u2029par \x0b\x0c\x85 trailing   ",
    "\n\n\n  \n \t\n", " ", "", "a", "   ", "\r\n\r\n \r x", "'s 'S '\u017f 'LL 'll 'd'D 're're 've",
    "\x00\x01\x07\x1b[0m\x7f\u200b\u200d\ufeff\ufffd\U0010ffff\ue000",
    "\u1c89\u1c8a\ua7cb\ua7da\U00010d40\U00010d50\U000105c9\U0002ebf0\U00031350\U0001e4d0\U00011f50\U00016ebb",
    "<s>text</s> <|endoftext|><|im_start|>user\n<|im_end|> < s > <unk> <mask> x<mask> y [SEP]w[SEP] [SEP]",
    "https://example.org/a/b?q=1&r=%20#frag //comment/\n/* x */ C:\\dir\\file !!!/\n", "A" * 70, "=" * 40, "\u0301" * 9,
]  # fmt: skip


def byte_offsets(text, spans):
    place = [0]
    for character in text:
        place.append(place[-1] + len(character.encode()))
    return [[place[a], place[b]] for a, b in spans]


def drawn(seed, count):
    """Strings that mix the samples' characters and random code points."""
    draw = random.Random(seed)
    alphabet = "".join(SAMPLES)
    for _ in range(count):
        out = []
        for _ in range(draw.randrange(1, 4)):
            start = draw.randrange(len(alphabet))
            out.append(alphabet[start : start + draw.randrange(1, 30)])
            out.append("".join(draw.choice(alphabet) for _ in range(draw.randrange(6))))
            out.append("".join(chr(c) for c in [draw.randrange(0x110000)] if not 0xD800 <= c < 0xE000))
        yield "".join(out)


def byte_level(*patterns):
    cuts = [pre_tokenizers.Split(Regex(p), "isolated") for p in patterns]
    return pre_tokenizers.Sequence([*cuts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def train_byte_level(text, pre_tokenizer, special, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=special,
        show_progress=False,
    )
    tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
    return json.loads(tokenizer.to_str())


def bos_template(token, number):
    return {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def added(number, content, **flags):
    defaults = dict(single_word=False, lstrip=False, rstrip=False, normalized=False, special=False)
    return {"id": number, "content": content, **defaults, **flags}


def make_tokenizers(text):
    trim = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    gpt2 = train_byte_level(text, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    gpt2["post_processor"] = trim
    spaced = train_byte_level(text, pre_tokenizers.ByteLevel(add_prefix_space=True), ["<s>", "</s>"])
    spaced["post_processor"] = {"type": "RobertaProcessing", "sep": ["</s>", 1], "cls": ["<s>", 0],
                                "trim_offsets": True, "add_prefix_space": True}  # fmt: skip
    spaced["added_tokens"] += [
        added(VOCABULARY, "<mask>", lstrip=True, special=True),
        added(VOCABULARY + 1, "[SEP]", rstrip=True),
        added(VOCABULARY + 2, "king", single_word=True, normalized=True),
        added(VOCABULARY + 3, "  ", normalized=True),
    ]
    llama3 = train_byte_level(text, byte_level(LLAMA3), ["<|begin_of_text|>", "<|eot_id|>"], ignore_merges=True)
    llama3["post_processor"] = {"type": "Sequence", "processors": [trim, bos_template("<|begin_of_text|>", 0)]}
    qwen2 = train_byte_level(text, byte_level(QWEN2), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    qwen2["normalizer"] = {"type": "NFC"}
    han = "[一-龥\u3040-ゟ゠-ヿ]+"
    coder_han = "[一-龥ࠀ-一가-\ud7ff]+"
    coder = byte_level(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"\s+$", coder_han, r"\p{N}")
    return {
        "gpt2": gpt2,
        "roberta": spaced,
        "llama3": llama3,
        "qwen2": qwen2,
        "o200k": train_byte_level(text, byte_level(O200K), ["<|endoftext|>"]),
        "tekken": train_byte_level(text, byte_level(TEKKEN), ["<s>", "</s>"], ignore_merges=True),
        "deepseek": train_byte_level(text, byte_level(r"\p{N}{1,3}", han, DEEPSEEK3), ["<s>", "</s>"]),
        "deepseek-coder": train_byte_level(text, coder, ["<s>", "</s>"]),
        "llama2": make_llama2(text),
    }


def make_llama2(text):
    """The form of Llama 2 and TinyLlama: no pre-tokenizer, spaces by the normalizer, bytes for unknown characters."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY + 300,
        limit_alphabet=100,
        special_tokens=special + [f"<0x{byte:02X}>" for byte in range(256)],
        show_progress=False,
    )
    tokenizer.train_from_iterator(text.splitlines(keepends=True), trainer)
    out = json.loads(tokenizer.to_str())
    out["pre_tokenizer"] = None
    out["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    out["added_tokens"] = out["added_tokens"][: len(special)]
    out["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    out["post_processor"] = bos_template("<s>", 1)
    return out


def plain_gives_special(tokenizer, text):
    """Whether the vocabulary spells a special token of a plain text: Unigram's does. Here such a text stays text."""
    tokenizer.encode_special_tokens = True
    model = json.loads(tokenizer.to_str())["model"]
    unknown = model["vocab"][model["unk_id"]][0] if model.get("unk_id") is not None else model.get("unk_token")
    special = {i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special and t.content != unknown}
    return not special.isdisjoint(tokenizer.encode(text, add_special_tokens=False).ids)


def golden(tokenizer, text, plain):
    plain = plain and not plain_gives_special(tokenizer, text)
    tokenizer.encode_special_tokens = plain
    encoding = tokenizer.encode(text)
    return {
        "text": text,
        "plain": plain,
        "ids": encoding.ids,
        "offsets": byte_offsets(text, encoding.offsets),
        "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=False),
        "skipped": tokenizer.decode(encoding.ids, skip_special_tokens=True),
    }


PRE_TOKENIZERS = [
    *[pre_tokenizers.Split(pattern, behavior, invert)
      for pattern in ("-", " ", Regex(r"\s+"), Regex(r"[aeiou]"), Regex(r"(?=[A-Z])"), Regex(r"(?i)THE|an?"))
      for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous")
      for invert in (False, True)],
    *[pre_tokenizers.Split(Regex(p), "isolated")
      for p in (LLAMA3, QWEN2, O200K, TEKKEN, DEEPSEEK3, r"\b", r"^.|.$", r"(?m:a.b)", r"\h{2,}", r"\p{Han}+|\p{Greek}",
                r"[\p{L}&&[^\p{Lu}\p{Han}]]+", r"[^\W\d_]+", r"x*", r"(?<=[.!?])\s+(?=\p{Lu})", r"\p{Sc}|\P{L}{2}",
                r"(?>a+)b?|[c-f]+?", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"(?i)straße|ß|K", r"\w+(?:'\w+)?|[^\w\s]",
                r"\p{N}{2}?|\d{,2}[a-f]", r"[\x{4e00}-\u9fa5\-\]]++", r"(a|b)*c|(?-i:d)")],
    pre_tokenizers.ByteLevel(), pre_tokenizers.ByteLevel(add_prefix_space=False),
    pre_tokenizers.ByteLevel(use_regex=False), pre_tokenizers.Digits(), pre_tokenizers.Digits(individual_digits=True),
    pre_tokenizers.Metaspace(), pre_tokenizers.Metaspace(prepend_scheme="first"),
    pre_tokenizers.Metaspace(prepend_scheme="never", split=False), pre_tokenizers.Whitespace(),
    pre_tokenizers.WhitespaceSplit(), *[pre_tokenizers.Punctuation(b) for b in ("isolated", "removed", "contiguous")],
    pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(), pre_tokenizers.ByteLevel()]),
    pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation(), pre_tokenizers.Digits(True)]),
]  # fmt: skip
NORMALIZERS = [
    normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(),
    normalizers.Strip(), normalizers.Strip(left=False), normalizers.Strip(right=False), normalizers.StripAccents(),
    normalizers.Replace(" ", "▁"), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Replace(Regex("a|e"), ""),
    normalizers.Replace(Regex("(?=[A-Z])"), "~"), normalizers.Prepend("▁x"), normalizers.ByteLevel(),
    normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.NFC()]),
    normalizers.Sequence([normalizers.Strip(), normalizers.NFKC(), normalizers.Prepend(" ")]),
]  # fmt: skip
DECODERS = [
    decoders.ByteLevel(), decoders.ByteFallback(), decoders.Fuse(), decoders.Metaspace(),
    decoders.Metaspace(prepend_scheme="never"), decoders.Replace("▁", " "), decoders.Replace(Regex("[aeiou]+"), "*"),
    decoders.Strip("a", 2, 0), decoders.Strip("▁", 1, 1), decoders.BPEDecoder(),
    decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                       decoders.Strip(" ", 1, 0)]),
    decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 2)]),
    decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()]),
]  # fmt: skip


def supported(call, *arguments):
    """What the reference answers; None where it fails itself."""
    try:
        return call(*arguments)
    except BaseException:  # noqa: BLE001: its panics are no Exception
        return None


def stage(kind, value):
    tokenizer = Tokenizer(models.BPE())
    setattr(tokenizer, kind, value)
    return json.loads(tokenizer.to_str())[kind]


def stage_goldens():
    texts = [text for text in (*(text[:70] for text in SAMPLES), *drawn(7, 5)) if text]
    out = {"texts": texts, "pre_tokenizers": [], "normalizers": [], "decoders": []}  # a case names its text by index
    for value in PRE_TOKENIZERS:
        cases = [[i, [piece for piece, _ in value.pre_tokenize_str(text)]] for i, text in enumerate(texts)]
        out["pre_tokenizers"].append({"stage": stage("pre_tokenizer", value), "cases": cases})
    for value in NORMALIZERS:
        cases = [[i, value.normalize_str(text)] for i, text in enumerate(texts)]
        out["normalizers"].append({"stage": stage("normalizer", value), "cases": cases})
    draw = random.Random(3)
    words = ["▁the", "▁", "▁▁a", "aaa", "ab", "king</w>", "</w>", "<0xE4>", "<0xB8>", "<0xAD>", "<0xFF>", "<0x41>",
             "<0x4>", "Ġth", "Ċ", "ä¸", "Ń", "ð", "Ł", "ĺ", "Ģ", "日", " sp ", "é", "aXa", "  "]  # fmt: skip
    for value in DECODERS:
        lists = [[draw.choice(words) for _ in range(draw.randrange(1, 9))] for _ in range(40)]
        cases = [[tokens, text] for tokens in lists if (text := supported(value.decode, tokens)) is not None]
        out["decoders"].append({"stage": stage("decoder", value), "cases": cases})
    return out


def write(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main(text_file, folder):
    text = pathlib.Path(text_file).read_text(encoding="utf-8")[:300_000] + "\n".join(SAMPLES * 30)
    folder = pathlib.Path(folder)
    for name, parts in make_tokenizers(text).items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        path = folder / name / "tokenizer.json"
        if not path.exists():
            write(path, parts)
        tokenizer = Tokenizer.from_file(str(path))
        special = [token["content"] for token in parts["added_tokens"] if token["special"]]
        write(folder / name / "tokenizer_config.json", {"bos_token": special[0], "eos_token": {"content": special[-1]}})
        texts = [*SAMPLES, *drawn(name, 60)]
        write(folder / name / "goldens.json", [golden(tokenizer, t, plain=i % 4 == 3) for i, t in enumerate(texts)])
    write(folder / "stages.json", stage_goldens())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
