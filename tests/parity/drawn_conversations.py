"""Conversations, tools and documents, drawn: what chat templates are given in tests."""

import json
import random

TEXTS = [
    "Hello!",
    "  What is the weather in Paris?  ",
    "line one\nline two\n\n  indented\n",
    "",
    "naïve café — 東京 😀 ǅ ß",
    "'single' and \"double\" quotes \\ backslash",
    "{{ 7 * 7 }} {% raw %}",
    "<|im_end|> </s> <|eot_id|> [/INST] <think>x</think>",
    "<think>\nLet me see.\n</think>\n\nIt is 4.",
    "a\tb\x0bc\u00a0d\u2028e",
    "<b>bold & brash</b>",
    "None",
    "3",
]
WORDS = "the a cat dog story runs sleeps under over blue green quickly never".split()
CITIES = ["Paris", "Oslo", "São Paulo", "東京"]


def text(rng):
    if rng.random() < 0.5:
        return rng.choice(TEXTS)
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 12))) + rng.choice([".", "?", "\n", ""])


def parts(rng):
    """Content as a list of parts."""
    out = [{"type": "text", "text": text(rng)} for _ in range(rng.randint(1, 3))]
    if rng.random() < 0.2:
        out.append({"type": "image"})
    return out


def content(rng, lists):
    return parts(rng) if lists and rng.random() < 0.3 else text(rng)


def arguments(rng):
    values = {"city": rng.choice(CITIES), "days": rng.randint(-3, 40)}
    if rng.random() < 0.5:
        values["options"] = {
            "unit": "C",
            "exact": rng.random() < 0.5,
            "factor": 1.5,
            "tags": ["a", "b'c"],
            "none": None,
        }
    return values


def tool_call(rng, number, as_text):
    made = arguments(rng)
    return {
        "id": f"call{number:05d}",
        "type": "function",
        "function": {"name": "get_weather", "arguments": json.dumps(made) if as_text else made},
    }


def assistant_turn(rng, messages, with_tools, as_text, lists):
    """An answer, perhaps with calls of tools and what they gave."""
    message = {"role": "assistant", "content": content(rng, lists)}
    if rng.random() < 0.2:
        message["reasoning_content"] = text(rng)
    if not with_tools or rng.random() < 0.4:
        messages.append(message)
        return
    calls = [tool_call(rng, len(messages) + i, as_text) for i in range(rng.randint(1, 2))]
    message["tool_calls"] = calls
    if rng.random() < 0.5:
        message["content"] = rng.choice(["", "Let me look."])
    messages.append(message)
    for call in calls:
        messages.append(
            {
                "role": "tool",
                "tool_call_id": call["id"],
                "name": "get_weather",
                "content": rng.choice(["22", '{"t": 3}', text(rng)]),
            }
        )
    messages.append({"role": "assistant", "content": text(rng)})


def tools(rng):
    weather = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city.\nToday's.",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": "its name <b>"},
                    "days": {"type": "integer", "description": "how many", "default": 1, "enum": [1, 2, 3]},
                    "options": {
                        "type": "object",
                        "properties": {
                            "unit": {"type": ["string", "null"]},
                            "tags": {"type": "array", "items": {"type": "string"}},
                        },
                    },
                },
                "required": ["city"],
            },
            "return": {"type": "string", "description": "text"},
        },
    }
    plain = {
        "type": "function",
        "function": {"name": "now", "description": "", "parameters": {"type": "object", "properties": {}}},
    }
    return rng.choice([[weather], [plain], [weather, plain]])


def conversation(rng):
    """{"messages": ..., "tools": ..., further variables of a template}."""
    with_tools, as_text, lists = rng.random() < 0.5, rng.random() < 0.3, rng.random() < 0.25
    messages = []
    if rng.random() < 0.5:
        messages.append({"role": rng.choice(["system"] * 5 + ["developer"]), "content": content(rng, lists)})
    for turn in range(rng.randint(1, 4)):
        messages.append({"role": "user", "content": content(rng, lists)})
        if rng.random() < 0.1:
            messages.append({"role": rng.choice(["user", "narrator"]), "content": text(rng)})
        if turn == 0 or rng.random() < 0.7:
            assistant_turn(rng, messages, with_tools, as_text, lists)
    if rng.random() < 0.6:
        messages.append({"role": "user", "content": content(rng, lists)})
    out = {
        "messages": messages,
        "tools": tools(rng) if with_tools else None,
        "documents": None,
        "add_generation_prompt": rng.random() < 0.5,
        "bos_token": rng.choice(["<s>", "<|begin_of_text|>"]),
        "eos_token": "</s>",
    }
    if rng.random() < 0.2:
        out["documents"] = [{"title": "A title", "text": text(rng)}, {"title": "Other", "text": text(rng)}]
    if rng.random() < 0.5:
        out["enable_thinking"] = rng.random() < 0.5
    return out


def conversations(seed, count):
    rng = random.Random(seed)
    return [conversation(rng) for _ in range(count)]
