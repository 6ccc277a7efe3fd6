"""Paths that are no model, or no text: one line that names the path and says what it is (nothing hangs)."""

import ctypes
import json
import os
import subprocess

import pytest
from conftest import BINARY, refused, run

# How each subcommand reads a model at a path.
READERS = {
    "generate": lambda path: ["generate", path, "--prompt", "x"],
    "inspect": lambda path: ["inspect", path],
    "tokenize": lambda path: ["tokenize", path, "x"],
    "bench": lambda path: ["bench", path],
}

CONFIG = '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}'
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 22033472\n"


def make_folder(tmp_path, **files):
    folder = tmp_path / "model"
    folder.mkdir()
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def special_paths(tmp_path):
    (tmp_path / "file.txt").write_text("no model")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return {
        "missing": tmp_path / "missing",
        "below a file": tmp_path / "file.txt" / "model",
        "empty folder": tmp_path / "empty",
        "fifo": tmp_path / "fifo",
        "endless device": "/dev/random",
        "null device": "/dev/null",
        "dangling link": tmp_path / "dangling",
        "looping link": tmp_path / "loop",
        "empty name": "",
        "long name": tmp_path / ("n" * 5000),
        "long path": "/".join([str(tmp_path)] + ["d" * 200] * 25),
        "not UTF-8": os.fsencode(tmp_path) + b"/\xff\xfe",
        "control bytes": tmp_path / "a\x1b[31m\nb",
    }


@pytest.mark.parametrize("command", READERS)
def test_paths_that_are_no_model(command, tmp_path):
    for kind, path in special_paths(tmp_path).items():
        line = refused(*READERS[command](path))
        assert len(line) > 20, (kind, line)


def give_up_roots_rights():
    """Before exec: root's right to read everything is not inherited. Nothing changes for other users."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


def test_no_permission(tmp_path):
    folder = make_folder(tmp_path, config__json=CONFIG)
    folder.chmod(0)
    assert "ermission" in refused("generate", folder, "-p", "x", preexec_fn=give_up_roots_rights)
    folder.chmod(0o700)


@pytest.mark.parametrize("command", ["generate", "inspect", "bench"])
def test_folders_without_weights_that_can_be_read(command, tmp_path):
    folder = make_folder(tmp_path, config__json=CONFIG)
    read = READERS[command]
    assert "model.safetensors" in refused(*read(folder))
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04 anything")
    assert "pytorch_model.bin" in refused(*read(folder))
    (folder / "pytorch_model.bin").unlink()
    (folder / "model.safetensors").write_text(POINTER)
    assert "git lfs pull" in refused(*read(folder))


def test_folders_without_config(tmp_path):
    folder = make_folder(tmp_path, model__safetensors=POINTER)
    assert refused("inspect", folder) == f"{folder}: is no model's folder: it has no config.json"
    (folder / "adapter_config.json").write_text("{}")
    assert "is a LoRA adapter: name the model that it was made for" in refused("inspect", folder)


def test_a_family_that_is_read_as_another_is_told_once(model, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in model.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "config.json").unlink()
    config = json.loads((model / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "own"}))
    told = run("generate", folder, "--prompt", "Once", "--max-tokens", "1").err
    assert told.count("model_type 'own' is not known: read as llama, which its architectures name") == 1


def test_lines_say_what_a_path_is(tmp_path):
    paths = special_paths(tmp_path)
    for command in READERS.values():
        assert "missing: no such file or folder" in refused(*command(paths["missing"]))
        assert "/dev/random: is a character device, a folder is needed" in refused(*command(paths["endless device"]))
        assert "fifo: is a FIFO, a folder is needed" in refused(*command(paths["fifo"]))
        assert "file.txt: is neither a GGUF file nor a PyTorch checkpoint: name the folder of" in refused(
            *command(tmp_path / "file.txt")
        )
        assert "symbolic links loop" in refused(*command(paths["looping link"]))
        assert "is too long" in refused(*command(paths["long name"]))


def test_the_line_about_a_path_has_no_control_bytes(tmp_path):
    assert "\\x1b[31m\\x0ab" in refused("inspect", tmp_path / "a\x1b[31m\nb")


def test_prompt_files(tmp_path):
    paths = special_paths(tmp_path)
    for kind in ["missing", "below a file", "empty folder", "fifo", "endless device", "dangling link", "looping link"]:
        for flag in ["--prompt-file", "--batch-file"]:
            line = refused("generate", flag, paths[kind])
            assert os.fspath(paths[kind]).split("\x1b")[0] in line, (kind, line)
    assert "is a directory" in refused("generate", "--prompt-file", tmp_path)


def test_prompts_that_are_not_utf8(tmp_path):
    file = tmp_path / "latin1.txt"
    file.write_bytes(b"caf\xe9")
    assert "latin1.txt: byte 3: '\\xe9': is not UTF-8" in refused("generate", "--prompt-file", file)
    assert "standard input: byte 0" in refused("generate", stdin=b"\xff")
    assert "--prompt: byte 1" in refused("generate", "--prompt", b"a\x80")


def test_too_long_a_text_is_refused_without_being_kept():
    with subprocess.Popen(["head", "-c", "1073741824", "/dev/zero"], stdout=subprocess.PIPE) as text:
        process = subprocess.Popen([BINARY, "generate"], stdin=text.stdout, stderr=subprocess.PIPE)
        text.stdout.close()
        with process.stderr:
            line = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 2
    assert line == b"skald: standard input: the text is longer than the limit of 64 MiB\n"
    assert usage.ru_maxrss < 800 << 10  # KiB


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("nonsense", "line 2"),
        ('{"text": "x"}', "'text'"),
        ("{}", "must be a string, an array of token ids"),
        ("7", "must be a string, an array of token ids"),
        ('["a"]', "prompt[0]"),
        ("[1, -1]", "prompt[1]"),
        ("[1.5]", "prompt[0]"),
        ("[true]", "prompt[0]"),
        ('"a" "b"', "line 2"),
        ('{"prompt": "a", "prompt": "b"}', "line 2"),
        ('"\\ud800"', "line 2"),
        pytest.param("[" * 100000, "line 2", id="deep"),
    ],
)
def test_batch_files_name_line_and_fault(model, tmp_path, line, wanted):
    file = tmp_path / "prompts.jsonl"
    file.write_text(f'"good"\n{line}\n')
    result = run("generate", model, "--batch-file", file, "--max-tokens", "2", "--json")
    message = result.lines[1]["error"]
    assert result.code == 1 and "prompts.jsonl line 2" in message and wanted in message


def test_batch_files_without_prompts(tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text("\n  \n")
    assert "holds no prompt" in refused("generate", "--batch-file", file)


def test_refusals_come_before_the_model_is_read(tmp_path):
    assert "--top-p" in refused("generate", tmp_path / "missing", "--prompt", "x", "--top-p", "7")


def test_nothing_is_written_where_a_model_lies(model, tmp_path):
    before = sorted((path.name, path.stat().st_mtime_ns) for path in model.iterdir())
    assert run("generate", model, "-p", "x", "--max-tokens", "2", cwd=tmp_path).code == 0
    assert sorted((path.name, path.stat().st_mtime_ns) for path in model.iterdir()) == before
    assert list(tmp_path.iterdir()) == []
