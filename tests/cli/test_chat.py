"""`skald template` and `skald chat`: conversations by a model's chat template."""

import json
import shutil
import struct

import pytest
from conftest import MODEL, refused, run

MESSAGES = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi <|im_end|>"}]
TEXT = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n"


@pytest.fixture
def chat(tmp_path):
    path = tmp_path / "chat.json"
    path.write_text(json.dumps(MESSAGES))
    return path


@pytest.fixture
def folder(tmp_path):
    """A model's tokenizer, without a template yet."""
    path = tmp_path / "model"
    path.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MODEL / name, path / name)
    return path


def template(*arguments, **options):
    result = run("template", *arguments, **options)
    assert (result.code, result.err) == (0, "")
    return result


def test_the_model_s_template(chat):
    assert template(MODEL, "--messages", chat).out == TEXT
    assert template(MODEL, "-m", chat, "-g").out == TEXT + "<|im_start|>assistant\n"
    assert template(MODEL, "-m", "-", stdin=chat.read_bytes()).out == TEXT


def test_text_in_messages_is_no_control_token(chat):
    end = int(run("tokenize", MODEL, "<|im_end|>", "--ids").out)
    plain = template(MODEL, "-m", chat, "--json").json
    assert plain["text"] == TEXT and plain["ids"].count(end) == 2
    parsed = template(MODEL, "-m", chat, "--parse-messages", "--ids").out
    assert [int(i) for i in parsed.split(",")].count(end) == 3
    spans = [TEXT.encode()[a:b].decode() for a, b in plain["from_caller"]]
    assert spans == ["system", "Be kind.", "user", "Hi <|im_end|>"]
    assert template(MODEL, "-m", chat, "--ids").out == ",".join(map(str, plain["ids"])) + "\n"


def test_a_given_template_tools_and_variables(chat, tmp_path):
    given = tmp_path / "t.jinja"
    given.write_text("{{ eos_token }}|{{ tools | tojson }}|{{ documents }}|{{ a }}|{{ b }}")
    tools = tmp_path / "tools.json"
    tools.write_text('[{"x": 1}]')
    out = template(MODEL, "-m", chat, "-t", given, "--tools", tools, "--set", "a=[1, null]", "--set", 'b="c"').out
    assert out.endswith('|[{"x": 1}]|None|[1, None]|c')
    assert template("-m", chat, "-t", given).out == "|null|None||"


def test_named_templates(chat, folder, tmp_path):
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = [{"name": "default", "template": "D"}, {"name": "tool_use", "template": "T"}]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    tools = tmp_path / "tools.json"
    tools.write_text("[{}]")
    assert template(folder, "-m", chat).out == "D"
    assert template(folder, "-m", chat, "--tools", tools).out == "T"
    assert template(folder, "-m", chat, "-t", "tool_use").out == "T"
    assert "is no file, and the model's are: default, tool_use" in refused(
        "template", folder, "-m", chat, "-t", "../../x"
    )
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("R")
    (folder / "chat_template.jinja").write_text("J")
    assert template(folder, "-m", chat).out == "J"
    assert template(folder, "-m", chat, "-t", "rag").out == "R"


def test_continue_final_message(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('[{"role": "assistant", "content": "It is"}]')
    out = template(MODEL, "-m", path, "--continue-final-message").out
    assert out == "<|im_start|>assistant\nIt is"
    assert "give one of them" in refused("template", MODEL, "-m", path, "--continue-final-message", "-g")


def test_generation_blocks(chat, tmp_path):
    given = tmp_path / "t.jinja"
    given.write_text("a{% generation %}b c{% endgeneration %}d")
    out = template(MODEL, "-m", chat, "-t", given, "--json").json
    assert out["generated"] == [[1, 4]]
    assert len(out["assistant_mask"]) == len(out["ids"]) and 1 in out["assistant_mask"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{% if x %}", "line 1, column 11: Unexpected end of template"),
        ("\n{{ raise_exception('no ' ~ messages[0].role) }}", "t.jinja: line 2: no system"),
        ("{{ ''.__class__.__mro__ }}", "is unsafe"),
        ("{% for i in range(10**9) %}{% endfor %}", "100000"),
    ],
)
def test_what_a_template_may_not(chat, tmp_path, source, said):
    given = tmp_path / "t.jinja"
    given.write_text(source)
    assert said in refused("template", "-m", chat, "-t", given)


def test_refusals(chat, folder, tmp_path):
    assert "has no chat template" in refused("template", folder, "-m", chat)
    assert "has no chat template" in refused("chat", folder)
    assert "--messages is missing" in refused("template", MODEL)
    assert "the model is missing" in refused("template", "-m", chat)
    assert "needs a MODEL" in refused("template", "-m", chat, "-t", MODEL / "chat_template.jinja", "--ids")
    assert "has a place of its own" in refused("template", MODEL, "-m", chat, "--set", "messages=[]")
    assert "has a place of its own" in refused("template", MODEL, "-m", chat, "--set", "tokenize=true")
    assert "takes NAME=JSON" in refused("template", MODEL, "-m", chat, "--set", "x")
    assert "a text is in quotes" in refused("template", MODEL, "-m", chat, "--set", "x=y")
    assert "goes after --messages" in refused("template", MODEL, chat)
    chat.write_text('[{"role": }]')
    assert "messages: line 1" in refused("template", MODEL, "-m", chat)


def test_chat_answers_each_line():
    options = ["--seed", "3", "--max-new-tokens", "12"]
    both = run("chat", MODEL, *options, stdin=b"Tell me a story.\n\nMore.\n/quit\nnever\n")
    assert both.code == 0 and both.err == ""
    first = run("chat", MODEL, *options, stdin=b"Tell me a story.\n").out
    assert both.out.startswith(first) and len(both.out) > len(first)
    again = run("chat", MODEL, *options, stdin=b"Tell me a story.\n/clear\nTell me a story.\n")
    assert again.out == first + first and "new conversation" in again.err


def test_chat_is_template_and_generate(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]')
    ids = template(MODEL, "-m", path, "-g", "--ids").out.strip()
    options = ["--no-sample", "--max-new-tokens", "10"]
    want = run("generate", MODEL, "--ids", ids, *options).out
    assert run("chat", MODEL, "--system", "Be brief.", *options, stdin=b"Hello").out == want


def gguf(entries):
    """A GGUF file of text entries alone."""

    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    body = b"".join(text(key) + struct.pack("<I", 8) + text(value) for key, value in entries.items())
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + body


def test_templates_of_a_gguf_file(chat, tmp_path):
    path = tmp_path / "m.gguf"
    entries = {"general.architecture": "llama", "tokenizer.chat_template": "D{{ messages | length }}"}
    path.write_bytes(gguf(entries | {"tokenizer.chat_template.rag": "R"}))
    assert template(path, "-m", chat).out == "D2"
    assert template(path, "-m", chat, "-t", "rag").out == "R"
    assert "the model's are: default, rag" in refused("template", path, "-m", chat, "-t", "x")
    path.write_bytes(gguf({"general.architecture": "llama"}))
    assert "has no chat template" in refused("template", path, "-m", chat)
