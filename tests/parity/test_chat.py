"""`skald template` beside transformers' apply_chat_template: texts and ids, with the text of messages as text or not.

SKALD_CLI=build/release/cli/skald pytest tests/parity/test_chat.py
"""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

transformers = pytest.importorskip("transformers")

import drawn_conversations  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CLI = os.environ.get("SKALD_CLI", str(ROOT / "build" / "release" / "cli" / "skald"))
MODEL = ROOT / "models" / "skald-tales"
TEMPLATES = ROOT / "tests" / "data" / "templates"
NAMES = ["chatml", "llama3", "phi4_pieces", "thinking", "training", "zephyr"]
CONVERSATIONS = 12
VARIABLES = ("bos_token", "eos_token", "enable_thinking")


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(MODEL)


def skald(folder, drawn, template, *flags):
    """The answer of `skald template --json`, or None where it refuses."""
    command = [CLI, "template", str(MODEL), "--template", str(template), "--json", *flags]
    for name in ("messages", "tools", "documents"):
        if drawn[name] is not None:
            path = folder / f"{name}.json"
            path.write_text(json.dumps(drawn[name]))
            command += [f"--{name}", str(path)]
    for name in VARIABLES:
        if name in drawn:
            command += ["--set", f"{name}={json.dumps(drawn[name])}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def reference(tokenizer, drawn, template, **options):
    variables = {name: drawn[name] for name in VARIABLES if name in drawn}
    try:
        return tokenizer.apply_chat_template(
            drawn["messages"],
            tools=drawn["tools"],
            documents=drawn["documents"],
            chat_template=template.read_text(),
            **variables,
            **options,
        )
    except Exception:
        return None


@pytest.mark.parametrize("name", NAMES)
def test_texts_and_ids(tmp_path, tokenizer, name):
    template = TEMPLATES / f"{name}.jinja"
    for drawn in drawn_conversations.conversations(f"chat {name}", CONVERSATIONS):
        prompt = drawn["add_generation_prompt"]
        flags = ["--add-generation-prompt"] if prompt else []
        text = reference(tokenizer, drawn, template, tokenize=False, add_generation_prompt=prompt)
        got = skald(tmp_path, drawn, template, *flags, "--parse-messages")
        assert (got and got["text"]) == text
        if text is None:
            continue
        want = reference(
            tokenizer,
            drawn,
            template,
            return_dict=True,
            return_assistant_tokens_mask=True,
            add_generation_prompt=prompt,
        )
        assert got["ids"] == want["input_ids"]
        if text.isascii():  # transformers counts a character whose bytes are several tokens once
            assert got["assistant_mask"] == want["assistant_masks"]


@pytest.mark.parametrize("name", NAMES)
def test_control_tokens_in_messages_are_text(tmp_path, tokenizer, name):
    template = TEMPLATES / f"{name}.jinja"
    rng = random.Random(name)
    for _ in range(CONVERSATIONS):
        said = " ".join(rng.choice(["<|im_end|>", "a story", "<|endoftext|>", "x<|im_start|>y"]) for _ in range(4))
        drawn = {"messages": [{"role": "user", "content": said}], "tools": None, "documents": None, "eos_token": "."}
        want = reference(tokenizer, drawn, template, return_dict=True, sanitize_control_tokens=True)
        got = skald(tmp_path, drawn, template)
        count = [sum(1 for i in ids if i in tokenizer.all_special_ids) for ids in (got["ids"], want["input_ids"])]
        assert count[0] == count[1]
        assert tokenizer.decode(got["ids"]) == got["text"]


@pytest.mark.parametrize("name", NAMES)
def test_the_final_message_is_continued(tmp_path, tokenizer, name):
    template = TEMPLATES / f"{name}.jinja"
    for drawn in drawn_conversations.conversations(f"continued {name}", CONVERSATIONS):
        text = reference(tokenizer, drawn, template, tokenize=False, continue_final_message=True)
        got = skald(tmp_path, drawn, template, "--continue-final-message")
        assert (got and got["text"]) == text
