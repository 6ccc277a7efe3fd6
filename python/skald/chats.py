"""Conversations, by the model's own chat template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from skald._native import ChatTemplate, Model, RenderedChat
from skald.errors import UnsupportedError

Message = Mapping[str, Any]


def _json(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def render(
    template: ChatTemplate,
    messages: Sequence[Message],
    *,
    tools: Sequence[Any] | None,
    documents: Sequence[Message] | None,
    variables: Mapping[str, Any],
    add_generation_prompt: bool,
    continue_final_message: bool,
) -> RenderedChat:
    """A conversation as `template` writes it."""
    return template.render(
        _json(list(messages)),
        tools=_json(None if tools is None else list(tools)),
        documents=_json(None if documents is None else list(documents)),
        variables=_json(variables or None),
        add_generation_prompt=add_generation_prompt,
        continue_final_message=continue_final_message,
    )


class Chat:
    """Renders and encodes conversations for one model."""

    def __init__(self, model: Model, template: str | None = None) -> None:
        """template: the source of another one than the model's."""
        self._model = model
        path = model.info["path"]
        self._template: ChatTemplate | None = None
        if template is not None:
            self._template = ChatTemplate.from_source(template, "chat_template", path)
        elif model.info["chat_template"]:
            self._template = ChatTemplate.load(path)

    def encode(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Any] | None = None,
        documents: Sequence[Message] | None = None,
        continue_final_message: bool = False,
        **variables: Any,
    ) -> list[int]:
        """Token ids that end where the assistant is to go on. What messages say never becomes a control token."""
        if self._template is None:
            raise UnsupportedError(
                f"{self._model.info['path']}: the model has no chat template: give one (chat_template=), or use "
                "generate() with a prompt in the model's own form"
            )
        rendered = render(
            self._template,
            messages,
            tools=tools,
            documents=documents,
            variables=variables,
            add_generation_prompt=not continue_final_message,
            continue_final_message=continue_final_message,
        )
        return self._template.encode(rendered, self._model.tokenizer)
