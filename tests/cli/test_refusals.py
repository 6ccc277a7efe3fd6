"""What `skald generate` refuses: every option beyond its range, of a wrong type, or against another.

The ranges are those of docs/options.md, so that a new option is tested without a new line here.
"""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, refused

ROW = re.compile(r"\| `(\w+)` \| ((?:`--[\w-]+` ?)+)\| (\w+), (.+?) \| ")
SPAN = re.compile(r"([\[(])(-?[\d.]+), (-?[\d.]+)([\])])")
PROMPT = ["generate", "--prompt", "The king"]
NO_NUMBERS = ["abc", "nan", "inf", "-inf", "1e999", "0x1", "", "1 2"]
TOO_LARGE = 2**64

OPTIONS = [match.groups() for match in map(ROW.match, (ROOT / "docs/options.md").read_text().splitlines()) if match]
NUMBERS = [option for option in OPTIONS if option[2] in ("integer", "number")]
IDS = [option for option in OPTIONS if option[2] == "ids"]
BOOLEANS = [option for option in OPTIONS if option[2] == "boolean"]
CHOICES = [option for option in OPTIONS if option[2] == "choice"]
STRUCTURES = [option for option in OPTIONS if option[2] == "json"]
OTHER_JSON = ["5", "true", '"x"']


def rows(options):
    return pytest.mark.parametrize(("name", "flags", "kind", "span"), options, ids=[option[0] for option in options])


def beyond(span, kind):
    """Numbers next to the range `span`, on the side that does not belong to it."""
    opening, low, high, closing = SPAN.fullmatch(span).groups()
    step = 1 if kind == "integer" else 0.5
    low, high = (int(x) if kind == "integer" else float(x) for x in (low, high))
    return [low if opening == "(" else low - step, high if closing == ")" else high + step, low - 1000, TOO_LARGE]


def each(function, values):
    """Results of `function` for all values: programs that only refuse wait more than they compute."""
    with ThreadPoolExecutor(4) as pool:
        return list(zip(values, pool.map(function, values)))


def by_config(folder, text):
    folder.mkdir(exist_ok=True)
    file = folder / f"{abs(hash(text))}.json"
    file.write_text(text)
    return refused(*PROMPT, "--config", file).replace(f"{file}: ", "")


def test_the_table_is_read():
    text = (ROOT / "docs/options.md").read_text()
    assert len(OPTIONS) == len(re.findall(r"^\| `\w+` \| `--", text, re.M)) > 80
    assert all(SPAN.fullmatch(span) for _, _, _, span in NUMBERS + IDS)


@rows(NUMBERS)
def test_a_number_out_of_its_range(name, flags, kind, span, tmp_path):
    flag = flags.split("`")[1]
    wrong = beyond(span, kind)
    for value, line in each(lambda value: refused(*PROMPT, f"{flag}={value}"), [*wrong, *NO_NUMBERS]):
        assert line.startswith(f"{flag} = ") and span in line, (value, line)
    types = ["0.7", True, None, [], {}] + ([1.5] if kind == "integer" else [])
    texts = [json.dumps({name: value}) for value in [*wrong, *types[:2], *types[3:]]]
    for text, line in each(lambda text: by_config(tmp_path, text), texts):
        assert line.startswith(f"{name} = ") and span in line, (text, line)


@rows(NUMBERS)
def test_every_name_of_a_flag_is_checked(name, flags, kind, span):
    value = beyond(span, kind)[1]
    for flag, line in each(lambda flag: refused(*PROMPT, f"{flag}={value}"), re.findall(r"--[\w-]+", flags)):
        assert line.startswith(f"{flag} = ") and span in line, line


@rows(IDS)
def test_an_id_out_of_its_range(name, flags, kind, span, tmp_path):
    flag = flags.split("`")[1]
    wrong = ["-1", "16777216", str(TOO_LARGE), "1.5", "x", "1,-1", "1,,2", ""]
    for value, line in each(lambda value: refused(*PROMPT, f"{flag}={value}"), wrong):
        assert line.startswith(f"{flag} = ") and span in line, (value, line)
    for value, line in each(lambda v: by_config(tmp_path, json.dumps({name: v})), [-1, [-1], [1.5], "1", True, [[1]]]):
        assert line.startswith(f"{name} = ") and span in line, (value, line)


@rows(BOOLEANS)
def test_a_boolean_is_true_or_false(name, flags, kind, span, tmp_path):
    flag = flags.split("`")[1]
    assert refused(*PROMPT, f"{flag}=1") == f"{flag} = '1': takes no value"
    for value, line in each(lambda value: by_config(tmp_path, json.dumps({name: value})), ["true", 1, 0, [], {}]):
        assert line.startswith(f"{name} = ") and "must be true or false" in line, (value, line)


@rows(CHOICES)
def test_a_choice_names_what_there_is(name, flags, kind, span, tmp_path):
    flag = flags.split("`")[1]
    for value, line in each(lambda value: refused(*PROMPT, f"{flag}={value}"), ["frobnicate", ""]):
        assert line.startswith(f"{flag} = ") and re.findall(r"\w+", span)[0] in line, (value, line)
    for value, line in each(lambda value: by_config(tmp_path, json.dumps({name: value})), ["frobnicate", 3.5, {}]):
        assert line.startswith(f"{name} = ") and re.findall(r"\w+", span)[0] in line, (value, line)


@rows(STRUCTURES)
def test_a_structure_has_its_form(name, flags, kind, span):
    flag = flags.split("`")[1]
    for value, line in each(lambda value: refused(*PROMPT, f"{flag}={value}"), OTHER_JSON):
        assert line.startswith(flag), (value, line)


@rows(STRUCTURES)
def test_json_that_is_none_names_its_flag(name, flags, kind, span):
    flag = flags.split("`")[1]
    for value, line in each(lambda value: refused(*PROMPT, f"{flag}={value}"), ["[5", "{", "[NaN]"]):
        assert line.startswith(flag), (value, line)


@pytest.mark.parametrize("bias", ["1e39", "-1e39", "Infinity", "[]", "null", '"1"'])
@pytest.mark.parametrize(("flag", "form"), [("--logit-bias", '{"0": %s}'), ("--sequence-bias", "[[[0], %s]]")])
def test_a_bias_has_bounds(flag, form, bias):
    assert refused(*PROMPT, "--max-tokens=2", flag, form % bias).startswith(flag)


def test_a_logit_bias_of_1e30_names_its_range():
    line = refused(*PROMPT, "--logit-bias", '{"0": 1e30}')
    assert line == "--logit-bias = 1e+30: a bias must be in [-10000, 10000], or -Infinity"


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--max-tokens", "8", "--min-tokens", "9"], "--min-new-tokens = 9: must be at most max_new_tokens, 8"),
        (["--num-beams", "2", "--num-samples", "3"], "--num-return-sequences = 3: must be at most num_beams, 2"),
        (["--num-beams", "3", "--num-beam-groups", "2"], "--num-beam-groups = 2: must divide num_beams, 3"),
        (["--force-words", "dragon"], "--num-beams = 1: must be above 1 with force_words_ids"),
        (["--no-sample", "--num-samples", "2"], "num"),
        (["--stop", ""], "--stop = text 0: is empty: each has 1 to 1024 bytes"),
        (["--stop", "."] + ["--stop", "a" * 1025], "--stop = text 1: has 1025 bytes"),
        (["--guide-attribute", "nope"], "--guide-attribute = 'nope': is not known; known are"),
        (["--samplers", "top_k,foo"], "--samplers = 'foo': is none of penalties"),
        (["--logit-bias", '{"999999": 1}'], "--logit-bias = 999999: must be in [0, "),
        (["--logit-bias", '{"7": "1"}'], "--logit-bias"),
        (["--stop", "a"] * 65, "--stop"),
        (["--adapter", "nope"], "--adapter = 'nope'"),
        (["--sequence-bias", '{"(1, x)": 1}'], "--sequence-bias = '(1, x)': must be token ids"),
        (["--negative-prompt", "a", "--negative-prompt-ids", "1"], "--negative-prompt-ids: says what negative_prompt"),
        (["--device", "cuda"], "--device = 'cuda': this version computes on the processor: cpu"),
        (["--events"], "--events: goes with --json"),
        (["--output-file", "/dev/null/at/all"], "/dev/null/at/all: cannot be written: Not a directory"),
    ],
)
def test_values_against_each_other(arguments, wanted):
    assert wanted in refused(*PROMPT, *arguments)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "line 1 column 1"),
        ("{", "column"),
        ("{:", "line 1 column 2"),
        ("{} {}", "line 1 column 4"),
        ('{"temperature": 1, "temperature": 1}', "duplicate key 'temperature'"),
        ('{"top_p": NaN}', "line 1 column 11"),
        ('{"top_p": 1e999}', "the number is out of range"),
        ("[]", "must be an object"),
        ('{"temprature": 1}', "did you mean temperature?"),
        ('{"a": ' + "[" * 100_000, "nested"),
    ],
)
def test_a_config_that_is_none(text, wanted, tmp_path):
    assert wanted in by_config(tmp_path, text)
