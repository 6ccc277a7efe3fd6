"""Tokenizers with the interface of transformers."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from skald import _native, chats, loading
from skald.errors import UnsupportedError
from skald.transformers.outputs import BatchEncoding

# What clean_up_tokenization_spaces replaces.
_CLEANED = (
    (" .", "."),
    (" ?", "?"),
    (" !", "!"),
    (" ,", ","),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" 's", "'s"),
    (" 've", "'ve"),
    (" 're", "'re"),
)


def _json_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}


def _many(text: object) -> bool:
    return isinstance(text, (list, tuple))


class SkaldTokenizer:
    """Text to token ids and back, as transformers' tokenizers do it."""

    model_input_names = ("input_ids", "attention_mask")

    def __init__(self, path: str, **settings: Any) -> None:
        self.name_or_path = path
        self._native = _native.Tokenizer.load(path)
        self._path = path
        config = _json_file(Path(path) / "tokenizer_config.json") | settings
        self.padding_side: str = config.get("padding_side") or "right"
        self.truncation_side: str = config.get("truncation_side") or "right"
        self.model_max_length = int(config.get("model_max_length") or 1e30)
        self._template: str | None = None  # another one than the model's
        self._ids: dict[str, int | None] = {"bos": self._native.bos_id, "eos": self._native.eos_id}
        self._ids |= {"pad": self._native.pad_id, "unk": self._id_of(config.get("unk_token"))}
        for name in self._ids:
            if f"{name}_token" in settings:
                self._ids[name] = self._id_of(settings[f"{name}_token"])
        self._warned_of_bos = False

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str], *_: object, **settings: Any) -> SkaldTokenizer:
        """The tokenizer of a model folder, a GGUF file or a name in the Hugging Face cache."""
        return cls(loading.find(name), **settings)

    # Special tokens -------------------------------------------------------------------------------------------------

    def _id_of(self, token: Any) -> int | None:
        text = token.get("content") if isinstance(token, Mapping) else token
        return self._native.token_to_id(text) if isinstance(text, str) else None

    def _token(self, name: str) -> str | None:
        number = self._ids[name]
        return None if number is None else self._native.id_to_token(number)

    def _set_token(self, name: str, token: str | None) -> None:
        self._ids[name] = None if token is None else self._native.token_to_id(token)
        if token is not None and self._ids[name] is None:
            raise ValueError(f"{name}_token={token!r}: is not in the vocabulary")

    bos_token = property(lambda self: self._token("bos"), lambda self, token: self._set_token("bos", token))
    eos_token = property(lambda self: self._token("eos"), lambda self, token: self._set_token("eos", token))
    pad_token = property(lambda self: self._token("pad"), lambda self, token: self._set_token("pad", token))
    unk_token = property(lambda self: self._token("unk"), lambda self, token: self._set_token("unk", token))
    bos_token_id = property(lambda self: self._ids["bos"], lambda self, number: self._ids.update(bos=number))
    eos_token_id = property(lambda self: self._ids["eos"], lambda self, number: self._ids.update(eos=number))
    pad_token_id = property(lambda self: self._ids["pad"], lambda self, number: self._ids.update(pad=number))
    unk_token_id = property(lambda self: self._ids["unk"], lambda self, number: self._ids.update(unk=number))

    @property
    def vocab_size(self) -> int:
        """Number of tokens, added ones included."""
        return self._native.vocab_size

    def __len__(self) -> int:
        return self._native.vocab_size

    @property
    def all_special_ids(self) -> list[int]:
        """Ids of all special tokens."""
        return [number for number in range(len(self)) if self._native.is_special(number)]

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """The id of a token, or of each of several; of what is none, that of the unknown token."""
        if _many(tokens):
            return [self.convert_tokens_to_ids(token) for token in tokens]
        number = self._native.token_to_id(tokens)
        return self.unk_token_id if number is None else number

    def convert_ids_to_tokens(self, ids: Any, skip_special_tokens: bool = False) -> Any:
        """How the vocabulary spells ids."""
        if isinstance(ids, int):
            return self._native.id_to_token(ids)
        kept = (int(number) for number in ids)
        return [self._native.id_to_token(n) for n in kept if not (skip_special_tokens and self._native.is_special(n))]

    # Text to ids ----------------------------------------------------------------------------------------------------

    def tokenize(self, text: str, add_special_tokens: bool = False) -> list[str]:
        """The tokens of `text`, as the vocabulary spells them."""
        return self._native.encode_fully(text, add_special_tokens)[1]

    def encode(
        self, text: str, *_: object, add_special_tokens: bool = True, return_tensors: str | None = None, **options: Any
    ) -> Any:
        """Token ids of one text."""
        encoded = self([text] if return_tensors else text, add_special_tokens=add_special_tokens, **options)
        return encoded.convert_to_tensors(return_tensors)["input_ids"] if return_tensors else encoded["input_ids"]

    def __call__(
        self,
        text: str | Sequence[str],
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str = False,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_attention_mask: bool = True,
        return_token_type_ids: bool | None = None,
        return_offsets_mapping: bool = False,
        **unknown: Any,
    ) -> BatchEncoding:
        """Token ids and attention mask of a text or of several: lists, or arrays with return_tensors."""
        if unknown or return_token_type_ids:
            given = sorted(unknown) or ["return_token_type_ids"]
            raise UnsupportedError(f"tokenizer: {', '.join(given)}: Skald's tokenizers do not take it")
        single = not _many(text)
        texts: list[str] = [text] if single else list(text)  # type: ignore[list-item]
        for one in texts:
            if not isinstance(one, str):
                raise TypeError(f"a text is a str, not {type(one).__name__}")
            self._warn_of_two_bos(one, add_special_tokens)
        encoded = [self._native.encode_fully(one, add_special_tokens) for one in texts]
        data: dict[str, Any] = {"input_ids": [ids for ids, _, _ in encoded]}
        if return_offsets_mapping:
            data["offset_mapping"] = [self._in_characters(t, spans) for t, (_, _, spans) in zip(texts, encoded)]
        lengths = (padding, truncation, max_length, pad_to_multiple_of, padding_side)
        batch = self._batch(data, single, lengths, return_tensors)
        if not return_attention_mask:
            del batch.data["attention_mask"]
        return batch

    def _batch(
        self,
        data: dict[str, Any],
        single: bool,
        lengths: tuple[bool | str, bool | str, int | None, int | None, str | None],
        return_tensors: str | None,
    ) -> BatchEncoding:
        """Rows of ids, of the lengths that are asked for and with their attention mask."""
        padding, truncation, max_length, multiple, side = lengths
        if truncation:
            self._truncate(data, max_length)
        data["attention_mask"] = [[1] * len(ids) for ids in data["input_ids"]]
        if padding:
            self._pad(data, padding, max_length, multiple, side or self.padding_side)
        batch = BatchEncoding(data if not single or return_tensors else {name: rows[0] for name, rows in data.items()})
        return batch.convert_to_tensors(return_tensors) if return_tensors else batch

    @staticmethod
    def _in_characters(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Offsets in bytes as transformers counts them."""
        data = text.encode()
        if len(data) == len(text):
            return list(spans)
        place = [0] * (len(data) + 1)
        for i in range(len(data)):
            place[i + 1] = place[i] + (i + 1 == len(data) or data[i + 1] & 0xC0 != 0x80)
        return [(place[begin], place[end]) for begin, end in spans]

    def _truncate(self, data: dict[str, Any], max_length: int | None) -> None:
        longest = min(max_length or self.model_max_length, self.model_max_length)
        for name, rows in data.items():
            left = self.truncation_side == "left"
            data[name] = [row if len(row) <= longest else row[-longest:] if left else row[:longest] for row in rows]

    def _pad(
        self, data: dict[str, Any], padding: bool | str, max_length: int | None, multiple: int | None, side: str
    ) -> None:
        width = max(len(row) for row in data["input_ids"])
        if padding == "max_length":
            width = max(width, max_length or (self.model_max_length if self.model_max_length < 1e9 else width))
        elif padding not in (True, "longest"):
            raise ValueError(f"padding={padding!r}: must be True, 'longest', 'max_length' or False")
        if multiple:
            width = -(-width // multiple) * multiple
        fillers = {"input_ids": self._filler(), "attention_mask": 0, "offset_mapping": (0, 0)}
        for name, rows in data.items():
            more = [[fillers[name]] * (width - len(row)) for row in rows]
            data[name] = [row + fill if side == "right" else fill + row for row, fill in zip(rows, more)]

    def _filler(self) -> int:
        if self.pad_token_id is not None:
            return int(self.pad_token_id)
        if self.eos_token_id is None:
            raise ValueError("padding needs a token: set tokenizer.pad_token")
        warnings.warn("the tokenizer has no padding token: eos is used (tokenizer.pad_token = ...)", stacklevel=5)
        self.pad_token_id = self.eos_token_id
        return int(self.eos_token_id)

    def _warn_of_two_bos(self, text: str, add_special_tokens: bool) -> None:
        bos = self.bos_token
        if self._warned_of_bos or not add_special_tokens or not bos or not text.startswith(bos):
            return
        if self._native.encode("", True)[:1] == [self.bos_token_id]:
            self._warned_of_bos = True
            warnings.warn(
                f"the text begins with {bos} and the tokenizer adds another: give add_special_tokens=False for text of "
                "a chat template",
                stacklevel=3,
            )

    # Ids to text ----------------------------------------------------------------------------------------------------

    def decode(
        self, token_ids: Any, skip_special_tokens: bool = False, clean_up_tokenization_spaces: bool | None = None
    ) -> Any:
        """The text of ids, or of each row of ids."""
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        if isinstance(ids, int):
            ids = [ids]
        if len(ids) > 0 and (_many(ids[0]) or hasattr(ids[0], "tolist") and getattr(ids[0], "ndim", 0) > 0):
            return [self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in ids]
        text = self._native.decode([int(number) for number in ids], skip_special_tokens)
        if clean_up_tokenization_spaces:
            for written, meant in _CLEANED:
                text = text.replace(written, meant)
        return text

    def batch_decode(self, sequences: Any, skip_special_tokens: bool = False, **options: Any) -> list[str]:
        """The text of each row of ids."""
        return [self.decode(row, skip_special_tokens, **options) for row in sequences]

    # Chats ----------------------------------------------------------------------------------------------------------

    @cached_property
    def _own_template(self) -> _native.ChatTemplate:
        return _native.ChatTemplate.load(self._path)

    @property
    def chat_template(self) -> str | None:
        """The source of the template that was set here, else of the model's own, where a folder has one."""
        if self._template is not None:
            return self._template
        own = Path(self._path) / "chat_template.jinja"
        if own.is_file():
            return own.read_text(encoding="utf-8")
        listed = _json_file(Path(self._path) / "tokenizer_config.json").get("chat_template")
        return listed if isinstance(listed, str) else None

    @chat_template.setter
    def chat_template(self, source: str | None) -> None:
        self._template = source

    def apply_chat_template(
        self,
        conversation: Sequence[Any],
        tools: Sequence[Any] | None = None,
        documents: Sequence[Any] | None = None,
        chat_template: str | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        tokenize: bool = True,
        padding: bool | str = False,
        truncation: bool = False,
        max_length: int | None = None,
        return_tensors: str | None = None,
        return_dict: bool = True,
        return_assistant_tokens_mask: bool = False,
        **variables: Any,
    ) -> Any:
        """A conversation, or several, in the model's own form: text, or the ids that transformers gives.

        variables: further ones of the template: enable_thinking, ...
        """
        source = chat_template or self._template
        template = (
            self._own_template
            if source is None
            else _native.ChatTemplate.from_source(source, "chat_template", self._path)
        )
        single = not (len(conversation) > 0 and _many(conversation[0]))
        conversations = [conversation] if single else conversation
        rendered = [
            chats.render(
                template,
                messages,
                tools=tools or None,
                documents=documents or None,
                variables=variables,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=continue_final_message,
            )
            for messages in conversations
        ]
        if not tokenize:
            texts = [chat.text for chat in rendered]
            return texts[0] if single else texts
        data: dict[str, Any] = {"input_ids": [template.encode(chat, self._native, True) for chat in rendered]}
        if return_assistant_tokens_mask:
            masks = (template.generated(chat, self._native, True) for chat in rendered)
            data["assistant_masks"] = [[int(inside) for inside in mask] for mask in masks]
        whole = self._batch(data, single, (padding, truncation, max_length, None, None), return_tensors)
        return whole if return_dict else whole["input_ids"]


class AutoTokenizer:
    """AutoTokenizer.from_pretrained(...), as in transformers."""

    @staticmethod
    def from_pretrained(name: str | os.PathLike[str], *arguments: object, **settings: Any) -> SkaldTokenizer:
        """The tokenizer of a model folder, a GGUF file or a name in the Hugging Face cache."""
        ignored = ("use_fast", "trust_remote_code", "revision", "token", "cache_dir", "local_files_only")
        return SkaldTokenizer.from_pretrained(name, **{k: v for k, v in settings.items() if k not in ignored})
