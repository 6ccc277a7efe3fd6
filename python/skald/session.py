"""Generations that are stepped, forked, forced and saved."""

from __future__ import annotations

import os
from collections.abc import Callable

from skald import _native, log
from skald._native import Alternative, Completion, GenerationConfig, Model
from skald.calls import Prompt


class Session:
    """A tree of tokens under one configuration; a session is one branch of it, up to where it stands.

    fork() gives another branch of the same tree. Not for several threads at once.
    """

    def __init__(self, model: Model, prompt: Prompt, config: GenerationConfig) -> None:
        self._tree = _native.Session.begin(model, prompt, config)
        self._node = 0
        self._forks = False  # whether what comes next is to differ from what other branches have drawn

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: Model) -> Session:
        """Reads what save() wrote, and stands at its last token."""
        session = cls.__new__(cls)
        session._tree = _native.Session.load(os.fspath(path), model)
        session._node = len(session._tree.nodes) - 1
        session._forks = False
        log.tell()
        return session

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the whole tree."""
        self._tree.save(os.fspath(path))

    @property
    def token_ids(self) -> list[int]:
        """Tokens of this branch, without the prompt."""
        return self._tree.tokens(self._node)

    @property
    def text(self) -> str:
        """Text of this branch, without the prompt."""
        return self._tree.text(self._node)

    @property
    def ended(self) -> bool:
        """Whether the completion has ended here."""
        return self._tree.nodes[self._node].ends

    @property
    def completion(self) -> Completion:
        """What one call would have returned for the tokens so far."""
        return self._tree.completion(self._node)

    def generate(self, n: int, on_text: Callable[[str], object] | None = None) -> str:
        """Goes on by n tokens, or fewer where the completion ends. Returns the text that is new."""
        before = len(self.text)
        self._node = self._tree.generate(self._node, n, self._forks, on_text)
        self._forks = False
        log.tell()
        return self.text[before:]

    def force(self, what: int | str) -> Session:
        """Puts a token, or the tokens of a text, here, whatever the options say."""
        put = self._tree.force_text if isinstance(what, str) else self._tree.force_token
        self._node = put(self._node, what)  # type: ignore[arg-type]
        return self

    def alternatives(self, n: int = 5) -> list[Alternative]:
        """The n most probable tokens that may come next, in [1, 20]."""
        return self._tree.alternatives(self._node, n)

    def fork(self) -> Session:
        """Another branch from here: it draws with numbers of its own."""
        other = Session.__new__(Session)
        other._tree, other._node, other._forks = self._tree, self._node, True
        return other

    def undo(self, n: int = 1) -> Session:
        """Goes back by n tokens, at most to the prompt."""
        for _ in range(n):
            self._node = max(self._tree.nodes[self._node].parent, 0)
        return self

    def to_json(self) -> str:
        """The whole tree."""
        return self._tree.to_json()

    def to_graphviz(self) -> str:
        """The whole tree, as a diagram."""
        return self._tree.to_graphviz()

    def to_mermaid(self) -> str:
        """The whole tree, as a diagram."""
        return self._tree.to_mermaid()

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self.to_mermaid()}\n```"
