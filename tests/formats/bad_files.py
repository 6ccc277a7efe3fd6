"""How the tests of malformed files ask: the command must refuse each in one line, soon and in little memory."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SKALD_CLI", ROOT / "build" / "release" / "cli" / "skald"))
CONFIG = {"vocab_size": 2, "d_model": 3, "num_heads": 1, "num_layers": 1, "sequence_length": 2}


def inspect(path, *options, command="inspect"):
    """Exit code, output, what was said, seconds of computing and most memory in bytes."""
    process = subprocess.Popen(
        [BINARY, command, path, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close(), process.stderr.close()
    return process.returncode, out, err.decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def refused(tmp_path, data, part, file="m.pt"):
    path = tmp_path / file
    path.write_bytes(data)
    (tmp_path / "model.yaml").write_text("".join(f"{k}: {v}\n" for k, v in CONFIG.items()))
    return refused_path(path, part)


def refused_path(path, part, *options, **command):
    code, out, err, seconds, memory = inspect(path, *options, **command)
    assert code == 2, err
    assert out == b""
    assert err.count("\n") == 1 and err.startswith("skald: ") and all(c.isprintable() for c in err[:-1]), ascii(err)
    assert path.name in err and len(err) < 1100
    assert part in err
    assert seconds < 2 and memory < 256 << 20
    return err
