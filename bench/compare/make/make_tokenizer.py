#!/usr/bin/env python3
"""make_tokenizer.py FOLDER TEXT gpt2|llama|t5|bert|words SIZE: a tokenizer of `SIZE` tokens, learnt from the file TEXT.

gpt2: byte-level, as GPT-2's and Llama 3's. llama: words that begin with U+2581 and single bytes for what is unknown, as
Llama 2's. What the text does not fill of the vocabulary are tokens that no text has. t5: unigram, bert: WordPiece,
words: whole words, with as many tokens as the text gives.
"""

import json
import sys
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers


def other_kind(kind, size):
    """A tokenizer that is no BPE, and what trains it."""
    if kind == "t5":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        return tokenizer, trainers.UnigramTrainer(
            vocab_size=size, unk_token="<unk>", special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
        )
    if kind == "bert":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
        return tokenizer, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer, trainers.WordLevelTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False)


folder, text, kind, size = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
if kind not in ("gpt2", "llama"):
    tokenizer, trainer = other_kind(kind, size)
    tokenizer.train([text], trainer)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    sys.exit()
special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] if kind == "gpt2" else ["<unk>", "<s>", "</s>"]
if kind == "gpt2":
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
else:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special += [f"<0x{byte:02X}>" for byte in range(256)]
    alphabet = []

trainer = trainers.BpeTrainer(
    vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False, max_token_length=24
)
learner = Tokenizer.from_str(tokenizer.to_str())
if kind == "llama":  # learnt word by word, as sentencepiece does; used on whole texts
    learner.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
learner.train([text], trainer)

state = json.loads(learner.to_str())
state["pre_tokenizer"] = json.loads(tokenizer.to_str())["pre_tokenizer"]
vocabulary = state["model"]["vocab"]
for i in range(len(vocabulary), size):
    vocabulary[f"<unused{i}>"] = i
if kind == "llama":  # only three are special; single bytes are ordinary tokens
    state["added_tokens"] = state["added_tokens"][:3]
folder.mkdir(parents=True, exist_ok=True)
(folder / "tokenizer.json").write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
if kind == "gpt2":
    names |= {"pad_token": "<pad>", "mask_token": "<mask>", "sep_token": "</s>", "cls_token": "<s>"}
settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1 << 20, **names}
(folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
