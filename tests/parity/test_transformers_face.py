"""skald.transformers beside transformers: the same code, the same values, types and shapes."""

import sys
from pathlib import Path

import numpy
import pytest
import torch
import transformers

torch.set_num_threads(1)
skald_face = pytest.importorskip("skald.transformers", reason="PYTHONPATH names no build with the package")

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "models" / "skald-tales"
PROMPTS = ["Once upon a time", "The king said to the fox, who was old:", "A"]


class Face:
    def __init__(self, module):
        self.module = module
        self.tokenizer = module.AutoTokenizer.from_pretrained(MODEL)
        self.tokenizer.padding_side = "left"
        self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = module.AutoModelForCausalLM.from_pretrained(MODEL, dtype="float32")


@pytest.fixture(scope="module")
def faces():
    return Face(transformers), Face(skald_face)


def values(result):
    """Plain values with their types and shapes."""
    if isinstance(result, torch.Tensor):
        return ("tensor", str(result.dtype), tuple(result.shape), result.tolist())
    if hasattr(result, "keys"):
        return {key: values(result[key]) for key in result.keys()}
    return result


TOKENIZER_CALLS = [
    lambda t: t("Once upon a time"),
    lambda t: t("Once upon a time", return_tensors="pt"),
    lambda t: t(PROMPTS),
    lambda t: t(PROMPTS, padding=True, return_tensors="pt"),
    lambda t: t(PROMPTS, padding="max_length", max_length=12, truncation=True, return_tensors="pt"),
    lambda t: t(PROMPTS, padding=True, pad_to_multiple_of=8),
    lambda t: t(PROMPTS, padding=True, padding_side="right"),
    lambda t: t(PROMPTS, truncation=True, max_length=3),
    lambda t: t("Über dem „Wald“ – 🦊!", return_offsets_mapping=True),
    lambda t: t("Once", add_special_tokens=False),
    lambda t: t.encode("Once upon"),
    lambda t: t.encode("Once upon", return_tensors="pt"),
    lambda t: t.tokenize("Once upon a time"),
    lambda t: t.decode([277, 267, 528]),
    lambda t: t.decode(torch.tensor([277, 267, 528]), skip_special_tokens=True),
    lambda t: t.batch_decode(torch.tensor([[277, 267], [528, 0]]), skip_special_tokens=True),
    lambda t: (t.bos_token, t.eos_token, t.pad_token, t.eos_token_id, t.pad_token_id, len(t)),
    lambda t: t.convert_ids_to_tokens([277, 267, 528]),
    lambda t: t.convert_tokens_to_ids(["Ġthe", "Ġking"]),
    lambda t: t.apply_chat_template([{"role": "user", "content": "Hi <|endoftext|>"}], tokenize=False),
    lambda t: t.apply_chat_template([{"role": "user", "content": "Hi <|endoftext|>"}], add_generation_prompt=True),
    lambda t: t.apply_chat_template([{"role": "user", "content": "Hi"}], return_tensors="pt"),
    lambda t: t.apply_chat_template([{"role": "user", "content": "Hi"}], return_dict=False),
    lambda t: t.apply_chat_template(
        [[{"role": "user", "content": "Hi there"}], [{"role": "user", "content": "A"}]],
        padding=True,
        return_tensors="pt",
    ),
]


@pytest.mark.parametrize("call", TOKENIZER_CALLS, ids=range(len(TOKENIZER_CALLS)))
def test_tokenizers(faces, call):
    theirs, ours = (values(call(face.tokenizer)) for face in faces)
    assert ours == theirs


OPTIONS = [
    {"max_new_tokens": 20},
    {"max_length": 25, "max_new_tokens": 20},
    {"max_new_tokens": 12, "min_new_tokens": 12},
    {"max_new_tokens": 20, "repetition_penalty": 1.3},
    {"max_new_tokens": 20, "no_repeat_ngram_size": 2},
    {"max_new_tokens": 20, "bad_words_ids": [[267], [528, 528]]},
    {"max_new_tokens": 20, "suppress_tokens": [267, 277], "begin_suppress_tokens": [19]},
    {"max_new_tokens": 20, "sequence_bias": {(267,): -5.0, (277, 528): 3.0}},
    {"max_new_tokens": 20, "num_beams": 3},
    {"max_new_tokens": 20, "num_beams": 4, "num_return_sequences": 3, "length_penalty": 0.5},
    {"max_new_tokens": 15, "num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 3},
    {"max_new_tokens": 10, "eos_token_id": [19, 17]},
    {"max_new_tokens": 10, "eos_token_id": [19, 17], "num_beams": 2},
    {"max_new_tokens": 10, "forced_eos_token_id": 0},
    {"max_new_tokens": 20, "guidance_scale": 1.5},
    {"max_new_tokens": 20, "prompt_lookup_num_tokens": 3},
]


@pytest.mark.parametrize("prompts", [PROMPTS[:1], PROMPTS], ids=["one", "three"])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_generate(faces, prompts, options):
    if len(prompts) > 1 and ("prompt_lookup_num_tokens" in options or "guidance_scale" in options):
        pytest.skip("transformers takes one prompt")
    results = []
    for face in faces:
        inputs = face.tokenizer(prompts, return_tensors="pt", padding=True)
        results.append(values(face.model.generate(**inputs, do_sample=False, **options)))
    assert results[1] == results[0]


@pytest.mark.parametrize(
    "options", [{}, {"top_k": 20}, {"top_p": 0.8, "temperature": 1.3}, {"num_return_sequences": 2}], ids=str
)
def test_sampling_after_set_seed(faces, options):
    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS, return_tensors="pt", padding=True)
        face.module.set_seed(42)
        results.append(values(face.model.generate(**inputs, do_sample=True, max_new_tokens=20, **options)))
    assert results[1] == results[0]


@pytest.mark.parametrize("options", [{}, {"num_return_sequences": 2}, {"num_beams": 2}], ids=str)
def test_calls_after_one_seed(faces, options):
    """The second and third call go on with the numbers behind those of the first; torch's own draws among them."""
    results = []
    for face in faces:
        face.module.set_seed(7)
        calls = []
        for n in (1, 2, 3):
            inputs = face.tokenizer(PROMPTS[:n], return_tensors="pt", padding=True)
            calls.append(values(face.model.generate(**inputs, do_sample=True, max_new_tokens=6 * n, **options)))
            calls.append(values(torch.rand(n)))
        results.append(calls)
    assert results[1] == results[0]


def test_the_seed_of_torch_itself(faces):
    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS[:1], return_tensors="pt")
        for skipped in (0, 1, 623, 624, 625):
            torch.manual_seed(11)
            torch.randint(10, (skipped,))
            results.append(values(face.model.generate(**inputs, do_sample=True, max_new_tokens=8)))
    assert results[5:] == results[:5]


def test_dictionaries(faces):
    options = {"max_new_tokens": 6, "do_sample": False, "return_dict_in_generate": True, "output_scores": True}
    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS, return_tensors="pt", padding=True)
        result = face.model.generate(**inputs, output_logits=True, **options)
        transitions = face.model.compute_transition_scores(result.sequences, result.scores, normalize_logits=True)
        results.append((result, transitions))
    (theirs, their_scores), (ours, our_scores) = results
    assert values(ours.sequences) == values(theirs.sequences)
    assert list(theirs.keys()) == list(ours.keys())
    assert ours.past_key_values.get_seq_length() == theirs.past_key_values.get_seq_length()
    assert type(ours).__name__ == type(theirs).__name__ and ours[0] is ours.sequences
    for name in ("scores", "logits"):
        assert len(ours[name]) == len(theirs[name])
        for our, their in zip(ours[name], theirs[name]):
            assert our.dtype == their.dtype and our.shape == their.shape
            assert torch.allclose(our, their, atol=1e-3)
    assert torch.allclose(our_scores, their_scores, atol=1e-3) and our_scores.dtype == their_scores.dtype


@pytest.mark.parametrize("side", ["left", "right"])
def test_states_in_dictionaries(faces, side):
    """Hidden states and attentions: of each step and layer, where there is no padding."""
    options = {"max_new_tokens": 5, "min_new_tokens": 5, "do_sample": False, "return_dict_in_generate": True}
    results = []
    for face in faces:
        if face.module is transformers:
            face.model.set_attn_implementation("eager")
        inputs = face.tokenizer(PROMPTS if side == "left" else PROMPTS[:1], return_tensors="pt", padding=True)
        states = face.model.generate(**inputs, output_hidden_states=True, output_attentions=True, **options)
        results.append(states)
    theirs, ours = results
    assert list(theirs.keys()) == list(ours.keys())
    mask = inputs["attention_mask"].bool()
    for name in ("hidden_states", "attentions"):
        assert len(theirs[name]) == len(ours[name]) == 5
        for step, (their_layers, our_layers) in enumerate(zip(theirs[name], ours[name])):
            assert len(their_layers) == len(our_layers)
            for their, our in zip(their_layers, our_layers):
                assert their.shape == our.shape and their.dtype == our.dtype
                if step == 0:  # what stands at padding is nobody's business
                    their, our = (x if name == "hidden_states" else x.transpose(1, 2) for x in (their, our))
                    their, our = their[mask], our[mask]
                assert torch.allclose(their, our, atol=2e-3)


def test_beams_in_dictionaries(faces):
    options = {"max_new_tokens": 8, "num_beams": 3, "do_sample": False, "return_dict_in_generate": True}
    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS, return_tensors="pt", padding=True)
        result = face.model.generate(**inputs, output_scores=True, **options)
        scores = face.model.compute_transition_scores(result.sequences, result.scores, result.beam_indices)
        results.append((result, scores))
    (theirs, their_scores), (ours, our_scores) = results
    assert values(ours.sequences) == values(theirs.sequences)
    assert torch.allclose(ours.sequences_scores, theirs.sequences_scores, atol=1e-4)
    assert torch.allclose(our_scores, their_scores, atol=1e-3)


def processor_of(module):
    class Only(module.LogitsProcessor):
        def __call__(self, input_ids, scores):
            assert input_ids.shape[0] == scores.shape[0]
            scores = scores.clone()
            scores[:, 267] += 3.0 * (input_ids[:, -1] != 267)
            scores[:, 19] -= float(input_ids.shape[1])
            return scores

    return Only()


def criterion_of(module):
    class Stop(module.StoppingCriteria):
        def __call__(self, input_ids, scores, **kwargs):
            return (input_ids == 267).sum(dim=-1) > 2

    return Stop()


def test_watermarks(faces):
    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS[:1], return_tensors="pt")
        config = face.module.WatermarkingConfig(bias=4.0, seeding_scheme="selfhash")
        calls = [face.model.generate(**inputs, watermarking_config=config, do_sample=False, max_new_tokens=10)]
        synth = face.module.SynthIDTextWatermarkingConfig(ngram_len=4, keys=[5, 7, 11])
        face.module.set_seed(3)
        calls.append(face.model.generate(**inputs, watermarking_config=synth, do_sample=True, max_new_tokens=10))
        results.append([values(call) for call in calls])
    assert results[1] == results[0]


@pytest.mark.parametrize("options", [{}, {"num_beams": 2}], ids=str)
@pytest.mark.parametrize("foreign", [False, True])
def test_code_of_ones_own(faces, foreign, options):
    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS, return_tensors="pt", padding=True)
        made = transformers if foreign else face.module
        own = {
            "logits_processor": face.module.LogitsProcessorList([processor_of(made)]),
            "stopping_criteria": face.module.StoppingCriteriaList([criterion_of(made)]),
        }
        results.append(values(face.model.generate(**inputs, max_new_tokens=15, do_sample=False, **own, **options)))
    assert results[1] == results[0]


def test_prefix_function(faces):
    def allowed(batch_id, input_ids):
        return [267, 277 + batch_id, 528] if len(input_ids) % 2 else [19, 528]

    results = []
    for face in faces:
        inputs = face.tokenizer(PROMPTS, return_tensors="pt", padding=True)
        results.append(
            values(face.model.generate(**inputs, max_new_tokens=9, prefix_allowed_tokens_fn=allowed, do_sample=False))
        )
    assert results[1] == results[0]


@pytest.mark.parametrize("skip_prompt", [False, True])
def test_streamers(faces, skip_prompt, capsys):
    from threading import Thread

    for face in faces:
        inputs = face.tokenizer(PROMPTS[:1], return_tensors="pt")
        face.model.generate(
            **inputs,
            max_new_tokens=15,
            do_sample=False,
            streamer=face.module.TextStreamer(face.tokenizer, skip_prompt=skip_prompt),
        )
        face.printed = capsys.readouterr().out
        streamer = face.module.TextIteratorStreamer(face.tokenizer, skip_prompt=skip_prompt)
        options = dict(inputs, streamer=streamer, max_new_tokens=15, do_sample=False)
        thread = Thread(target=face.model.generate, kwargs=options)
        thread.start()
        face.pieces = list(streamer)
        thread.join()
    theirs, ours = faces
    assert ours.printed == theirs.printed and ours.pieces == theirs.pieces


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 2, "num_return_sequences": 3},
        {"tempertaure": 1},
        {"num_return_sequences": 2},
        {"temperature": 0.0, "do_sample": True},
    ],
    ids=str,
)
def test_both_refuse(faces, options):
    for face in faces:
        inputs = face.tokenizer(PROMPTS[:1], return_tensors="pt")
        with pytest.raises(ValueError):
            face.model.generate(**inputs, **{"do_sample": False, **options})


def test_configurations(faces, tmp_path):
    for face in faces:
        config = face.module.GenerationConfig(max_new_tokens=7, temperature=0.7, top_k=50, do_sample=True)
        config.save_pretrained(tmp_path / face.module.__name__)
    for face in faces:
        for other in faces:
            read = face.module.GenerationConfig.from_pretrained(tmp_path / other.module.__name__)
            assert (read.max_new_tokens, read.temperature, read.top_k, read.do_sample) == (7, 0.7, 50, True)
            assert read.num_beams in (None, 1)


def test_arrays_are_of_the_kind_that_came(faces):
    _, ours = faces
    inputs = ours.tokenizer(PROMPTS, return_tensors="np", padding=True)
    result = ours.model.generate(**inputs, max_new_tokens=3)
    assert isinstance(result, numpy.ndarray) and result.dtype == numpy.int64
    assert "torch" in sys.modules
