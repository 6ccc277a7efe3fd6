"""How the tests of the command run it: the built binary, as a user's shell would."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
MODEL = Path(os.environ.get("SKALD_TEST_MODEL", ROOT / "models" / "skald-tales"))
PATIENCE = 60  # seconds, for machines under load
PROGRESS = re.compile(r"\r(loading \[[#.]*\] *\d+%)?\x1b\[K")


class Result:
    """What one run left: exit code, text of both streams."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


def run(*arguments, stdin=b"", env=None, **options):
    """Runs skald in a pipe; `stdin` is bytes or a file."""
    kind = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    done = subprocess.run(
        [BINARY, *map(os.fspath, arguments)],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **(env or {})},
        **kind,
        **options,
    )
    return Result(done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode())


def refused(*arguments, code=2, **options):
    """The one line with which skald refuses `arguments`."""
    result = run(*arguments, **options)
    assert result.code == code, result.err
    assert result.out == ""
    assert result.err.startswith("skald: ")
    assert result.err.count("\n") == 1 and result.err.endswith("\n")
    assert all(c.isprintable() for c in result.err[:-1]), ascii(result.err)
    return result.err[len("skald: ") : -1]


class Terminal:
    """skald on a pseudo-terminal: all three streams, or only those of `streams`; without the variables `unset`."""

    def __init__(self, *arguments, streams=(0, 1, 2), env=None, cwd=None, unset=()):
        self.side, inner = pty.openpty()
        self.text = b""
        self.seen = 0  # as far as wait_for() has come
        given = {**os.environ, "TERM": "xterm", "NO_COLOR": "", "SKALD_HISTORY": "", **(env or {})}
        files = [inner if fd in streams else subprocess.PIPE for fd in (0, 1, 2)]
        self.process = subprocess.Popen(
            [BINARY, *map(os.fspath, arguments)],
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            start_new_session=True,
            cwd=cwd,
            preexec_fn=lambda: fcntl.ioctl(inner, termios.TIOCSCTTY, 0),  # so that typed keys become signals
            env={name: value for name, value in given.items() if name not in unset},
        )
        os.close(inner)

    def type(self, text):
        os.write(self.side, text.encode())

    def resize(self, columns, rows=24):
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, wanted, times=1, seconds=PATIENCE):
        """Everything shown so far, once `wanted` is in it so many times."""
        end = time.monotonic() + seconds
        while self.text.count(wanted.encode()) < times:
            assert self._read(end - time.monotonic()), f"{wanted!r} never came: {self.text!r}"
        return self.text.decode()

    def wait_for(self, wanted, seconds=PATIENCE):
        """Reads until `wanted` stands behind what was waited for before."""
        end = time.monotonic() + seconds
        while (found := self.text.find(wanted.encode(), self.seen)) < 0:
            assert self._read(end - time.monotonic()), f"{wanted!r} never came: {self.text[self.seen :]!r}"
        self.seen = found + len(wanted.encode())

    def finish(self):
        """(exit code, everything shown but the bar that a slow machine shows while it loads)."""
        while self._read(PATIENCE):
            pass
        os.close(self.side)
        return self.process.wait(PATIENCE), PROGRESS.sub("", self.text.decode(errors="replace"))

    def interrupt(self):
        """Sends Ctrl-C; seconds until the process is gone, and its exit code."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        return time.monotonic() - start, code

    def _read(self, seconds):
        if not select.select([self.side], [], [], max(seconds, 0))[0]:
            return False
        try:
            data = os.read(self.side, 1 << 16)
        except OSError:  # the other side is closed
            data = b""
        self.text += data
        return bool(data)


@pytest.fixture(scope="session")
def model():
    """The model that ships: every test of generation runs on it."""
    if not (MODEL / "config.json").is_file():
        pytest.skip(f"no model at {MODEL}")
    return MODEL


@pytest.fixture(autouse=True, scope="session")
def binary():
    if not BINARY.is_file():
        pytest.exit(f"no command at {BINARY}: build it, or name it in SKALD_CLI", 2)
