#!/usr/bin/env python3
"""make_tokenizer.py FOLDER TEXT gpt2|llama|t5|bert|words SIZE: a tokenizer of `SIZE` tokens, learnt from the file TEXT.

gpt2: byte-level, as GPT-2's and Llama 3's. llama: words that begin with U+2581 and single bytes for what is unknown, as
Llama 2's. What the text does not fill of the vocabulary are tokens that no text has. t5: unigram, bert: WordPiece,
words: whole words, with as many tokens as the text gives.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@dataclass
class Kind:
    """A tokenizer that knows nothing yet, and how it learns."""

    tokenizer: Tokenizer
    trainer: object
    learns_by: object = None  # what cuts the text while it learns, where texts are not cut so
    names: dict = field(default_factory=dict)  # of special tokens in tokenizer_config.json, by their roles
    filled: bool = False  # up to `size`


def bpe_trainer(size, special, alphabet=()):
    return trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=list(alphabet),
        show_progress=False,
        max_token_length=24,
    )


def gpt2(size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = bpe_trainer(size, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], pre_tokenizers.ByteLevel.alphabet())
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    names |= {"mask_token": "<mask>", "sep_token": "</s>", "cls_token": "<s>"}
    return Kind(tokenizer, trainer, names=names, filled=True)


def llama(size):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = bpe_trainer(size, ["<unk>", "<s>", "</s>", *BYTES])
    names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    # learnt word by word, as sentencepiece does; used on whole texts
    return Kind(tokenizer, trainer, pre_tokenizers.Split("▁", "merged_with_next"), names, filled=True)


def t5(size):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>"]
    return Kind(
        tokenizer,
        trainers.UnigramTrainer(vocab_size=size, unk_token="<unk>", special_tokens=special, show_progress=False),
    )


def bert(size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    return Kind(tokenizer, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False))


def words(size):
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return Kind(tokenizer, trainers.WordLevelTrainer(vocab_size=size, special_tokens=["[UNK]"], show_progress=False))


def learnt(kind, text, size):
    """The content of a tokenizer.json."""
    cuts = json.loads(kind.tokenizer.to_str())["pre_tokenizer"]
    if kind.learns_by:
        kind.tokenizer.pre_tokenizer = kind.learns_by
    kind.tokenizer.train([text], kind.trainer)
    state = json.loads(kind.tokenizer.to_str())
    state["pre_tokenizer"] = cuts
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in BYTES]
    if kind.filled:
        vocabulary = state["model"]["vocab"]
        vocabulary.update({f"<unused{i}>": i for i in range(len(vocabulary), size)})
    return state


def main(folder, text, name, size):
    kind = {"gpt2": gpt2, "llama": llama, "t5": t5, "bert": bert, "words": words}[name](size)
    folder.mkdir(parents=True, exist_ok=True)
    state = learnt(kind, text, size)
    (folder / "tokenizer.json").write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
    if kind.names:
        settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1 << 20, **kind.names}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
