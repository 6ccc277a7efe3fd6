"""The command and the model, as tests/cli has them, and what comes back as Python values."""

import importlib.util
import math
import sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("cli_conftest", Path(__file__).parents[1] / "cli" / "conftest.py")
cli = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cli)

ROOT, BINARY, PATIENCE, Terminal, run = cli.ROOT, cli.BINARY, cli.PATIENCE, cli.Terminal, cli.run
sys.path.insert(0, str(ROOT / "tests" / "support"))
from stand_ins import make_shelf  # noqa: E402, F401

binary, model = cli.binary, cli.model
OFF = {"temperature": 1, "top-k": 0, "top-p": 1, "repetition-penalty": 1}


def flags(options):
    return [f"--{name}={value}" for name, value in options.items()]


def generate(*arguments, **options):
    """Text and exit code of a run that has to succeed."""
    result = run("generate", "--quiet", *arguments, **options)
    assert (result.code, result.err) == (0, ""), result.err
    return result.out


def completions(*arguments):
    """What --json writes, one dictionary a continuation."""
    result = run("generate", "--quiet", "--json", *arguments)
    assert (result.code, result.err) == (0, ""), result.err
    return result.lines


def steps(prompt, count, **options):
    """(tokens, logits, scores) of a FundamentaLLM-profile run; None of a score means that the token is taken out."""
    chosen = OFF | {name.replace("_", "-"): value for name, value in options.items()}
    (one,) = completions(
        *["--prompt", prompt, "--profile", "fllm", "--seed", "11", "--ignore-eos", "--output-scores"],
        *["--output-logits", f"--max-tokens={count}", *flags(chosen)],
    )
    scores = [[-math.inf if x is None else x for x in row] for row in one["scores"]]
    return one["token_ids"], one["logits"], scores
