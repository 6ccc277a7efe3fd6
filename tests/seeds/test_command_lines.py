"""Every command line of the documents as it is typed, with our name, on a checkpoint such as they are about.

Options that the documents show alone are put behind the command that stands nearest. What they do to texts is tested on
the model that ships, in test_advanced_generation.py.
"""

import os
import shlex
import subprocess

import pytest
from commands import BINARY, PATIENCE, Terminal, make_shelf, run

BASIC = 'skald generate my_model/final_model.pt --prompt "Once upon a time"'
ONCE = 'skald generate model.pt --prompt "Once upon a time"'
CAT = 'skald generate model.pt --prompt "The cat"'
COMPLETE = [
    BASIC,
    'skald generate model.pt --prompt "The wizard" --temperature 0.8 --top-p 0.9',
    'skald generate model.pt --prompt "Write a short story:" --temperature 1.2 --top-p 0.9 --max-tokens 500',
    'skald generate model.pt --prompt "def fibonacci(n):" --temperature 0.3 --top-p 0.95 --max-tokens 200',
    'skald generate model.pt --prompt "The quick brown" --temperature 0.7 --max-tokens 50',
    'skald generate model.pt --prompt "Roses are red," --temperature 1.0 --top-k 40 --max-tokens 100',
    f"{CAT} --temperature 0.3",
    f"{CAT} --temperature 0.8",
    f"{CAT} --temperature 1.5",
    f"{ONCE} --top-k 40 --temperature 0.8",
    f"{ONCE} --top-p 0.9 --temperature 0.8",
    f"{ONCE} --temperature 0.8 --top-k 50 --top-p 0.9",
    f"{CAT} --repetition-penalty 1.2",
    f"{ONCE} --beam-width 5",
    f"{ONCE} --num-samples 5 --temperature 0.9",
]
# Parts of a command: with the command of the same chapter.
PARTS = [
    *[f"{BASIC} --temperature {t}" for t in ("0.0", "0.5", "1.0", "1.5")],
    *[f"{BASIC} --top-k {k}" for k in (10, 50, 100)],
    *[f"{BASIC} --top-p {p}" for p in ("0.8", "0.9", "0.95")],
    *[f"{BASIC} --max-tokens {n}" for n in (50, 200, 500)],
    f"{BASIC} --num-samples 5",
    f"{BASIC} --seed 42",
    f"{BASIC} --repetition-penalty 1.2",
    f"{BASIC} --beam-size 3 --length-penalty 1.5",
    f"{BASIC} --beam-size 3 --length-penalty 0.5",
    f'{BASIC} --bad-words "profanity,offensive,word"',
    f"{BASIC} --beam-size 5",
    f'{BASIC} --must-include "dragon,castle,knight"',
    f'{BASIC} --guide-attribute "positive_sentiment" --guide-strength 2.0',
    f"{BASIC} --max-tokens 100 --temperature 0.0",
    f"{BASIC} --num-samples 5 --temperature 0.8 --top-p 0.9",
    f"{BASIC} --beam-size 3",
    f"{BASIC} --repetition-penalty 1.2 --temperature 1.0",
    f"{BASIC} --temperature 0.7 --top-p 0.9 --top-k 50",
    f"{BASIC} --temperature 1.2 --top-p 0.95",
    *[
        f'skald generate my_model/final_model.pt --prompt "{prompt}"'
        for prompt in ("In Shakespeare's style:", "Translate to French:", "Q: What is AI? A:", "The", "Hello")
    ],
    'skald generate model.pt --prompt "Chapter 1:" --temperature 1.0 --top-p 0.9 --max-tokens 500',
    'skald generate model.pt --prompt "def sort_list(arr):" --temperature 0.3 --max-tokens 200',
    r'skald generate model.pt --prompt "User: Hello\nAssistant:" --temperature 0.7 --top-p 0.9',
    'skald generate model.pt --prompt "A haiku about fall:" --temperature 1.1 --max-tokens 50',
    f"{ONCE} --temperature 0.8 --top-k 50 --top-p 0.9",
    f"{ONCE} --temperature 1.0 --top-p 0.95 --repetition-penalty 1.1",
    f"{ONCE} --temperature 0.5 --top-k 20 --top-p 0.85",
    f"{ONCE} --temperature 1.2 --top-p 0.95 --repetition-penalty 1.3",
    f'{ONCE} --max-length 200 --min-length 50 --stop-tokens "." "!" "?"',
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A folder in which the models stand under the names that the documents have for them."""
    folder = make_shelf(tmp_path_factory.mktemp("shelf"))
    (folder / "skald").symlink_to(BINARY)
    return folder


def words(command):
    return shlex.split(command)[1:]


def value(arguments, flag, otherwise):
    return type(otherwise)(arguments[arguments.index(flag) + 1]) if flag in arguments else otherwise


@pytest.mark.parametrize("command", COMPLETE + PARTS)
def test_as_typed(shelf, command):
    arguments = words(command)
    seed = [] if "--seed" in arguments else ["--seed", "7"]
    first, second = (run(*arguments, "--quiet", *seed, "--json", cwd=shelf) for _ in range(2))
    assert (first.code, first.err) == (0, "")
    assert first.out == second.out
    assert [one["index"] for one in first.lines] == list(range(value(arguments, "--num-samples", 1)))
    limit = value(arguments, "--max-tokens", 200 if "--max-length" in arguments else 100)
    assert all(0 < len(one["token_ids"]) <= limit for one in first.lines)
    plain = run(*arguments, "--quiet", *seed, cwd=shelf)
    assert plain.code == 0 and all(one["text"] in plain.out for one in first.lines)
    if value(arguments, "--temperature", 1.0) == 0:
        assert first.lines[0]["token_ids"] == run(*arguments, "--quiet", "--json", cwd=shelf).lines[0]["token_ids"]


def test_without_a_seed_each_run_is_another(shelf):
    assert len({run(*words(BASIC), cwd=shelf).out for _ in range(3)}) == 3


def test_backslashes_at_the_ends_of_lines(shelf):
    """As a shell reads them: the command goes on, whatever way it is wrapped."""
    wrapped = 'skald generate model.pt \\\n    --prompt "Once upon a time" \\\n    --top-k 40 --seed 1'
    done = shell(shelf, wrapped)
    assert done.stdout == shell(shelf, f"{ONCE} --top-k 40 --seed 1").stdout != ""


def shell(shelf, script):
    environment = {**os.environ, "PATH": f"{shelf}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=shelf,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )


def test_sentiments_have_two_names(shelf):
    texts = {
        name: run(*words(BASIC), "--guide-attribute", name, "--guide-strength", "3", "--seed", "1", cwd=shelf).out
        for name in ("positive", "positive_sentiment", "negative", "negative_sentiment")
    }
    assert texts["positive"] == texts["positive_sentiment"] != texts["negative"] == texts["negative_sentiment"]


def test_a_loop_over_temperatures(shelf):
    loop = 'skald generate model.pt --prompt "Test" --temperature $temp --max-tokens 50 --seed 1'
    done = shell(shelf, f"for temp in 0.3 0.7 1.0 1.5; do {loop}; echo; echo ----; done")
    texts = done.stdout.split("----\n")[:-1]
    assert len(texts) == 4 and len(set(texts)) == 4 and all(text.strip() for text in texts)


def test_a_file_of_samples(shelf, tmp_path):
    command = 'skald generate model.pt --prompt "The ancient scroll revealed" --num-samples 10 --output-file'
    file = tmp_path / "generations.txt"
    result = run(*words(command), file, "--seed", "2", cwd=shelf)
    assert (result.code, result.out) == (0, "")
    texts = [one["text"] for one in run(*words(command)[:-1], "--seed", "2", "--json", cwd=shelf).lines]
    assert len(texts) == 10 and all(text in file.read_text() for text in texts)


def test_probabilities(shelf):
    shown = run(*words(BASIC), "--show-probs", cwd=shelf)
    assert shown.code == 0 and shown.out.startswith("Next token probabilities:\n")
    assert len([line for line in shown.out.splitlines() if line.startswith('  "')]) >= 5


@pytest.mark.parametrize("command", [BASIC, ONCE])
def test_there_is_no_other_device(shelf, command):
    result = run(*words(command), "--device", "cuda", cwd=shelf)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1 and "--device = 'cuda'" in result.err
    assert run(*words(command), "--device", "cpu", cwd=shelf).code == 0


def test_a_session_at_the_terminal(shelf):
    """Prompts, settings and the way out, as the documents show a session."""
    command = words("skald generate my_model/final_model.pt --interactive")
    terminal = Terminal(*command, "--max-tokens", "12", "--seed", "1", env={"NO_COLOR": "1"}, cwd=shelf)
    for line, answer in [
        ("/help", "/set"),
        ("/set temperature=0.8", "Updated: temperature=0.8"),
        ("/set top-k=50", "Updated: top-k=50"),
        ("/status", "temperature = 0.8"),
        ("/set temperature=1.5", "Updated: temperature=1.5"),
        ("/set temperature=warm", "temperature"),
        ("/clear", ""),
        ("Once upon a time", "Once upon a time"),
    ]:
        terminal.type(line + "\n")
        terminal.read_until(answer)
    terminal.type("/quit\n")
    code, text = terminal.finish()
    assert code == 0 and text.count("Updated: ") == 3
