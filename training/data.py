"""Reads the corpus, tokenizes it once into a cache, and serves training batches.

A corpus part is `NAME.txt.xz`: documents, each closed by a line holding only <|endoftext|>.
The cache holds, per part, one flat array of uint16 tokens and the offset of every document;
it is rebuilt when the text or the tokenizer changes.
"""

import collections
import hashlib
import json
import lzma
import os
import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"

# What a story may be asked to be about.
FIGURES = (
    "fox wolf bear lion cat dog mouse rabbit hare bird eagle owl crow raven frog snake horse "
    "donkey ass cow goat sheep lamb pig hen cock goose duck fish crab bee ant spider tiger jackal "
    "elephant monkey squirrel hedgehog turtle tortoise deer stag dragon giant dwarf witch fairy "
    "ogre troll elf mermaid king queen prince princess knight soldier tailor miller fisherman "
    "shepherd woodcutter hunter merchant beggar thief farmer sailor boy girl tree flower star"
).split()


def read_documents(corpus: Path, name: str) -> list[str]:
    """Returns the documents of corpus part `name`, without their end-of-text lines."""
    with lzma.open(corpus / f"{name}.txt.xz", "rt", encoding="utf-8", newline="") as file:
        parts = file.read().split(f"{END_OF_TEXT}\n")
    return [part.strip("\n") for part in parts if part.strip()]


@dataclass(frozen=True)
class Part:
    """One tokenized corpus part."""

    tokens: np.ndarray  # [total] uint16, every document ends with end-of-text
    offsets: np.ndarray  # [documents + 1] int64, where each document starts

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def document(self, index: int) -> np.ndarray:
        """Returns the tokens of one document."""
        return self.tokens[self.offsets[index] : self.offsets[index + 1]]


def _write_atomically(path: Path, array: np.ndarray) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, array)
    os.replace(temporary, path)


def tokenize(texts: list[str], tokenizer_json: Path) -> Part:
    """Returns the texts as tokens, each closed by end-of-text."""
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    end = tokenizer.token_to_id(END_OF_TEXT)
    encoded = tokenizer.encode_batch(texts)
    lengths = [0] + [len(e.ids) + 1 for e in encoded]
    flat = np.concatenate([np.array(e.ids + [end], dtype=np.uint16) for e in encoded])
    return Part(flat, np.cumsum(np.array(lengths, dtype=np.int64)))


def load_part(corpus: Path, name: str, tokenizer_json: Path, cache: Path) -> Part:
    """Returns corpus part `name` as tokens, from `cache` or tokenized now into it."""
    digest = hashlib.sha256((corpus / f"{name}.txt.xz").read_bytes())
    digest.update(tokenizer_json.read_bytes())
    stem = f"{name}-{digest.hexdigest()[:16]}"
    token_file, offset_file = cache / f"{stem}.tokens.npy", cache / f"{stem}.offsets.npy"
    if not (token_file.exists() and offset_file.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        part = tokenize(read_documents(corpus, name), tokenizer_json)
        _write_atomically(token_file, part.tokens)
        _write_atomically(offset_file, part.offsets)
    return Part(np.load(token_file, mmap_mode="r"), np.load(offset_file))


def _with_article(noun: str) -> str:
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun.lower()


def main_figure(text: str) -> str | None:
    """Returns the figure that the text names most, if it names one at least four times."""
    counts = collections.Counter(re.findall(r"[a-z]+", text.lower()))
    figure = max(FIGURES, key=lambda name: counts[name])
    return figure if counts[figure] >= 4 else None


def request_for(title: str, text: str, rng: random.Random) -> str:
    """Returns words with which a person might ask for this story."""
    name = r"The ([A-Z][a-z-]+[a-rt-z])"
    heroes = re.fullmatch(f"{name} and the {name[4:]}", title)
    figure = main_figure(text)
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(("Tell me a story.", "Tell me a fairy tale.", "Please tell me a story!"))
    if kind < 0.85 and (heroes or figure):
        about = " and ".join(_with_article(hero) for hero in heroes.groups()) if heroes else None
        if figure and (about is None or rng.random() < 0.4):
            about = _with_article(figure)
        verb = rng.choice(("Tell me a story", "Tell me a story", "Tell a tale", "Write a story"))
        return f"{verb} about {about}."
    form = rng.choice(('Tell me the story called "{}".', 'Tell me "{}".'))
    return form.format(title.strip(" .\"'"))


def load_dialogues(corpus: Path, tokenizer_json: Path, longest: int, seed: int) -> Part:
    """Returns the short tales as ChatML dialogues: a request, then the tale as the reply."""
    rng = random.Random(seed)
    dialogues = []
    for text in read_documents(corpus, "tales"):
        title = text.split("\n", 1)[0]
        if len(text) <= longest and len(title) < 60 and text.startswith(f"{title}\n\n"):
            dialogues.append(
                f"<|im_start|>user\n{request_for(title, text, rng)}<|im_end|>\n"
                f"<|im_start|>assistant\n{text}<|im_end|>\n"
            )
    return tokenize(dialogues, tokenizer_json)


class Stream:
    """An endless stream of sequences: weighted documents, shuffled anew for every epoch.

    Each epoch takes every document of a part of weight 1 and a fresh random half of a part of
    weight 0.5 (weights above 1 are not supported), joins them in random order, cuts the text
    into blocks, and serves the blocks in random order. All of this depends on the seed and the
    epoch alone, so (epoch, position) is all there is to save.
    """

    def __init__(self, parts: list[tuple[Part, float]], seed: int, block: int) -> None:
        self.parts = parts
        self.seed = seed
        self.block = block
        self._start_epoch(0)

    def _start_epoch(self, epoch: int) -> None:
        rng = np.random.default_rng([self.seed, epoch])
        documents: list[np.ndarray] = []
        for part, weight in self.parts:
            chosen = rng.permutation(len(part))[: round(weight * len(part))]
            documents += [part.document(int(index)) for index in chosen]
        order = rng.permutation(len(documents))
        self._tokens = np.concatenate([documents[i] for i in order])
        self._blocks = rng.permutation((len(self._tokens) - 1) // self.block)
        self.epoch = epoch
        self.position = 0  # counted in blocks

    @property
    def epoch_length(self) -> int:
        """Tokens of the present epoch."""
        return len(self._tokens)

    def batch(self, rows: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns inputs and next-token targets, both [rows, length] int64.

        `rows * length` must be a multiple of the block, and the block one of `length`.
        """
        wanted = rows * length // self.block
        if self.position + wanted > len(self._blocks):
            self._start_epoch(self.epoch + 1)
        inputs, targets = [], []
        for number in self._blocks[self.position : self.position + wanted]:
            start = int(number) * self.block
            piece = self._tokens[start : start + self.block + 1].astype(np.int64)
            inputs.append(piece[:-1])
            targets.append(piece[1:])
        self.position += wanted
        shape = (rows, length)
        return (
            torch.from_numpy(np.concatenate(inputs).reshape(shape)),
            torch.from_numpy(np.concatenate(targets).reshape(shape)),
        )

    def state(self) -> dict[str, int]:
        """Returns what `restore` needs."""
        return {"seed": self.seed, "epoch": self.epoch, "position": self.position}

    def restore(self, state: dict[str, int]) -> None:
        """Continues where `state` was taken."""
        self.seed = state["seed"]
        self._start_epoch(state["epoch"])
        self.position = state["position"]


def append_json_line(path: Path, record: dict[str, object]) -> None:
    """Appends one record to a JSON-lines log."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
