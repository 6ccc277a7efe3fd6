"""The processors and criteria that bear transformers' names, called as transformers' are."""

import numpy as np
import pytest
import torch
import transformers

ours = pytest.importorskip("skald.transformers", reason="PYTHONPATH names no build with the package")
torch.set_num_threads(1)

VOCAB, ROWS, LENGTH = 60, 3, 9
ENCODER = [[3, 4, 5, 3, 9], [8, 9, 8, 7, 1], [2, 2, 5, 6, 7]]
CASES = [
    ("TemperatureLogitsWarper", lambda c: c(0.7)),
    ("TopKLogitsWarper", lambda c: c(5)),
    ("TopKLogitsWarper", lambda c: c(2, min_tokens_to_keep=7)),
    ("TopPLogitsWarper", lambda c: c(0.6)),
    ("TopPLogitsWarper", lambda c: c(0.01, min_tokens_to_keep=4, filter_value=-7.5)),
    ("MinPLogitsWarper", lambda c: c(0.2)),
    ("MinPLogitsWarper", lambda c: c(0.9, min_tokens_to_keep=5)),
    ("TopHLogitsWarper", lambda c: c(0.5)),
    ("TypicalLogitsWarper", lambda c: c(0.4)),
    ("TypicalLogitsWarper", lambda c: c(mass=0.05, min_tokens_to_keep=3)),
    ("EpsilonLogitsWarper", lambda c: c(0.02)),
    ("EtaLogitsWarper", lambda c: c(0.02, min_tokens_to_keep=2)),
    ("MinLengthLogitsProcessor", lambda c: c(10, [1, 5])),
    ("MinLengthLogitsProcessor", lambda c: c(9, 1)),
    ("MinNewTokensLengthLogitsProcessor", lambda c: c(6, 4, 1)),
    ("MinNewTokensLengthLogitsProcessor", lambda c: c(5, 4, [1, 5])),
    ("RepetitionPenaltyLogitsProcessor", lambda c: c(1.4)),
    ("RepetitionPenaltyLogitsProcessor", lambda c: c(penalty=1.4, prompt_ignore_length=6)),
    ("NoRepeatNGramLogitsProcessor", lambda c: c(2)),
    ("NoRepeatNGramLogitsProcessor", lambda c: c(3)),
    ("SequenceBiasLogitsProcessor", lambda c: c({(3,): 2.5, (4, 5): -3.0})),
    ("SequenceBiasLogitsProcessor", lambda c: c([[[7], 1.5], [[4, 8], 9.0]])),
    ("NoBadWordsLogitsProcessor", lambda c: c([[3], [4, 5], [1]], eos_token_id=1)),
    ("ForcedBOSTokenLogitsProcessor", lambda c: c(4)),
    ("ForcedEOSTokenLogitsProcessor", lambda c: c(10, 1)),
    ("ForcedEOSTokenLogitsProcessor", lambda c: c(11, 1)),
    ("InfNanRemoveLogitsProcessor", lambda c: c()),
    ("ExponentialDecayLengthPenalty", lambda c: c((2, 1.3), 1, 5)),
    ("SuppressTokensLogitsProcessor", lambda c: c([3, 9, 11])),
    ("SuppressTokensAtBeginLogitsProcessor", lambda c: c([3, 9, 11], 9)),
    ("SuppressTokensAtBeginLogitsProcessor", lambda c: c([3, 9, 11], 4)),
    ("LogitNormalization", lambda c: c()),
    ("EncoderNoRepeatNGramLogitsProcessor", lambda c: c(2, torch.tensor(ENCODER))),
    ("EncoderRepetitionPenaltyLogitsProcessor", lambda c: c(1.3, torch.tensor(ENCODER))),
    ("PrefixConstrainedLogitsProcessor", lambda c: c(lambda batch, ids: [batch, int(ids[-1]), 30], 1)),
]


@pytest.mark.parametrize(("name", "make"), CASES, ids=[f"{name}-{i}" for i, (name, _) in enumerate(CASES)])
@pytest.mark.parametrize("length", [1, LENGTH])
def test_processors(name, make, length):
    for seed in range(5):
        random = np.random.default_rng(seed)
        ids = torch.from_numpy(random.integers(0, 10, (ROWS, length)))
        scores = torch.from_numpy(random.normal(0, 3, (ROWS, VOCAB)).astype(np.float32))
        theirs = make(getattr(transformers.generation, name, None) or getattr(hf, name))(ids, scores.clone())
        result = make(getattr(ours, name))(ids, scores.clone())
        assert result.dtype == theirs.dtype and result.shape == theirs.shape
        assert torch.equal(torch.isneginf(result), torch.isneginf(theirs)), name
        finite = torch.isfinite(theirs)
        torch.testing.assert_close(result[finite], theirs[finite], rtol=2e-6, atol=2e-6)
        assert type(make(getattr(ours, name))(ids.numpy(), scores.numpy())).__module__ == "numpy"


hf = transformers.generation.logits_process


def test_lists_of_them():
    random = np.random.default_rng(1)
    ids = torch.from_numpy(random.integers(0, 10, (ROWS, LENGTH)))
    scores = torch.from_numpy(random.normal(0, 3, (ROWS, VOCAB)).astype(np.float32))
    results = []
    for module in (transformers, ours):
        chain = module.LogitsProcessorList(
            [
                module.MinLengthLogitsProcessor(15, eos_token_id=1),
                module.RepetitionPenaltyLogitsProcessor(1.2),
                module.TemperatureLogitsWarper(0.8),
                module.TopKLogitsWarper(20),
                module.TopPLogitsWarper(0.9),
            ]
        )
        results.append(chain(ids, scores.clone()))
    torch.testing.assert_close(results[1], results[0], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(
    "make",
    [
        lambda m, t: m.MaxLengthCriteria(9),
        lambda m, t: m.MaxLengthCriteria(10),
        lambda m, t: m.MaxTimeCriteria(1000.0),
        lambda m, t: m.MaxTimeCriteria(0.0, initial_timestamp=1.0),
        lambda m, t: m.EosTokenCriteria([267, 19]),
        lambda m, t: m.EosTokenCriteria(19),
        lambda m, t: m.StopStringCriteria(tokenizer=t, stop_strings=["the king", "wolf"]),
        lambda m, t: m.StopStringCriteria(tokenizer=t, stop_strings="a ti"),
    ],
)
def test_criteria(make):
    from test_transformers_face import MODEL

    tokenizers = [module.AutoTokenizer.from_pretrained(MODEL) for module in (transformers, ours)]
    for text in ["Once upon a time, the king", "Once upon a time the wol", "There was once a wolf", "on a tim", "sat,"]:
        ids = tokenizers[0](text, return_tensors="pt").input_ids
        for end in range(1, ids.shape[1] + 1):
            theirs = make(transformers.generation, tokenizers[0])(ids[:, :end], None)
            result = make(ours, tokenizers[1])(ids[:, :end], None)
            assert result.tolist() == theirs.tolist() and result.dtype == theirs.dtype, (text, end)
