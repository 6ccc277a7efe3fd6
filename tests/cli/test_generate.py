"""skald generate: what it writes, in all its forms."""

import json
import re

import pytest
from conftest import ROOT, refused, run

STORY = ("--prompt", "Once upon a time", "--max-tokens", "24", "--seed", "7")


def generate(model, *arguments, **options):
    result = run("generate", model, *arguments, **options)
    assert result.code == 0, result.err
    return result


def one(model, *arguments, **options):
    return generate(model, *arguments, "--json", **options).json


def test_a_story(model):
    result = generate(model, *STORY)
    assert result.err == ""
    assert len(result.out) > 40 and result.out.endswith("\n")
    assert not result.out.startswith("Once upon a time")


def test_json_has_the_fields_of_a_completion(model):
    completion = one(model, *STORY)
    assert completion["prompt_index"] == completion["index"] == 0
    assert completion["finish_reason"] == "length"
    assert completion["seed"] == 7
    assert len(completion["token_ids"]) == 24
    assert completion["prompt_tokens"] >= 4
    assert completion["text"] + "\n" == generate(model, *STORY).out


def test_streamed_text_is_the_text(model):
    for seed in range(4):
        story = (*STORY[:4], "--seed", str(seed))
        assert generate(model, *story).out == generate(model, *story, "--no-stream").out


def test_equal_seeds_give_equal_texts_in_two_processes(model):
    assert generate(model, *STORY).out == generate(model, *STORY).out == generate(model, *STORY, "--threads", "1").out
    assert generate(model, *STORY[:4], "--seed", "8").out != generate(model, *STORY).out


def test_without_a_seed_texts_differ_and_the_seed_is_told(model):
    first, second = one(model, *STORY[:4]), one(model, *STORY[:4])
    assert first["seed"] != second["seed"] and first["text"] != second["text"]
    assert one(model, *STORY[:4], "--seed", str(first["seed"]))["text"] == first["text"]


def test_prompts_from_everywhere_are_the_same(model, tmp_path):
    text = "Es war einmal: ✨\n\tein König"
    file = tmp_path / "prompt.txt"
    file.write_text(text)
    tail = ("--max-tokens", "6", "--no-sample")
    wanted = one(model, "--prompt", text, *tail)
    assert one(model, "--prompt-file", file, *tail) | {"seed": 0} == wanted | {"seed": 0}
    for form in [("--prompt", "-"), ("--prompt-file", "-"), ("-",), ()]:
        assert one(model, *form, *tail, stdin=text.encode())["token_ids"] == wanted["token_ids"], form
    escaped = text.replace("\n", "\\n").replace("\t", "\\t")
    assert one(model, "--escape", "--prompt", escaped, *tail)["token_ids"] == wanted["token_ids"]
    ids = run("tokenize", model, text, "--ids").out.strip()
    assert one(model, "--ids", ids, *tail)["token_ids"] == wanted["token_ids"]


def test_a_prompt_is_literal(model):
    tail = ("--max-tokens", "4", "--no-sample")
    literal = one(model, "--prompt", "a\\nb", *tail)
    assert literal["prompt_tokens"] != one(model, "--prompt", "a\nb", *tail)["prompt_tokens"]
    assert one(model, "--prompt", "-x", *tail)["token_ids"] == one(model, "--prompt=-x", *tail)["token_ids"]
    assert one(model, "--prompt=--json", *tail)["finish_reason"] == "length"


def test_an_empty_prompt_needs_a_bos_token(model):
    tail = ("--max-tokens", "5", "--min-tokens", "5", "--no-sample")
    assert "BOS" in refused("generate", model, "--prompt", "", "--bos-token-id=-1", *tail)
    assert len(one(model, "--prompt", "", "--bos-token-id", "5", *tail)["token_ids"]) == 5
    assert len(one(model, "--bos-token-id", "5", *tail)["token_ids"]) == 5  # standard input is empty


def test_num_samples_share_a_prompt(model):
    lines = generate(model, *STORY, "--num-samples", "3", "--json").lines
    assert [(line["prompt_index"], line["index"]) for line in lines] == [(0, 0), (0, 1), (0, 2)]
    assert len({line["text"] for line in lines}) == 3
    text = generate(model, *STORY, "--num-samples", "3").out
    assert text == "".join(f"--- prompt 1, completion {i + 1} ---\n{line['text']}\n" for i, line in enumerate(lines))


def test_batch_file(model, tmp_path):
    file = tmp_path / "prompts.jsonl"
    prompts = ["Once upon a time", "The king", 'said "no"\n']
    file.write_text(
        json.dumps(prompts[0]) + "\n\n" + json.dumps({"prompt": prompts[1]}) + "\n" + json.dumps(prompts[2])
    )
    tail = ("--max-tokens", "8", "--no-sample", "--json")
    lines = generate(model, "--batch-file", file, *tail).lines
    assert [line["prompt_index"] for line in lines] == [0, 1, 2]
    for prompt, line in zip(prompts, lines, strict=True):
        assert line["token_ids"] == one(model, "--prompt", prompt, *tail[:-1])["token_ids"]
    assert [
        line["token_ids"] for line in generate(model, "--batch-file", "-", *tail, stdin=file.read_bytes()).lines
    ] == [line["token_ids"] for line in lines]
    many = generate(model, "--batch-file", file, "--max-tokens", "8", "--num-samples", "2", "--json").lines
    assert [(line["prompt_index"], line["index"]) for line in many] == [(p, i) for p in range(3) for i in range(2)]


def test_batch_file_of_ids(model):
    lines = generate(
        model, "--batch-file", "-", "--json", "--max-tokens", "3", stdin=b'[5, 6, 7]\n{"prompt": [8]}\n'
    ).lines
    assert [line["prompt_tokens"] for line in lines] == [3, 1]


def test_stop_strings_are_cut_and_named(model):
    whole = one(model, *STORY)["text"]
    stop = whole[len(whole) // 2 :][:3]
    completion = one(model, *STORY, "--stop", "\x01never", "--stop", stop)
    assert completion["finish_reason"] == "stop"
    assert completion["stop_text"] == stop
    assert completion["text"] == whole[: whole.index(stop)]
    kept = one(model, *STORY, "--stop", stop, "--include-stop")["text"]
    assert kept == whole[: whole.index(stop)] + stop
    assert generate(model, *STORY, "--stop", stop).out == completion["text"] + "\n"


def test_escapes_in_stop(model):
    tail = ("--max-tokens", "200", "--seed", "3")
    completion = one(model, "-p", "Once", *tail, "--escape", "--stop", "\\n")
    assert "\n" not in completion["text"]


def test_greedy_by_either_name(model):
    greedy = one(model, *STORY, "--no-sample")["token_ids"]
    assert greedy == one(model, *STORY, "--temperature", "0")["token_ids"]
    assert greedy == one(model, *STORY, "--top-k", "1")["token_ids"]
    assert greedy != one(model, *STORY)["token_ids"]


@pytest.mark.parametrize(
    "option",
    [
        ("--temperature", "0.3"),
        ("--top-k", "2"),
        ("--top-p", "0.2"),
        ("--min-p", "0.5"),
        ("--repetition-penalty", "1.8"),
    ],
)
def test_every_option_acts(model, option):
    story = ("--prompt", "Once upon a time", "--max-tokens", "60", "--seed", "5")
    assert one(model, *story, *option)["text"] != one(model, *story)["text"]


def test_lengths(model):
    prompt = (*STORY[:2], "--seed", "5")
    assert len(one(model, *prompt, "--max-new-tokens", "3")["token_ids"]) == 3
    tokens = one(model, *prompt, "--max-length", "12")
    assert tokens["prompt_tokens"] + len(tokens["token_ids"]) == 12
    assert len(one(model, *prompt, "--min-tokens", "60", "--max-tokens", "60")["token_ids"]) == 60


def test_contradictions_name_the_flag(model):
    assert refused("generate", model, "-p", "x", "--min-tokens", "5", "--max-tokens", "3").startswith(
        "--min-new-tokens = 5:"
    )
    assert refused("generate", model, "-p", "x", "--num-samples", "3", "--no-sample").startswith(
        "--num-return-sequences = 3:"
    )


def test_default_length_is_that_of_the_door(model):
    completion = one(model, *STORY[:2], "--seed", "1", "--min-tokens", "100")
    own = (
        json.loads((model / "generation_config.json").read_text())
        if (model / "generation_config.json").exists()
        else {}
    )
    if not {"max_new_tokens", "max_length"} & own.keys():
        assert len(completion["token_ids"]) == 100


def test_config_file_stands_below_flags(model, tmp_path):
    file = tmp_path / "generation_config.json"
    file.write_text('{"max_new_tokens": 5, "do_sample": false}')
    assert len(one(model, "-p", "Once", "--config", file)["token_ids"]) == 5
    assert len(one(model, "-p", "Once", "--config", file, "--max-tokens", "7")["token_ids"]) == 7


def test_logprobs(model):
    completion = one(model, *STORY, "--logprobs", "3")
    assert [entry["token"] for entry in completion["logprobs"]] == completion["token_ids"]
    for entry in completion["logprobs"]:
        assert entry["logprob"] <= 0 and len(entry["top"]) == 3
        assert entry["top"] == sorted(entry["top"], key=lambda pair: -pair[1])


@pytest.mark.parametrize("bits", ["32", "16"])
def test_bits(model, bits):
    assert len(generate(model, *STORY, "--bits", bits).out) > 20


def test_loading_flags_leave_the_text_alone(model):
    text = generate(model, *STORY).out
    assert generate(model, *STORY, "--strict").out == text
    assert generate(model, *STORY, "--check-weights").out == text
    assert generate(model, *STORY, "--prefill-chunk", "1").out == text


def test_stats_and_quiet(model):
    result = generate(model, *STORY, "--stats")
    assert re.fullmatch(
        r"skald: \d+ prompt tokens, first token after [\d.]+ s, 24 tokens at [\d.]+ tokens/s, seed 7\n", result.err
    )
    assert generate(model, *STORY, "--quiet").err == ""


def test_token_ids_out_of_the_vocabulary_are_refused(model):
    assert "1000000" in refused("generate", model, "--ids", "5,1000000")


def test_the_shipped_model_needs_no_name(model, tmp_path):
    (tmp_path / "skald-tales").symlink_to(model)
    result = run("generate", *STORY, env={"SKALD_MODELS": str(tmp_path)})
    assert (result.code, result.out) == (0, generate(model, *STORY).out)


def test_longrope_computes_a_sequence_again_at_the_original_length():
    """Tokens of transformers' generate. From the 20th on, the one at the original length of 48, all keys have the long
    factors; without that they would be others."""
    folder = ROOT / "tests" / "data" / "models" / "phi3_longrope_partly_rotated_f16"
    prompt = "20,131,66,102,111,136,58,30,99,103,50,63,45,69,104,32,51,22,112,32,53,22,53,14,91,149,59,31,133,95"
    expected = (
        "113,52,2,88,91,5,10,115,19,115,152,89,50,1,154,100,29,52,100,24,141,91,120,107,12,133,133,133,133,75,133,126,"
        "136,100,131,51,158,115,19,137"
    )
    arguments = ("--ids", prompt, "--max-new-tokens", "40", "--no-sample", "--bits", "32")
    assert one(folder, *arguments)["token_ids"] == [int(token) for token in expected.split(",")]


def test_a_lora_adapter_is_used_where_it_is_named(model, tmp_path):
    """B is zero: the text stays the same, whatever A is. What does not fit is refused before anything is generated."""
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 1, "lora_alpha": 4}')
    header, data = {}, b""
    for name, shape in {"lora_A": [1, 512], "lora_B": [512, 1]}.items():
        key = f"base_model.model.model.layers.0.self_attn.q_proj.{name}.weight"
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 2048]}
        data += (b"\0\0\x80\x3f" if name == "lora_A" else bytes(4)) * 512
    text = json.dumps(header).encode()
    (tmp_path / "adapter_model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    assert generate(model, *STORY, "--lora", tmp_path).out == generate(model, *STORY).out
    assert tmp_path.name in refused("generate", model, *STORY, "--lora", tmp_path, "--adapter", "other")
    (tmp_path.parent / "second").symlink_to(tmp_path)
    two = generate(model, *STORY, "--lora", tmp_path, "--lora", tmp_path.parent / "second")
    assert "--adapter names none of the 2 that --lora loads: none acts" in two.err
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2}')
    assert "r = 2" in refused("generate", model, *STORY, "--lora", tmp_path)
    assert "nothere: holds no adapter_config.json" in refused("generate", model, *STORY, "--lora", "nothere")
