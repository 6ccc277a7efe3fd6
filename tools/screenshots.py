"""Makes docs/screenshots: runs the command on a terminal and draws what it shows.

    python3 tools/screenshots.py [--skald build/release/cli/skald] [NAME...]

Seeds are fixed, and all runs take the scalar kernels, which every processor has: the same command gives the same files.
"""

import argparse
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from terminal_picture import Screen, svg
from tree import ROOT

FOLDER = ROOT / "docs" / "screenshots"
COLUMNS, PATIENCE = 100, 120.0
PROMPT = "\x1b[32m$\x1b[39m "  # what stands before a command
ASKS = b"\n> "  # how the command asks for a line
CTRL_D = "\x04"


@dataclass(frozen=True)
class Scene:
    command: str  # as it is typed in a shell
    typed: tuple[str, ...] = ()  # lines, each when the command asks for it
    leave: str = ""  # keys that end the command when the picture is taken


SCENES = {
    "generate": Scene('skald generate --prompt "Once upon a time" --seed 1 --max-tokens 119'),
    "show-probs": Scene('skald generate --prompt "Once upon a time there was" --show-probs'),
    "explain": Scene('skald generate --prompt "Once upon" --explain --max-tokens 4 --seed 6'),
    "help": Scene("skald generate --help | head -32"),
    "chat": Scene(
        "skald chat --seed 14 --max-tokens 45",
        ("Tell me a story of a fox.", "And what did the king say?"),
        CTRL_D,
    ),
    "complete-step": Scene(
        'skald complete-step --prompt "Once upon a time" --top 4 --seed 2', ("1", " the wolf", "/go 12", "quit")
    ),
    "config-explain": Scene("skald config explain --preset translation --num-beams 3"),
}


class Terminal:
    """A shell's command on a pseudo-terminal, in an empty folder."""

    def __init__(self, command: str, folder: str, path: str):
        self.side, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        environment = {
            "PATH": path, "HOME": folder, "TERM": "xterm", "LC_ALL": "C.UTF-8", "SKALD_HISTORY": "",
            "SKALD_ISA": "scalar",
        }  # fmt: skip
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        self.shown = b""
        self.process = subprocess.Popen(
            ["bash", "-c", command], stdin=inner, stdout=inner, stderr=inner, cwd=folder,
            env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(inner)

    def type(self, keys: str) -> None:
        os.write(self.side, keys.encode())

    def read(self) -> bool:
        """Whether the command showed more."""
        if not select.select([self.side], [], [], PATIENCE)[0]:
            self.process.kill()
            raise TimeoutError(f"the command was silent for {PATIENCE:.0f} s; it had shown {self.shown!r}")
        try:
            data = os.read(self.side, 1 << 16)
        except OSError:  # its side is closed
            data = b""
        self.shown += data
        return bool(data)

    def wait_for_question(self, seen: int) -> None:
        """Until it asks, behind the first `seen` bytes."""
        while not self.shown[seen:].endswith(ASKS):
            if not self.read():
                raise EOFError(f"the command ended, and did not ask for a line; it had shown {self.shown!r}")
        end = time.monotonic() + PATIENCE
        while termios.tcgetattr(self.side)[3] & termios.ECHO:  # the editor shows what is typed: not both of them
            if time.monotonic() > end:
                raise TimeoutError(f"the command asked, and read no line; it had shown {self.shown!r}")
            time.sleep(0.01)

    def finish(self) -> int:
        while self.read():
            pass
        os.close(self.side)
        return self.process.wait()


def play(scene: Scene, path: str) -> Screen:
    """The screen behind the scene."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(scene.command, folder, path)
        seen = 0
        for line in scene.typed:
            terminal.wait_for_question(seen)
            seen = len(terminal.shown)
            terminal.type(line + "\n")
        if scene.leave:
            terminal.wait_for_question(seen)
            seen = len(terminal.shown)
            terminal.type(scene.leave)
        code = terminal.finish()
    if code != 0:
        raise RuntimeError(f"`{scene.command}` ended with code {code}: {terminal.shown!r}")
    screen = Screen(COLUMNS)
    screen.write(PROMPT + scene.command + "\r\n")
    screen.write(terminal.shown[: seen if scene.leave else None].decode())
    return screen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skald", type=Path, default=ROOT / "build/release/cli/skald", help="the command")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENES)}; all where none is named")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in SCENES]:
        parser.error(f"there is no picture {unknown[0]}: name one of {', '.join(SCENES)}")
    if not arguments.skald.is_file():
        parser.error(f"{arguments.skald} is not there: build it, or name another with --skald")
    path = f"{arguments.skald.resolve().parent}:{os.environ['PATH']}"
    FOLDER.mkdir(exist_ok=True)
    for name in arguments.names or SCENES:
        picture = svg(play(SCENES[name], path), SCENES[name].command)
        (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
