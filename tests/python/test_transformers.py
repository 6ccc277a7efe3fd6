"""skald.transformers: what people type who come from transformers. Values are compared with it in tests/parity."""

from threading import Thread

import numpy as np
import pytest
from conftest import MODEL, ROOT
from skald import transformers as face
from skald.transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessor,
    StaticCache,
    StoppingCriteria,
    TextIteratorStreamer,
    TextStreamer,
    set_seed,
)

PROMPTS = ["Hello, my name is", "Once upon a time"]


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODEL, padding_side="left")


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(MODEL)


@pytest.fixture
def inputs(tokenizer):
    return tokenizer(PROMPTS[1], return_tensors="np")


def test_prompt_and_continuation(model, tokenizer, inputs, lm):
    outputs = model.generate(**inputs, max_new_tokens=8, do_sample=False)
    assert outputs.shape == (1, inputs.input_ids.shape[1] + 8) and outputs.dtype == np.int64
    text = tokenizer.decode(outputs[0], skip_special_tokens=True)
    assert text == PROMPTS[1] + lm.generate(PROMPTS[1], max_tokens=8, temperature=0)["text"]


def test_batches_are_padded(model, tokenizer):
    inputs = tokenizer(PROMPTS, return_tensors="np", padding=True)
    outputs = model.generate(**inputs, max_new_tokens=6, do_sample=False)
    for row, prompt in zip(outputs, PROMPTS):
        alone = model.generate(**tokenizer(prompt, return_tensors="np"), max_new_tokens=6, do_sample=False)
        assert tokenizer.decode(row, skip_special_tokens=True) == tokenizer.decode(alone[0], skip_special_tokens=True)


def test_right_padding_is_taken_out_and_said(model, tokenizer):
    inputs = tokenizer(PROMPTS, return_tensors="np", padding=True, padding_side="right")
    with pytest.warns(UserWarning, match="right-padded"):
        outputs = model.generate(**inputs, max_new_tokens=6, do_sample=False)
    alone = model.generate(**tokenizer(PROMPTS[1], return_tensors="np"), max_new_tokens=6, do_sample=False)
    assert (outputs[1, -6:] == alone[0, -6:]).all()


def test_beams_return_several(model, inputs):
    result = model.generate(
        **inputs, max_new_tokens=6, num_beams=4, num_return_sequences=3, do_sample=False,
        return_dict_in_generate=True, output_scores=True,
    )  # fmt: skip
    assert len(result.sequences) == 3 and list(result.sequences_scores) == sorted(result.sequences_scores, reverse=True)
    scores = model.compute_transition_scores(result.sequences, result.scores, result.beam_indices)
    assert scores.sum(axis=1) / 6 == pytest.approx(result.sequences_scores, abs=1e-4)


@pytest.mark.parametrize("options", [{"penalty_alpha": 0.6, "top_k": 4}, {"num_beams": 3, "no_repeat_ngram_size": 3},
                                     {"do_sample": True, "temperature": 0.8, "top_k": 50, "top_p": 0.95}])  # fmt: skip
def test_recipes(model, inputs, options):
    assert model.generate(**inputs, max_new_tokens=10, **{"do_sample": False, **options}).shape[1] >= 5


def test_words_are_forced_and_forbidden(model, tokenizer, inputs):
    words = [tokenizer.encode(word, add_special_tokens=False) for word in (" dragon", " golden")]
    forced = model.generate(**inputs, force_words_ids=words, num_beams=5, max_new_tokens=20, do_sample=False)
    assert "dragon" in tokenizer.decode(forced[0]) and "golden" in tokenizer.decode(forced[0])
    free = model.generate(**inputs, max_new_tokens=5, do_sample=False)[0, -1]
    banned = model.generate(**inputs, max_new_tokens=5, do_sample=False, bad_words_ids=[[int(free)]])
    assert free not in banned[0, -5:]


def test_streamers(model, tokenizer, inputs, capsys):
    whole = tokenizer.decode(model.generate(**inputs, max_new_tokens=12, do_sample=False)[0])
    streamer = TextIteratorStreamer(tokenizer, timeout=60)
    options = dict(inputs, streamer=streamer, max_new_tokens=12, do_sample=False)
    thread = Thread(target=model.generate, kwargs=options)
    thread.start()
    assert "".join(streamer) == whole
    thread.join()
    model.generate(**inputs, max_new_tokens=12, do_sample=False, streamer=TextStreamer(tokenizer))
    assert capsys.readouterr().out == whole + "\n"
    with pytest.raises(ValueError, match="beam"):
        model.generate(**inputs, num_beams=2, do_sample=False, streamer=streamer)


def test_configurations(model, inputs, tmp_path):
    config = GenerationConfig(max_new_tokens=9, temperature=0.7, top_k=50, top_p=0.95, do_sample=True)
    config.save_pretrained(tmp_path / "config")
    assert GenerationConfig.from_pretrained(tmp_path / "config") == config
    set_seed(3)
    first = model.generate(**inputs, generation_config=config)
    set_seed(3)
    assert (model.generate(**inputs, generation_config=config) == first).all()
    assert not (model.generate(**inputs, generation_config=config) == first).all()
    assert model.generate(**inputs, generation_config=config, max_new_tokens=2).shape[1] == first.shape[1] - 7
    assert config.num_beams is None and config.update(num_beams=2, nonsense=1) == {"nonsense": 1}
    with pytest.raises(AttributeError):
        config.nonsense  # noqa: B018


def test_own_code_sees_padded_rows(model, tokenizer):
    seen = []

    class Never(LogitsProcessor):
        def __call__(self, input_ids, scores):
            seen.append((input_ids.shape, scores.shape))
            scores[:, 267] = -np.inf
            return scores

    class Short(StoppingCriteria):
        def __call__(self, input_ids, scores, **kwargs):
            return input_ids.shape[1] >= width + 4

    inputs = tokenizer(PROMPTS, return_tensors="np", padding=True)
    width = inputs.input_ids.shape[1]
    outputs = model.generate(
        **inputs, max_new_tokens=9, do_sample=False, logits_processor=[Never()], stopping_criteria=[Short()]
    )
    assert outputs.shape == (2, width + 4) and 267 not in outputs
    assert seen == [((2, width + i), (2, len(tokenizer))) for i in range(4)]


def test_chats(model, tokenizer):
    messages = [{"role": "user", "content": "Tell me a story about a fox."}]
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="np")
    assert ids.input_ids.tolist() == [tokenizer(text, add_special_tokens=False).input_ids]
    assert model.generate(**ids, max_new_tokens=3).shape[1] == ids.input_ids.shape[1] + 3


def test_caches_and_devices(model, inputs):
    with pytest.warns(UserWarning, match="runs on the CPU"):
        cache = StaticCache(model.config, max_batch_size=1, max_cache_len=40, device="cuda")
    assert model.generate(**inputs, max_new_tokens=5, do_sample=False, past_key_values=cache).shape[1] == 9
    with pytest.warns(UserWarning, match="flash_attention_2"):
        AutoModelForCausalLM.from_pretrained(MODEL, attn_implementation="flash_attention_2")


def test_what_is_not_understood(model, inputs):
    with pytest.raises(ValueError, match="tempertaure"):
        model.generate(**inputs, tempertaure=1)
    with pytest.raises(ValueError, match="inputs_embeds"):
        model.generate(inputs_embeds=np.zeros((1, 2, 3)))
    with pytest.raises(ValueError, match="encoder"):
        AutoModelForSeq2SeqLM.from_pretrained(MODEL)


def test_encoder_decoders():
    model = AutoModelForSeq2SeqLM.from_pretrained(ROOT / "tests" / "data" / "models" / "bart_tied")
    ids = np.array([[0, 5, 6, 7, 2], [0, 9, 2, 1, 1]])
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    outputs = model.generate(ids, attention_mask=mask, max_new_tokens=5, do_sample=False)
    alone = model.generate(ids[1:, :3], max_new_tokens=5, do_sample=False)
    n = alone.shape[1]
    assert (outputs[1, :n] == alone[0]).all() and len(outputs) == 2


def test_calls_after_one_seed_go_on_with_its_numbers(model, tokenizer):
    inputs = tokenizer(["Once upon a time"], return_tensors="np")

    def three():
        set_seed(5)
        calls = [model.generate(**inputs, do_sample=True, max_new_tokens=n) for n in (4, 9, 9)]
        return [call.tolist() for call in calls]

    first = three()
    assert first == three() and first[1] != first[2]


def test_states_have_a_row_for_each_token(model, tokenizer):
    tokenizer.pad_token = tokenizer.eos_token
    inputs = tokenizer(["Once upon a time", "The"], return_tensors="np", padding=True)
    options = {"max_new_tokens": 4, "min_new_tokens": 4, "do_sample": False, "return_dict_in_generate": True}
    out = model.generate(**inputs, output_hidden_states=True, output_attentions=True, **options)
    width, config = inputs["input_ids"].shape[1], model.config
    hidden = [step[-1].shape for step in out.hidden_states]
    assert hidden == [(2, width, config.hidden_size)] + [(2, 1, config.hidden_size)] * 3
    assert len(out.hidden_states[0]) == len(out.attentions[0]) + 1 == config.num_hidden_layers + 1
    weights = [step[0] for step in out.attentions]
    assert [each.shape[2:] for each in weights] == [(width, width), (1, width + 1), (1, width + 2), (1, width + 3)]
    for each in weights[1:]:
        np.testing.assert_allclose(each.sum(-1), 1, atol=1e-3)
    assert (weights[0][1, :, :, : width - 1] == 0).all(), "padding is looked at"
    assert out.past_key_values.get_seq_length() == out.sequences.shape[1] - 1


def test_processors_under_their_names():
    scores = np.array([[1.0, 4.0, 2.0, 3.0]], np.float32)
    ids = np.array([[1, 2, 1]])
    chain = face.LogitsProcessorList([face.TemperatureLogitsWarper(0.5), face.TopKLogitsWarper(2)])
    assert chain(ids, scores).tolist() == [[-np.inf, 8, -np.inf, 6]]
    assert face.NoBadWordsLogitsProcessor([[3], [0]], eos_token_id=0)(ids, scores).tolist() == [[1, 4, 2, -np.inf]]
    assert face.EosTokenCriteria([1])(ids, None).tolist() == [True]
    assert scores.tolist() == [[1, 4, 2, 3]], "what is given stays"
    with pytest.raises(ValueError, match="temperature"):
        face.TemperatureLogitsWarper(-1.0)
    with pytest.raises(ValueError, match="token_ids"):
        face.RepetitionPenaltyLogitsProcessor(1.2)(np.array([[9]]), scores)


def test_processors_under_their_names_in_a_call(model, tokenizer):
    inputs = tokenizer(["Once upon a time"], return_tensors="np")
    own = model.generate(**inputs, do_sample=False, max_new_tokens=12, no_repeat_ngram_size=1)
    named = model.generate(
        **inputs, do_sample=False, max_new_tokens=12, logits_processor=[face.NoRepeatNGramLogitsProcessor(1)]
    )
    assert named.tolist() == own.tolist()


def test_weights_of_fewer_bits():
    sizes = [
        AutoModelForCausalLM.from_pretrained(MODEL, **bits).native.weight_bytes
        for bits in ({"bits": 32}, {"dtype": "float32"}, {"bits": 8}, {"load_in_8bit": True}, {"bits": 4})
    ]
    assert sizes[0] == sizes[1] > 2 * sizes[2] and sizes[2] == sizes[3] > sizes[4]


def test_settings_as_objects(model, tokenizer, inputs):
    options = {"max_new_tokens": 10, "do_sample": False}
    watermark = face.WatermarkingConfig(bias=6.0)
    marked = model.generate(**inputs, watermarking_config=watermark, **options)
    assert marked.tolist() == model.generate(**inputs, watermarking_config=watermark.to_dict(), **options).tolist()
    assert marked.tolist() != model.generate(**inputs, **options).tolist()
    config = GenerationConfig(watermarking_config=watermark, **options)
    assert model.generate(**inputs, generation_config=config).tolist() == marked.tolist()
    synth = face.SynthIDTextWatermarkingConfig(ngram_len=5, keys=[3, 9, 27])
    sampled = {"max_new_tokens": 10, "do_sample": True, "seed": 3}
    kept = model.generate(**inputs, watermarking_config=synth, **sampled)
    assert kept.tolist() == model.generate(**inputs, watermarking_config=synth.to_dict(), **sampled).tolist()
    words = tokenizer(" dragon", add_special_tokens=False)["input_ids"]
    forced = model.generate(**inputs, constraints=[face.PhrasalConstraint(words)], num_beams=3, **options)
    assert " dragon" in tokenizer.decode(forced[0])
    either = face.DisjunctiveConstraint([words, tokenizer(" castle", add_special_tokens=False)["input_ids"]])
    text = tokenizer.decode(model.generate(**inputs, constraints=[either], num_beams=3, **options)[0])
    assert " dragon" in text or " castle" in text
