"""Trains the byte-level BPE tokenizer and writes it as a Hugging Face tokenizer folder.

    python training/tokenizer.py --corpus CORPUS_DIR --out TOKENIZER_DIR

All 256 bytes are in the alphabet, so every byte string that is UTF-8 encodes without loss.
"""

import argparse
import json
from pathlib import Path

from data import END_OF_TEXT, read_documents
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

IM_START = "<|im_start|>"
IM_END = "<|im_end|>"
PAD = "<|pad|>"
SPECIAL_TOKENS = [END_OF_TEXT, IM_START, IM_END, PAD] + [f"<|reserved_{i}|>" for i in range(4)]

# The split of cl100k / Llama 3: contractions, words with one leading mark or space, up to three
# digits, runs of punctuation, line ends, spaces.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(texts: list[str], vocab_size: int) -> Tokenizer:
    """Returns a byte-level BPE of exactly `vocab_size` entries, special tokens first."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != vocab_size:
        raise RuntimeError(f"vocabulary has {tokenizer.get_vocab_size()} entries, not {vocab_size}")
    return tokenizer


def tokenizer_config(context: int) -> dict[str, object]:
    """Returns what goes into tokenizer_config.json."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": END_OF_TEXT,
        "pad_token": PAD,
        "unk_token": None,
        "add_bos_token": False,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": context,
    }


def save_tokenizer(tokenizer: Tokenizer, out: Path, context: int) -> None:
    """Writes tokenizer.json, tokenizer_config.json and chat_template.jinja into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"))
    config = json.dumps(tokenizer_config(context), indent=2)
    (out / "tokenizer_config.json").write_text(config + "\n", encoding="utf-8")
    (out / "chat_template.jinja").write_text(CHAT_TEMPLATE, encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with tales.txt.xz ...")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tokenizer files")
    parser.add_argument("--vocab-size", type=int, default=4096)
    parser.add_argument("--context", type=int, default=1024)
    args = parser.parse_args()
    texts = [text for name in ("tales", "prose") for text in read_documents(args.corpus, name)]
    save_tokenizer(train_tokenizer(texts, args.vocab_size), args.out, args.context)
    print(f"wrote {args.vocab_size} entries to {args.out}")


if __name__ == "__main__":
    main()
