"""The code of README.md and docs/*.md: which blocks a page has, and a folder in which they run as a reader's would.

    ```python ... ```      is run, block after block, in one namespace a page
        skald generate     indented: a command; where a backslash or a quotation asks for it, over several lines
        $ skald generate   a command with what it shows: the lines that follow, as far as `...`

`<!-- not run: why -->` before a block exempts it.
"""

import json
import re
import struct
from array import array

from stand_ins import CHARACTERS, ROOT, STORY, make_shelf

TOKENIZER = CHARACTERS / "tokenizer.json"
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))]
EXEMPT = re.compile(
    r"<!-- not run: [^>]+ -->\n\n?(?: {4}.*\n| {4}.*$|\n(?= {4}))+|<!-- not run: [^>]+ -->\n\n?```[^`]*```"
)


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


def exempt(page):
    return EXEMPT.findall(read(page))


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```", EXEMPT.sub("", read(page)), re.M | re.S)


def links(page):
    """Files that a page links to or shows."""
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)", read(page))
    return [target for target in found if "://" not in target]


def is_whole(command):
    """Whether a shell would not wait for more of it."""
    return not command.endswith("\\") and command.replace("\\'", "").count("'") % 2 == 0


def commands(page):
    """[(command, lines that it shows or None)] of the indented and fenced lines of a page."""
    found, command, shown = [], None, None
    for line in EXEMPT.sub("", read(page)).splitlines():
        text = line[4:] if line.startswith("    ") else None
        if text is None:
            command, shown = None, None
        elif command is not None and not is_whole(command):
            command += "\n" + text
            found[-1] = (command, shown)
        elif re.match(r"\$ .*\bskald ", text):
            command, shown = text[2:], []
            found.append((command, shown))
        elif shown is not None:
            shown.append(text)
        elif re.match(r"(echo|printf|cat) |skald |\./dev run -- generate", text):
            command = text
            found.append((command, None))
    return found


def write_adapter(folder):
    """A LoRA adapter of the model that ships, of rank 1."""
    folder.mkdir(parents=True)
    settings = {"peft_type": "LORA", "r": 1, "lora_alpha": 1, "target_modules": ["o_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    name = "base_model.model.model.layers.0.self_attn.o_proj.lora_{}.weight"
    header = {
        name.format("A"): {"dtype": "F32", "shape": [1, 512], "data_offsets": [0, 2048]},
        name.format("B"): {"dtype": "F32", "shape": [512, 1], "data_offsets": [2048, 4096]},
    }
    text = json.dumps(header).encode()
    numbers = array("f", [0.01] * 1024).tobytes()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + numbers)


def make_desk(folder, skald):
    """`folder`, with the files that pages speak of and the command."""
    make_shelf(folder)
    (folder / "bin").mkdir()
    (folder / "bin" / "skald").symlink_to(skald)
    dev = folder / "dev"
    dev.write_text('#!/bin/sh\nshift 2\nexec skald "$@"\n')
    dev.chmod(0o755)
    links = {"models/skald-tales": STORY, "path/to/model": STORY, "MODEL": STORY, "examples": ROOT / "examples"}
    links |= {f"runs/7/{name}": CHARACTERS / name for name in ("final_model.pt", "tokenizer.json")}
    links |= {"path/to/pytorch_model.bin": CHARACTERS / "final_model.pt", "path/to/tokenizer.json": TOKENIZER}
    for name, target in links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(target)
    for name in ("poet", "pirate"):
        write_adapter(folder / "adapters" / name)
    story = "Once upon a time there was a king who had three sons.\n"
    for name in ("letter.txt", "story.txt"):
        (folder / name).write_text(story)
    messages = [{"role": "system", "content": "You are kind."}, {"role": "user", "content": "Hello"}]
    (folder / "chat.json").write_text(json.dumps(messages))
    lines = ["The dragon", "In the forest", "A mysterious letter"]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder
