"""What the command line refuses, and how it says so; help and completion."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import BINARY, refused, run

COMMANDS = [
    *("generate", "chat", "inspect", "tokenize", "template", "eval", "quantize", "config", "control"),
    *("detect", "bench", "pull", "info", "completion"),
]


def test_without_arguments_it_explains_itself():
    result = run()
    assert (result.code, result.err) == (0, "")
    assert 'skald generate --prompt "Once upon a time"' in result.out
    assert all(f"  {name} " in result.out for name in COMMANDS)
    assert run("--help").out == run("-h").out == result.out


def test_version():
    assert re.fullmatch(r"skald \d+\.\d+\.\d+\n", run("--version").out)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_usage_flags_and_examples(command):
    result = run(command, "--help")
    assert (result.code, result.err) == (0, "")
    assert f"Usage: skald {command}" in result.out
    assert "\nExamples:\n" in result.out
    assert all(len(line) <= 100 for line in result.out.split("Examples:")[0].splitlines())
    assert run(command, "--nonsense", "-h").out == run("help", command).out == result.out


def test_help_names_every_option():
    flags = (
        "prompt prompt-file ids batch-file interactive escape config json no-stream threads bits kv-bits strict "
        "max-tokens max-new-tokens temperature top-k top-p min-p repetition-penalty num-samples seed stop no-sample "
        "do-sample"
    )
    text = run("generate", "--help").out
    assert [name for name in flags.split() if not re.search(rf"--{name}\b", text)] == []


@pytest.mark.parametrize("name", ["serve"])
def test_later_commands_are_refused_by_name(name):
    assert f"'{name}' is not in this version" in refused(name)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["generat"], "unknown command 'generat': did you mean 'generate'?"),
        (["frobnicate"], "the commands are generate, chat"),
        (["--prompt", "x"], "stands before the command"),
        (["generate", "--temprature", "1"], "unknown flag '--temprature': did you mean --temperature?"),
        (["generate", "--temp", "1"], "did you mean --temperature?"),
        (["generate", "--top_p", "1"], "did you mean --top-p?"),
        (["generate", "-x"], "lists the flags; an argument that begins with - goes after --"),
        (["generate", "-n", "4"], "unknown flag '-n': did you mean --n?"),
        (
            ["generate", "Once upon a time"],
            "Once upon a time: no such file or folder: the first argument names a model",
        ),
        (["tokenize", "Once upon a time"], "one to tokenize after the model"),
        (["help", "generat"], "did you mean 'generate'?"),
        (["inspect", "--jsn"], "did you mean --json?"),
        (["generate", "--forced-decoder-ids", "4"], "--forced-decoder-ids: is not available in this version"),
        (["generate", "--prompt"], "--prompt: needs a value: --prompt TEXT"),
        (["generate", "--prompt", "--json"], "write --prompt=VALUE"),
        (["generate", "--json=1", "-p", "x"], "--json = '1': takes no value"),
        (["generate", "--seed", "1", "--seed", "2"], "--seed: is given twice"),
        (["generate", "--max-tokens", "1", "--max-new-tokens", "2"], "is given twice"),
        (["generate", "a", "b", "-p", "x"], "'b': is one argument too many after the model 'a'"),
        (["generate", "-p", "x", "--ids", "1"], "give one of --prompt"),
        (["generate", "-p", "x", "--batch-file", "f"], "give one of --prompt"),
        (["generate", "-", "--prompt-file", "f"], "give one of - and --prompt-file"),
        (["generate", "--interactive", "--json"], "leave out --json"),
        (["generate", "--ids", "1,x"], "--ids = 'x': must be an integer in [0, 2147483647]"),
        (["generate", "--ids", "1,-2"], "--ids = '-2': must be an integer in [0, 2147483647]"),
        (["generate", "--escape", "--ids", "1"], "--escape: acts on --prompt and --stop"),
        (["generate", "--escape", "-p", "a\\q"], r"'\q': is no escape"),
        (["generate", "--escape", "-p", "a\\x4"], "needs two hexadecimal digits"),
        (["generate", "-p", "x", "--bits", "12"], "--bits = '12': must be 32, 16, 8 or 4"),
        (["eval", "--text", "x", "--kv-bits", "4"], "--kv-bits = '4': must be 32, 16 or 8"),
        (["tokenize"], "the model is missing"),
        (["tokenize", "m", "a", "b"], "'b': is one argument too many"),
        (["tokenize", "m", "a", "--file", "f"], "give one of TEXT, --file"),
        (["tokenize", "m", "a", "--json", "--ids"], "give one of --json and --ids"),
        (["info", "x"], "'x': skald info is about this machine and takes no argument; skald inspect is about a model"),
        (["bench", "--beams", "0"], "--beams = '0': must be an integer in [1, 128]"),
        (["completion"], "takes one shell: bash, zsh or fish"),
        (["completion", "csh"], "takes one shell: bash, zsh or fish"),
    ],
)
def test_refusals(arguments, wanted):
    assert wanted in refused(*arguments)


@pytest.mark.parametrize(
    ("flag", "values", "span"),
    [
        ("--max-tokens", ["0", "-1", "abc", "1.5", "1e9", "", "99999999999999999999"], "[1, 16777216]"),
        ("--temperature", ["-1", "abc", "nan", "inf", "1e308", "", "0x1"], "[0, 1000000]"),
        ("--top-k", ["-2", "abc", "1.5"], "[-1, 2147483647]"),
        ("--top-p", ["0", "2", "-1", "abc"], "(0, 1]"),
        ("--min-p", ["-1", "1.1", "abc"], "[0, 1]"),
        ("--repetition-penalty", ["0", "-1", "1e30", "abc"], "(0, 1000]"),
        ("--num-samples", ["0", "-1", "1000000000", "abc"], "[1, 128]"),
        ("--seed", ["-1", "abc", "18446744073709551616"], "[0, 9007199254740991]"),
        ("--logprobs", ["-1", "21"], "[0, 20]"),
        ("--threads", ["0", "-1", "abc", "1e9", "2000"], "[1, 1024]"),
        ("--prefill-chunk", ["0", "abc"], "[1, 65536]"),
    ],
)
def test_numbers_name_their_range(flag, values, span):
    for value in values:
        line = refused("generate", "-p", "x", flag, value)
        assert line.startswith(flag) and span in line, line


def test_stop_strings_are_checked():
    assert "is empty" in refused("generate", "-p", "x", "--stop", "")
    assert "1025" in refused("generate", "-p", "x", "--stop", "a" * 1025)
    assert "at most 64" in refused("generate", "-p", "x", *(["--stop", "a"] * 65))


def test_config_file_errors(tmp_path):
    def config(text):
        file = tmp_path / "generation_config.json"
        file.write_text(text)
        return refused("generate", "-p", "x", "--config", file)

    assert "top_p" in config('{"top_p": 7}') and "(0, 1]" in config('{"top_p": 7}')
    assert "did you mean temperature?" in config('{"temprature": 1}')
    assert "forced_decoder_ids" in config('{"forced_decoder_ids": [4]}')
    assert "generation_config.json" in config("{")
    assert "missing.json" in refused("generate", "-p", "x", "--config", tmp_path / "missing.json")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_valid(shell):
    script = run("completion", shell).out
    assert ("-l repetition-penalty " if shell == "fish" else "--repetition-penalty") in script
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=script.encode(), check=False).returncode == 0


def test_bash_completes_commands_flags_and_files(tmp_path):
    (tmp_path / "a model").mkdir()
    script = run("completion", "bash").out + (
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _skald 2> /dev/null; '
        "printf '%s\\n' \"${COMPREPLY[@]}\"; }\n"
        "ask skald gen; ask skald generate --temp; ask skald inspect ./a; ask skald completion z; ask skald help ben\n"
        "ask skald generate --config = ./a; ask skald generate --config =\n"
    )
    done = subprocess.run(["bash"], input=script.encode(), stdout=subprocess.PIPE, cwd=tmp_path, check=True)
    assert done.stdout.decode().split("\n") == [
        *("generate", "--temperature", "./a model", "zsh", "bench"),
        *("./a model", "a model", ""),
    ]


def test_found_through_path(tmp_path):
    (tmp_path / "skald").symlink_to(BINARY)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    assert (
        subprocess.run(["skald", "--version"], env={"PATH": path}, stdout=subprocess.DEVNULL, check=False).returncode
        == 0
    )
