"""Code that people know from guides to transformers' generate(), on skald.transformers.

tests/seeds/README.md lists it. The models that it names are stand-ins (tests/support/stand_ins.py). Tensors are
NumPy's, and torch's where torch is.
"""

from threading import Thread

import numpy
import pytest
from skald.transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    StaticCache,
    TextIteratorStreamer,
    set_seed,
)

pytestmark = pytest.mark.usefixtures("at_shelf")
PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def model(shelf):
    return AutoModelForCausalLM.from_pretrained(shelf / "gpt2")


@pytest.fixture(scope="module")
def tokenizer(shelf):
    return AutoTokenizer.from_pretrained(shelf / "gpt2")


@pytest.fixture(params=["np", "pt"])
def tensors(request):
    if request.param == "pt":
        pytest.importorskip("torch")
    return request.param


@pytest.fixture
def inputs(tokenizer):
    return tokenizer(PROMPT, return_tensors="np")


def new_ids(outputs, inputs):
    """What came after the prompt, which stands before it."""
    length = inputs["input_ids"].shape[1]
    assert (outputs[:, :length] == inputs["input_ids"]).all()
    return outputs[:, length:].tolist()


def same(a, b):
    return a.shape == b.shape and (a == b).all()


def greedy(model, inputs, **options):
    return model.generate(**inputs, do_sample=False, **{"max_new_tokens": 50, **options})


def drawn(model, inputs, seed=1, **options):
    set_seed(seed)
    return model.generate(**inputs, do_sample=True, **{"max_new_tokens": 50, **options})


def test_load_tokenize_generate_decode(tensors):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    inputs = tokenizer("Once upon a time", return_tensors=tensors)
    outputs = model.generate(**inputs, max_new_tokens=50)
    text = tokenizer.decode(outputs[0], skip_special_tokens=True)
    assert type(outputs) is type(inputs["input_ids"]) and outputs.dtype == inputs["input_ids"].dtype
    assert outputs.shape == (1, inputs["input_ids"].shape[1] + 50)
    assert text.startswith("Once upon a time") and len(text) > 100


def test_greedy_is_the_default(model, inputs):
    outputs = model.generate(**inputs, max_new_tokens=50, do_sample=False)
    assert same(outputs, model.generate(**inputs, max_new_tokens=50))


def test_sampling(model, inputs):
    options = {"max_new_tokens": 50, "do_sample": True, "temperature": 0.7, "top_k": 50, "top_p": 0.95}
    set_seed(1)
    outputs = model.generate(**inputs, **options)
    set_seed(1)
    assert same(outputs, model.generate(**inputs, **options))
    assert not same(outputs, model.generate(**inputs, **options))


def mean_log_probability(model, inputs, **options):
    """Of greedy decoding's measure: what the model itself thinks of a continuation, a token."""
    result = model.generate(**inputs, do_sample=False, return_dict_in_generate=True, output_scores=True, **options)
    scores = model.compute_transition_scores(
        result.sequences, result.scores, getattr(result, "beam_indices", None), normalize_logits=True
    )
    return float(scores.mean())


def test_beams(model, inputs):
    outputs = model.generate(**inputs, max_new_tokens=50, num_beams=5, early_stopping=True)
    assert not same(outputs, greedy(model, inputs))
    alone = mean_log_probability(model, inputs, max_new_tokens=12)
    assert mean_log_probability(model, inputs, max_new_tokens=12, num_beams=5, early_stopping=True) >= alone


def test_contrastive_search_repeats_less(model, inputs):
    outputs = model.generate(**inputs, max_new_tokens=50, penalty_alpha=0.6, top_k=4)
    assert outputs.shape == (1, inputs["input_ids"].shape[1] + 50)
    assert not same(outputs, greedy(model, inputs))
    assert same(greedy(model, inputs, penalty_alpha=0.0, top_k=4), greedy(model, inputs))


def test_max_new_tokens(model, inputs):
    (ids,) = new_ids(model.generate(**inputs, max_new_tokens=100), inputs)
    assert len(ids) == 100 or ids[-1] == 0


def test_max_length_counts_the_prompt(model, inputs):
    outputs = model.generate(**inputs, max_length=512)
    assert outputs.shape[1] == 512 or outputs[0, -1] == 0
    assert model.generate(**inputs, max_length=16).shape == (1, 16)


@pytest.mark.parametrize(("minimum", "least"), [({"min_new_tokens": 50}, 50), ({"min_length": 100}, 96)])
def test_minima(model, inputs, minimum, least):
    (first,) = new_ids(greedy(model, inputs, max_new_tokens=1), inputs)
    ends = {"eos_token_id": first, "pad_token_id": 3}  # it would end with the first token
    assert len(new_ids(greedy(model, inputs, max_new_tokens=120, **ends), inputs)[0]) == 1
    (ids,) = new_ids(greedy(model, inputs, max_new_tokens=120, **minimum, **ends), inputs)
    assert least <= len(ids) and first[0] not in ids[: least - 1]
    assert inputs["input_ids"].shape[1] == 4


def test_temperatures(model, inputs):
    def kinds(temperature):
        many = drawn(model, inputs, max_new_tokens=4, top_k=0, temperature=temperature, num_return_sequences=24)
        return len({tuple(ids) for ids in new_ids(many, inputs)})

    assert kinds(0.05) < kinds(0.7) <= kinds(1.0) <= kinds(1.5)
    assert same(drawn(model, inputs, temperature=1.0), drawn(model, inputs))


@pytest.mark.parametrize(("cut", "narrower"), [({"top_k": 50}, {"top_k": 1}), ({"top_p": 0.95}, {"top_p": 1e-6})])
def test_cuts(model, inputs, cut, narrower):
    result = drawn(
        model, inputs, **{"top_k": 0, **cut}, max_new_tokens=4, return_dict_in_generate=True, output_scores=True
    )
    for scores in result.scores:
        kept = numpy.isfinite(scores[0])
        assert kept.sum() == 50 if "top_k" in cut else 0 < kept.sum() < 4096
    assert same(drawn(model, inputs, **narrower), greedy(model, inputs))


def repeated_trigrams(ids):
    triples = list(zip(ids, ids[1:], ids[2:]))
    return len(triples) - len(set(triples))


def test_repetition_penalty(model, inputs):
    plain, less = (
        new_ids(greedy(model, inputs, max_new_tokens=200, repetition_penalty=p), inputs)[0] for p in (1, 1.2)
    )
    assert len(set(less)) / len(less) > len(set(plain)) / len(plain)


def test_beam_options(model, inputs):
    (ids,) = greedy(model, inputs, num_beams=5, early_stopping=True, no_repeat_ngram_size=3, max_new_tokens=120)
    assert repeated_trigrams(ids.tolist()) == 0
    assert repeated_trigrams(greedy(model, inputs, num_beams=5, max_new_tokens=120)[0].tolist()) > 0


def test_several_sequences(model, inputs):
    outputs = model.generate(**inputs, max_new_tokens=50, num_beams=5, num_return_sequences=3)
    assert outputs.shape[0] == 3 and len({tuple(ids) for ids in new_ids(outputs, inputs)}) == 3


def test_padding_and_end_tokens(model, tokenizer, inputs):
    outputs = model.generate(**inputs, pad_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id)
    ids = new_ids(outputs, inputs)[0]
    assert len(ids) == 20  # where nobody says otherwise
    ended = model.generate(**inputs, eos_token_id=ids[5], pad_token_id=tokenizer.eos_token_id)
    assert new_ids(ended, inputs)[0] == ids[: ids.index(ids[5]) + 1]


def test_several_prompts(model, tensors, capsys):
    tokenizer = AutoTokenizer.from_pretrained("gpt2", padding_side="left")
    prompts = ["Hello, my name is", "Once upon a time"]
    inputs = tokenizer(prompts, return_tensors=tensors, padding=True)
    outputs = model.generate(**inputs, max_new_tokens=50)
    for i, output in enumerate(outputs):
        text = tokenizer.decode(output, skip_special_tokens=True)
        print(f"Prompt {i}: {text}\n")
        alone = model.generate(**tokenizer(prompts[i], return_tensors=tensors), max_new_tokens=50)
        assert text == tokenizer.decode(alone[0], skip_special_tokens=True)
    shown = capsys.readouterr().out
    assert all(f"Prompt {i}: {prompt}" in shown for i, prompt in enumerate(prompts))


def test_several_prompts_padded_on_the_right(model, tokenizer):
    inputs = tokenizer(
        ["Hello, my name is", "Once upon a time"], return_tensors="np", padding=True, padding_side="right"
    )
    with pytest.warns(UserWarning, match="right-padded"):
        outputs = model.generate(**inputs, max_new_tokens=50)
    alone = greedy(model, tokenizer("Once upon a time", return_tensors="np"))
    assert outputs[1, -50:].tolist() == alone[0, -50:].tolist()


def test_streaming(model, tokenizer, inputs, capsys):
    streamer = TextIteratorStreamer(tokenizer, skip_special_tokens=True)
    generation_kwargs = dict(inputs, streamer=streamer, max_new_tokens=100)
    thread = Thread(target=model.generate, kwargs=generation_kwargs)
    thread.start()
    pieces = 0
    for text in streamer:
        pieces += 1
        print(text, end="", flush=True)
    thread.join()
    whole = tokenizer.decode(greedy(model, inputs, max_new_tokens=100)[0], skip_special_tokens=True)
    assert capsys.readouterr().out == whole and pieces > 20


def test_words_that_must_come(model, tokenizer, inputs):
    force_words = ["Paris", "France"]
    force_words_ids = [tokenizer.encode(word, add_special_tokens=False) for word in force_words]
    outputs = model.generate(**inputs, force_words_ids=force_words_ids, num_beams=5)
    text = tokenizer.decode(outputs[0])
    assert len(new_ids(outputs, inputs)[0]) <= 20 and "Paris" in text and "France" in text


def test_words_that_must_not_come(model, tokenizer, inputs):
    bad_words = ["offensive", "inappropriate"]
    bad_words_ids = [tokenizer.encode(word, add_special_tokens=False) for word in bad_words]
    outputs = model.generate(**inputs, bad_words_ids=bad_words_ids)
    assert not any(word in tokenizer.decode(outputs[0]) for word in bad_words)
    likely = [[token] for token in new_ids(outputs, inputs)[0][:2]]  # words that would come
    without = new_ids(model.generate(**inputs, bad_words_ids=likely), inputs)[0]
    assert not {token for (token,) in likely} & set(without)


def test_a_configuration_is_saved_and_used(model, inputs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generation_config = GenerationConfig(max_new_tokens=100, temperature=0.7, top_k=50, top_p=0.95, do_sample=True)
    generation_config.save_pretrained("./my_generation_config")
    generation_config = GenerationConfig.from_pretrained("./my_generation_config")
    assert (generation_config.max_new_tokens, generation_config.top_p) == (100, 0.95)
    set_seed(3)
    outputs = model.generate(**inputs, generation_config=generation_config)
    assert same(outputs, drawn(model, inputs, 3, max_new_tokens=100, temperature=0.7, top_k=50, top_p=0.95))


def test_chat(tensors):
    tokenizer = AutoTokenizer.from_pretrained("TinyLlama/TinyLlama-1.1B-Chat-v1.0")
    model = AutoModelForCausalLM.from_pretrained("TinyLlama/TinyLlama-1.1B-Chat-v1.0")
    messages = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "What is the capital of France?"},
    ]
    input_text = tokenizer.apply_chat_template(messages, tokenize=False)
    inputs = tokenizer(input_text, return_tensors=tensors)
    outputs = model.generate(**inputs, max_new_tokens=100)
    response = tokenizer.decode(outputs[0], skip_special_tokens=True)
    assert isinstance(input_text, str) and input_text.index("helpful") < input_text.index("capital")
    assert inputs["input_ids"].shape[1] < outputs.shape[1] <= inputs["input_ids"].shape[1] + 100
    assert "What is the capital of France?" in response


def test_encoder_decoder(tensors):
    model = AutoModelForSeq2SeqLM.from_pretrained("t5-small")
    tokenizer = AutoTokenizer.from_pretrained("t5-small")
    input_text = "translate English to French: Hello, how are you?"
    inputs = tokenizer(input_text, return_tensors=tensors)
    outputs = model.generate(**inputs, max_new_tokens=50)
    translation = tokenizer.decode(outputs[0], skip_special_tokens=True)
    assert outputs[0, 0] == 0 and 2 <= outputs.shape[1] <= 51  # the start token, and what follows
    assert isinstance(translation, str) and input_text not in translation
    other = model.generate(**tokenizer("Hello", return_tensors=tensors), max_new_tokens=50)
    assert outputs.tolist() != other.tolist()


def test_caches_change_nothing(model, inputs):
    outputs = model.generate(**inputs, max_new_tokens=100, use_cache=True)
    assert same(outputs, greedy(model, inputs, max_new_tokens=100))
    with pytest.warns(UserWarning, match="runs on the CPU"):
        cache = StaticCache(model.config, max_batch_size=1, max_cache_len=1024, device="cuda")
    assert same(outputs, model.generate(**inputs, max_new_tokens=100, past_key_values=cache))


def test_attention_is_our_own(model, inputs):
    with pytest.warns(UserWarning, match="attn_implementation"):
        other = AutoModelForCausalLM.from_pretrained("model-id", attn_implementation="flash_attention_2")
    assert same(greedy(other, inputs), greedy(model, inputs))


RECIPES = {
    "creative": {"max_new_tokens": 200, "do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95,
                 "repetition_penalty": 1.2},
    "factual": {"max_new_tokens": 100, "do_sample": False, "repetition_penalty": 1.1},
    "diverse": {"max_new_tokens": 100, "num_beams": 5, "num_return_sequences": 5, "temperature": 1.5,
                "do_sample": True},
    "long-form": {"max_new_tokens": 1000, "penalty_alpha": 0.6, "top_k": 4, "repetition_penalty": 1.2},
    "translation": {"max_new_tokens": 100, "num_beams": 5, "early_stopping": True, "no_repeat_ngram_size": 3},
}  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_recipes(model, inputs, name):
    recipe = RECIPES[name]

    def texts():
        set_seed(5)
        return new_ids(model.generate(**inputs, **recipe), inputs)

    found = texts()
    assert found == texts() and len(found) == recipe.get("num_return_sequences", 1)
    assert all(1 < len(ids) <= recipe["max_new_tokens"] for ids in found)
    assert len({tuple(ids) for ids in found}) == len(found)
    if "no_repeat_ngram_size" in recipe:
        assert repeated_trigrams(found[0]) == 0
    plain = new_ids(greedy(model, inputs, max_new_tokens=recipe["max_new_tokens"]), inputs)[0]
    assert plain not in found
