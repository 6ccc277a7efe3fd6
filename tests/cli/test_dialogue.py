"""The commands of `skald generate --interactive` and `skald chat`."""

import json

import pytest
from conftest import MODEL, Terminal, run

OPTIONS = ("--max-tokens", "6", "--seed", "2")
SHARED = "retry undo history probs set seed status reset save load model help quit clear".split()


def prompts(*lines, **options):
    return run("generate", MODEL, "-i", *OPTIONS, stdin="".join(line + "\n" for line in lines).encode(), **options)


def talk(*lines, flags=(), **options):
    return run("chat", MODEL, *OPTIONS, *flags, stdin="".join(line + "\n" for line in lines).encode(), **options)


def alone(prompt, *options):
    return run("generate", MODEL, "-p", prompt, "--max-tokens", "6", *options).out


@pytest.mark.parametrize(("face", "own"), [(prompts, []), (talk, ["system"])])
def test_help_is_the_table(face, own):
    said = face("/help").err
    assert sorted(line.split()[0] for line in said.splitlines() if line.startswith("  /")) == sorted(
        "/" + name for name in SHARED + own
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/stats", "did you mean /status?"),
        ("/frobnicate", "is not known: /help shows all"),
        ("/undo now", "/undo = 'now': takes nothing behind it"),
        ("/save", "/save: takes F: keep turns and options in the file F"),
        ("/retry", "/retry: there is no turn yet"),
        ("/undo", "/undo: there is no turn yet"),
        ("/probs", "/probs TEXT shows what follows TEXT"),
        ("/set top_p=7", "--top-p = 7: must be a number in (0, 1]"),
        ("/set tempratur=1", "temperature"),
        ("/set nonsense", "nonsense"),
        ("/set num_return_sequences=2", "one answer is shown to each turn"),
        ("/seed x", "--seed"),
        ("/model nowhere/at/all", "nowhere/at/all"),
        ("/load nowhere.json", "nowhere.json"),
        ("/save nowhere/at/all.json", "nowhere"),
    ],
)
def test_what_is_refused(line, said):
    result = prompts(line)
    assert result.code == 2 and said in result.err and result.err.count("\n") == 1


def test_retry_draws_another_and_undo_takes_it_back():
    result = prompts("Once", "/retry", "/seed", "/undo", "/history", "The king", "/history")
    first, second, third = alone("Once", "--seed", "2"), alone("Once", "--seed", "3"), alone("The king", "--seed", "2")
    assert first != second
    assert (result.code, result.out) == (0, first + second + third + "> The king\n" + third)
    assert "seed 3" in result.err and "Taken back: Once" in result.err


def test_retry_without_sampling_says_why_it_is_the_same():
    assert "without sampling" in prompts("/set temperature=0", "Once", "/retry").err


def test_seed_and_probabilities():
    result = prompts("/seed 9", "Once", "/probs", "/probs The king")
    text = alone("Once", "--seed", "9")
    here = run("generate", MODEL, "-p", "Once" + text[:-1], "--show-probs").out
    there = run("generate", MODEL, "-p", "The king", "--show-probs").out
    assert result.out == text + here + there


def test_set_without_a_value_explains():
    said = prompts("/set top-p").err
    assert said.startswith("top_p (number (0, 1]): ") and len(said) > 60


def test_another_model_goes_on():
    result = prompts("Once", f"/model {MODEL}", "Once", "/history")
    assert result.code == 0 and result.out.count(alone("Once", "--seed", "2")) == 4 and "Model: " in result.err


def test_save_and_load(tmp_path):
    file = tmp_path / "talk.json"
    whole = talk("Hello", "Why?", flags=["--system", "Be kind."]).out
    first = talk("Hello", f"/save {file}", flags=["--system", "Be kind."])
    saved = json.loads(file.read_text())
    assert (saved["format"], saved["version"], saved["kind"]) == ("skald-conversation", 1, "chat")
    assert [message["role"] for message in saved["messages"]] == ["system", "user", "assistant"]
    assert saved["options"]["seed"] == 2
    assert first.out + talk(f"/load {file}", "Why?").out == whole
    assert first.out + run("chat", MODEL, "--load", file, stdin=b"Why?\n").out == whole


def test_save_after_every_turn(tmp_path):
    file = tmp_path / "talk.json"
    talk("Hello", "Why?", "/undo", "/system Be brief.", "How?", flags=["--save", file])
    said = [message["content"] for message in json.loads(file.read_text())["messages"]]
    assert [said[0], said[1], said[3]] == ["Be brief.", "Hello", "How?"]


GOOD = {"format": "skald-conversation", "version": 1, "kind": "chat", "options": {}, "messages": []}
USER = {"role": "user", "content": "a"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "x"}, "format"),
        ({"version": 2}, "version = 2"),
        ({"kind": "prompts"}, "kind"),
        ({"kind": None}, "kind"),
        ({"options": []}, "options"),
        ({"options": {"top_p": 9}}, "top_p"),
        ({"messages": {}}, "messages"),
        ({"messages": [USER]}, "turns are whole"),
        ({"messages": [USER, USER]}, "turns alternate"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "system", "content": "a"}] * 2}, "turns alternate"),
    ],
)
def test_files_that_are_refused(tmp_path, change, said):
    file = tmp_path / "talk.json"
    file.write_text(json.dumps(GOOD | change))
    result = talk(f"/load {file}")
    assert result.code == 2 and said in result.err and str(file) in result.err and result.err.count("\n") == 1


def test_a_file_cut_anywhere_is_refused(tmp_path):
    file = tmp_path / "talk.json"
    text = json.dumps(GOOD)
    for size in range(0, len(text), 7):
        file.write_text(text[:size])
        assert talk(f"/load {file}").code == 2


def test_a_full_context_says_what_to_do():
    result = talk(" ".join(["word"] * 1500))
    assert result.code == 2 and "context of" in result.err and "/clear begins anew" in result.err


def test_an_answer_ends_where_the_context_does():
    context = run("inspect", MODEL, "--json").json["context"]
    long = ["--max-tokens", "5000", "--ignore-eos"]
    terminal = Terminal("chat", MODEL, "--seed", "1", *long, env={"NO_COLOR": "1"})
    terminal.wait_for("> ")
    terminal.type(" ".join(["word"] * 600) + "\n")
    terminal.wait_for("tokens is full: /undo takes turns back, /clear begins anew")
    terminal.wait_for(f"[{context} / {context} tokens]")
    terminal.type("\x04")
    assert terminal.finish()[0] == 0


def test_tab_completes():
    terminal = Terminal("chat", MODEL, *OPTIONS, env={"NO_COLOR": "1"}, cwd=MODEL)
    terminal.wait_for("> ")
    terminal.type("/statu\t\n")
    terminal.wait_for("  model = ")
    terminal.wait_for("\r\n> ")
    terminal.type("/s\t")
    for name in ("/set", "/seed", "/status", "/save", "/system"):
        terminal.read_until(name)
    terminal.type("et early\tne\t\n")
    terminal.wait_for("Updated: early_stopping=never")
    terminal.type("/set do_s\tf\t\n")
    terminal.wait_for("Updated: do_sample=false")
    terminal.type("/load generation_c\t\n")
    terminal.wait_for("generation_config.json: format")
    terminal.type("\x04")
    assert terminal.finish()[0] == 0
