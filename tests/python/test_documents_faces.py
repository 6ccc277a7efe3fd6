"""Code of guides to LLM.generate(), turbo and Generator, under our names. tests/seeds/README.md has the list."""

import pytest
import skald

pytestmark = pytest.mark.usefixtures("at_shelf")


@pytest.fixture
def turbo(shelf):
    return skald.turbo(shelf / "TinyLlama" / "TinyLlama-1.1B-Chat-v1.0")


# LLM: token ids and dicts


def test_result_of_a_text(lm):
    result = lm.generate("Hello world", max_tokens=50)
    assert isinstance(result["text"], str) and result["text"]
    assert set(result) == {"text", "finish_reason", "_raw_response"}
    assert result["finish_reason"] in ("length", "stop") and isinstance(result["_raw_response"], dict)


def test_result_of_token_ids(lm):
    token_ids = lm.encode("Hello")
    result = lm.generate(token_ids, max_tokens=50, return_token_ids=True)
    assert token_ids and all(isinstance(token, int) for token in token_ids + result["token_ids"])
    assert len(result["token_ids"]) == 50 or result["finish_reason"] == "stop"
    by_text = lm.generate("Hello", max_tokens=50, temperature=0)["text"]
    assert lm.generate(token_ids, max_tokens=50, temperature=0)["text"] == by_text


def test_defaults_are_those_of_the_signature():
    lm = skald.LLM("gpt2")  # whose files ask for nothing else
    said = dict(max_tokens=5, temperature=1.0, top_p=1.0, top_k=-1, n=1, stop=None, seed=4, repetition_penalty=1.0)
    result = lm.generate(input_context="The king", **said, return_token_ids=True, return_text=False)
    assert "text" not in result and len(result["token_ids"]) == 5
    assert lm.generate("The king", max_tokens=5, seed=4)["text"] == lm.decode(result["token_ids"])
    with pytest.raises(ValueError, match="num_beans"):
        lm.generate("The king", num_beans=2)


def test_several_results(lm):
    results = lm.generate("Start:", max_tokens=30, n=5)
    assert isinstance(results, list) and len(results) == 5
    assert all({"text", "finish_reason"} <= set(result) for result in results)
    assert len({result["text"] for result in results}) == 5


def test_temperatures(lm):
    prompt = "Once upon a time"

    def beginnings(temperature):
        return {result["text"] for result in lm.generate(prompt, temperature=temperature, max_tokens=4, n=16, seed=1)}

    assert len(beginnings(0.1)) < len(beginnings(1.5))
    with pytest.raises(ValueError, match="num_return_sequences = 16: greedy"):
        beginnings(0)


def test_advanced_sampling(lm):
    shaped = dict(temperature=0.8, top_k=50, top_p=0.95, repetition_penalty=1.2)
    result = lm.generate("The king", **shaped, max_tokens=40, seed=2)
    assert result == lm.generate("The king", **shaped, max_tokens=40, seed=2)
    for name, off in dict(temperature=1.5, top_k=1, top_p=0.05, repetition_penalty=3.0).items():
        other = lm.generate("The king", **{**shaped, name: off}, max_tokens=40, seed=2)
        assert other["text"] != result["text"], name


def test_stop_sequences(lm):
    result = lm.generate("List:\n1.", max_tokens=200, stop=["\n\n", "End"], seed=1)
    assert "\n\n" not in result["text"] and "End" not in result["text"]
    whole = lm.generate("The king", max_tokens=40, seed=1)["text"]
    word = whole.split()[5]
    cut = lm.generate("The king", max_tokens=40, seed=1, stop=word)
    assert cut["text"] == whole[: whole.index(word)] and cut["finish_reason"] == "stop"


def test_a_seed_repeats(lm):
    prompt = "Once upon a time"
    texts = [lm.generate(prompt, seed=seed, max_tokens=30)["text"] for seed in (42, 42, 43)]
    assert texts[0] == texts[1] != texts[2]


def test_counting_tokens(lm):
    text = "Once upon a time"
    raw = lm.generate(text, max_tokens=5)["_raw_response"]
    assert raw["usage"]["prompt_tokens"] == len(lm.encode(text)) == 4


# turbo: one line


def test_turbo_by_name():
    model = skald.turbo("TinyLlama/TinyLlama-1.1B-Chat-v1.0")
    response = model.generate("What is machine learning?")
    assert isinstance(response, str) and response.strip() and "What is machine learning?" not in response


def test_turbo_parameters(turbo):
    said = dict(prompt="Explain quantum computing.", max_new_tokens=200, temperature=0.7, top_p=0.9, top_k=50,
                repetition_penalty=1.1, do_sample=True)  # fmt: skip
    response = turbo.generate(**said, seed=1)
    assert response == turbo.generate(**said, seed=1) != turbo.generate(**said, seed=2)
    greedy = {turbo.generate(**said | {"temperature": 0.0}, seed=seed) for seed in range(3)}
    assert greedy == {turbo.generate(**said | {"do_sample": False})}
    assert len(turbo.model.tokenizer.encode(response)) <= 201


def test_turbo_chat(turbo):
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is Python?"},
    ]
    response = turbo.chat(messages, max_new_tokens=100)
    assert isinstance(response, str) and "<|im_" not in response
    messages.append({"role": "assistant", "content": response})
    messages.append({"role": "user", "content": "What about JavaScript?"})
    assert isinstance(turbo.chat(messages), str)
    again = [turbo.chat(some, max_new_tokens=30, do_sample=False) for some in (messages[:2], messages)]
    assert again[0] != again[1]


def test_turbo_streams(turbo, capsys):
    pieces = 0
    for token in turbo.generate("Count from 1 to 10:", stream=True, seed=6):
        print(token, end="", flush=True)
        pieces += 1
    assert pieces > 1
    assert capsys.readouterr().out == turbo.generate("Count from 1 to 10:", seed=6)


def test_turbo_stops(turbo):
    response = turbo.generate("Write a poem:\n", max_new_tokens=200, stop_strings=["The End", "\n\n\n"])
    assert "The End" not in response and "\n\n\n" not in response
    whole = turbo.generate("Write a poem:\n", max_new_tokens=200, seed=1)
    mark = whole[40:44]
    assert (
        turbo.generate("Write a poem:\n", max_new_tokens=200, seed=1, stop_strings=[mark]) == whole[: whole.index(mark)]
    )


def test_turbo_one_after_the_other_and_together(turbo):
    prompts = ["What is Python?", "What is JavaScript?", "What is Rust?"]
    responses = [turbo.generate(prompt, max_new_tokens=50, do_sample=False) for prompt in prompts]
    assert len(set(responses)) == 3
    assert turbo.generate(prompts, max_new_tokens=50, do_sample=False) == responses


# Generator: a model and its settings


def test_generator_of_a_checkpoint():
    model = skald.load_model("my_model/final_model.pt")
    generator = skald.Generator(model, temperature=0.8)
    for prompt in ["The dragon", "In the forest", "A mysterious letter"]:
        output = generator.generate(prompt, max_tokens=100)
        assert output.startswith(prompt) and 0 < len(output) - len(prompt)
        assert len(output.replace("<UNK>", "?")) <= len(prompt) + 100  # its tokens are characters


def test_settings_of_a_generator_hold_until_a_call_says_otherwise(model):
    generator = skald.Generator(model, temperature=0.8, seed=3, max_tokens=20)
    said = skald.Generator(model).generate("The dragon", temperature=0.8, seed=3, max_tokens=20)
    assert generator.generate("The dragon") == said
    assert generator.generate("The dragon", temperature=0) == skald.Generator(model).generate(
        "The dragon", temperature=0, max_tokens=20
    )
    prompts = ["The dragon", "In the forest", "A mysterious letter"]
    assert [text.startswith(p) for text, p in zip(generator.batch_generate(prompts), prompts)] == [True] * 3


# The loop that guides explain generation with


def test_a_loop_of_ones_own(lm):
    tokens = lm.encode("Once upon a time")
    for _ in range(8):
        following = lm.generate(tokens, max_tokens=1, temperature=0, logprobs=3, return_token_ids=True)
        best = max(following["logprobs"][0]["top"], key=lambda entry: entry[1])[0]
        assert following["token_ids"] == [best]
        tokens.append(best)
    wanted = lm.generate("Once upon a time", max_tokens=8, temperature=0, return_token_ids=True)["token_ids"]
    assert tokens[-8:] == wanted and lm.decode(tokens).startswith("Once upon a time")
