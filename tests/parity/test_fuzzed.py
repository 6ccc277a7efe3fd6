"""What fuzzing has found (fuzz/encode.cc, tokenizer.cc, piece_model.cc, template.cc), and the seeds, in the Python
references: where both read a file and its text, the ids are the same; templates write the same or both refuse.

    ./dev fuzz encode tokenizer piece_model template
    SKALD_CLI=build/release/cli/skald pytest tests/parity/test_fuzzed.py

SKALD_FUZZ is the folder of what was found, build/fuzz/corpus where it is not set.
"""

import json
import multiprocessing
import os
import pathlib
import re
import resource
import subprocess

import pytest
from test_templates import difference, ours, reference  # noqa: F401
from test_tokenizer import CLI, FIXTURES, ROOT, run

tokenizers = pytest.importorskip("tokenizers", minversion="0.23")
CORPUS = pathlib.Path(os.environ.get("SKALD_FUZZ", ROOT / "build" / "fuzz" / "corpus"))
HARNESS = (ROOT / "fuzz" / "encode.cc").read_text()
NAMES = re.findall(r'"([a-z0-9-]+)"', HARNESS[HARNESS.index("for (const char* name") : HARNESS.index("out.push_back")])
TEXT = "Once upon a  time,\n\tthe <s>year</s> was 1984\u2026 \u00c5\u00c4\u00d6 \u6771\u4eac \U0001f600 "
VARIABLES = {"messages": [{"role": "user", "content": "H\u00e9 <b> 'x'\n"}], "add_generation_prompt": True}
SECONDS, BYTES = 10, 4 << 30  # of a reference at one input


def inputs(harness):
    """What the harness has found, and its seeds, each once."""
    folders = [CORPUS / harness, ROOT / "fuzz" / "seeds" / harness]
    return sorted({path.read_bytes() for folder in folders if folder.exists() for path in folder.iterdir()})


def child(pipe, function, arguments):
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        pipe.send(function(*arguments))
    except BaseException:  # the references panic on some inputs
        pipe.send(None)


def guarded(function, *arguments):
    """What `function` returns; None where it fails, crashes, or goes on for too long."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        return receiver.recv() if receiver.poll(SECONDS) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


def cut(found, mark, default):
    """(what stands before `mark`, the text behind it); None where that is not UTF-8."""
    before, _, behind = found.partition(mark) if mark == b"\0" else found.rpartition(mark)
    if mark not in found:
        return found, default
    try:
        return before, behind.decode()
    except UnicodeDecodeError:
        return None


def ids(folder, text, *flags):
    """The ids that skald gives, or None where it refuses."""
    (folder / "text.txt").write_text(text, newline="")
    command = [CLI, "tokenize", str(folder), "--file", str(folder / "text.txt"), "--json", *flags]
    done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    assert done.returncode in (0, 2), done.stderr
    return json.loads(done.stdout)["ids"] if done.returncode == 0 else None


def piece_ids(model, text):
    sentencepiece = pytest.importorskip("sentencepiece")
    return sentencepiece.SentencePieceProcessor(model_proto=model).encode(text)


def folder_reference(folder):
    if (folder / "tokenizer.json").exists():
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return (), lambda text: tokenizer.encode(text).ids
    sentencepiece = pytest.importorskip("sentencepiece")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    return ("--plain", "--no-special-tokens"), processor.encode


@pytest.mark.parametrize("name", NAMES)
def test_texts(name, tmp_path):
    flags, encode = folder_reference(FIXTURES / name)
    texts = sorted({found for _, found in filter(None, (cut(b"\0" + i[1:], b"\0", "") for i in inputs("encode")))})
    batch = tmp_path / "texts.jsonl"
    batch.write_text("".join(json.dumps(text) + "\n" for text in texts))
    lines = run(FIXTURES / name, "--batch-file", batch, "--json", *flags).split("\n")[:-1]
    for text, line in zip(texts, lines, strict=True):
        assert json.loads(line)["ids"] == encode(text), repr(text)


def tokenizer_ids(file, text):
    """Of a tokenizer.json; None where the reference has no single answer."""
    spec = json.loads(file)
    first, again = (tokenizers.Tokenizer.from_str(file.decode()) for _ in range(2))
    for made in (first, again):
        made.no_truncation()
        made.no_padding()
    if any(first.token_to_id(token["content"]) != token["id"] for token in spec.get("added_tokens") or []):
        return None  # it numbers added tokens itself where the file's numbers have gaps
    found = first.encode(text).ids
    return found if again.encode(text).ids == found else None


def test_tokenizers(tmp_path):
    compared = 0
    for file, text in filter(None, (cut(found, b"\0", TEXT) for found in inputs("tokenizer"))):
        (tmp_path / "tokenizer.json").write_bytes(file)
        got = ids(tmp_path, text)
        want = guarded(tokenizer_ids, file, text) if got is not None else None
        if want is not None:
            compared += 1
            assert got == want, (file, text)
    assert compared >= 5  # of the seeds


def test_piece_models(tmp_path):
    compared = 0
    for model, text in filter(None, (cut(found, b"\n\n", TEXT) for found in inputs("piece_model"))):
        (tmp_path / "tokenizer.model").write_bytes(model)
        got = ids(tmp_path, text, "--plain", "--no-special-tokens")
        want = guarded(piece_ids, model, text) if got is not None else None
        if want is not None:
            compared += 1
            assert got == want, (model, text)
    if not compared:
        pytest.skip("no model that both read: ./dev fuzz piece_model finds some")


def template_and_variables(found):
    """None where the harness itself gives up."""
    source, given, text = found.partition(b"\0")
    try:
        variables = json.loads(text) if given else VARIABLES
        source = source.decode()
    except ValueError:
        return None
    if not isinstance(variables, dict):
        return None
    absent = {"messages": None, "tools": None, "documents": None, "add_generation_prompt": False}  # as `reference` has
    return source, {**absent, "bos_token": "<s>", **variables}


def test_templates(ours):  # noqa: F811
    wrong = []
    for template, variables in filter(None, map(template_and_variables, inputs("template"))):
        want = guarded(reference, template, variables)
        if want and (found := difference(ours, template, variables, want)):
            wrong.append((template, variables, found))
    assert not wrong, (len(wrong), wrong[:3])
