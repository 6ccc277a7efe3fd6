"""Runs calls of generate() under whichever transformers is imported: 5.23, or 4.49 for what 5 moved out.

    python reference_worker.py < calls > answers
    PYTHONPATH=FOLDER python reference_worker.py < calls > answers

FOLDER is made by `pip install --target FOLDER transformers==4.49.0`.
A call, one JSON object a line: {"folder", "prompts": [[ids], ...], "options"}, and where
wanted "draft", the folder of an assistant, and "noise", a number.
The answer, a line: {"rows": [[{"tokens", "score", "logprobs"}, ...] a prompt]}: of every returned sequence its new
tokens up to the one that ended it, of beams the score, and the model's own log-probability of each token where generate
gives logits; "ruled_out": the step, if any, at which it took a token that the options rule out. {"empty": true} beside
it where at some step they left none at all, {"tied": true} where a draw was one among equals. {"error": text} where the
call fails.

With "noise" the call is made n times more, each time with scores that are moved by 1e-5 * max(1, |score|) at random:
{"steady": bool} tells whether all of them gave the same tokens. Where they do not, a decision of the reference hangs on
rounding.
"""

import contextlib
import copy
import json
import os
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, StopStringCriteria
from transformers.generation import utils as generation_utils

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "models"))
from families import ENCODER_DECODERS  # noqa: E402

V5 = transformers.__version__ >= "5"
MARGIN = 1e-5
UNREACHED = -1e5  # scores of what fills a beam before anything has ended

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
models = {}


def load(folder):
    if folder not in models:
        with open(os.path.join(folder, "config.json")) as file:
            encodes = json.load(file)["model_type"] in ENCODER_DECODERS
        auto = AutoModelForSeq2SeqLM if encodes else AutoModelForCausalLM
        how = {"dtype": torch.float32} if V5 else {"torch_dtype": torch.float32, "attn_implementation": "eager"}
        if len(models) > 4:
            models.pop(next(iter(models)))
        has_text = os.path.exists(os.path.join(folder, "tokenizer.json"))
        model = auto.from_pretrained(folder, **how).eval()
        models[folder] = model, AutoTokenizer.from_pretrained(folder) if has_text else None
    return models[folder]


def repair_length_decay():
    """4.49 makes NaN of an end token that was ruled out, and then chooses it; 5.23 passes it over, and so do we."""
    call = transformers.ExponentialDecayLengthPenalty.__call__

    def repaired(self, input_ids, scores):
        return torch.where(scores.isinf(), scores, call(self, input_ids, scores))

    transformers.ExponentialDecayLengthPenalty.__call__ = repaired


def repair_encoder_penalty():
    """4.49 penalises the first row of each prompt's beams alone; 5.23 all of them, and so do we."""
    kind = transformers.EncoderRepetitionPenaltyLogitsProcessor
    call = kind.__call__

    def repaired(self, input_ids, scores):
        n_rows = len(scores) // len(self.encoder_input_ids)
        self.encoder_input_ids = self.encoder_input_ids.repeat_interleave(n_rows, dim=0)
        return call(self, input_ids, scores)

    kind.__call__ = repaired


def repair_sequence_bias():
    """4.49 overlooks a sequence whose first tokens are all that there is yet; 5.23 does not, and neither do we."""
    kind = transformers.SequenceBiasLogitsProcessor
    call = kind.__call__

    def repaired(self, input_ids, scores):
        before = input_ids.new_full((len(input_ids), 1), -1)
        return call(self, torch.cat([before, input_ids], dim=1), scores)

    kind.__call__ = repaired


def keep_lengths():
    """4.49 mixes up the beam indices of groups and has none of hypotheses that lack a constraint, which makes it fail:
    let them stand for nothing but how long each hypothesis is, the token that ended it included."""
    from transformers.generation.beam_search import BeamHypotheses

    add = BeamHypotheses.add

    def with_length(self, hyp, sum_logprobs, beam_indices=None, generated_len=None):
        add(self, hyp, sum_logprobs, (0,) * generated_len, generated_len)

    BeamHypotheses.add = with_length


if not V5:
    repair_length_decay()
    repair_encoder_penalty()
    repair_sequence_bias()
    keep_lengths()


def cut(tokens, eos):
    """Tokens up to the first one of `eos`: what follows is padding."""
    ends = [i for i, token in enumerate(tokens) if token in eos]
    return tokens[: ends[0] + 1] if ends else tokens


def logprobs_of_text(model, prompt, begin, tokens):
    """The model's log-probability of each token, all in one pass; `begin`: what a decoder begins with, if there is an
    encoder."""
    if not tokens:
        return []
    before = begin if model.config.is_encoder_decoder else prompt
    ids = torch.cat([before, torch.tensor(tokens)])[None]
    with torch.no_grad():
        out = model(prompt[None], decoder_input_ids=ids) if model.config.is_encoder_decoder else model(ids)
    logits = out.logits[0, len(before) - 1 : -1]
    return torch.log_softmax(logits.double(), -1)[range(len(tokens)), tokens].tolist()


def token_logprobs(out, row, tokens):
    """The model's log-probability of each token of returned sequence `row`."""
    if getattr(out, "logits", None) is None:
        return None
    beams = getattr(out, "beam_indices", None)
    found = []
    for step, token in enumerate(tokens):
        if step >= len(out.logits):
            return None
        at = row if beams is None else int(beams[row, step])
        if at < 0:
            return None
        found.append(torch.log_softmax(out.logits[step][at].double(), -1)[token].item())
    return found


def ruled_out(out, row, tokens, options):
    """The first step with a token of probability 0: where fewer than top_k others are left, contrastive search may take
    one."""
    if "penalty_alpha" not in options:
        return next((i for i, token in enumerate(tokens) if out.scores[i][row, token] == -torch.inf), None)
    return next((i for i, token in enumerate(tokens) if out.scores[i][row].softmax(-1)[token] == 0), None)


def cut_at_stop(tokens, n_given, criterion):
    """Tokens up to the first one at which a stop string is complete: what follows is padding. `criterion`: None, or of
    whole texts, the `n_given` tokens before the new ones included."""
    if criterion is None:
        return tokens[n_given:]
    ends = (n for n in range(n_given + 1, len(tokens)) if criterion(torch.tensor([tokens[:n]]), None).any())
    return tokens[n_given : next(ends, len(tokens))]


@contextlib.contextmanager
def noting_ties(ties):
    """Appends to `ties` wherever more tokens are drawn than have a probability: the others have no order."""
    multinomial = torch.multinomial

    def noting(probabilities, num_samples, **named):
        if ((probabilities > 0).sum(-1) < num_samples).any():
            ties.append(num_samples)
        return multinomial(probabilities, num_samples, **named)

    torch.multinomial = noting
    try:
        yield
    finally:
        torch.multinomial = multinomial


def filled(prompts):
    """Prompts as rows of one length, and their attention mask; the fill is to their left."""
    longest = max(map(len, prompts))
    mask = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts]), torch.tensor(mask)


def keywords(call, tokenizer):
    """The options of a call as generate() takes them."""
    options = dict(call["options"])
    options.pop("profile", None)
    options.pop("seed", None)
    if "draft" in call:
        options["assistant_model"] = copy.deepcopy(load(call["draft"])[0])
    if "negative_prompt_ids" in options:
        n_rows = len(call["prompts"]) * options.get("num_return_sequences", 1)
        options["negative_prompt_ids"] = torch.tensor([options["negative_prompt_ids"]] * n_rows)
    if mark := options.get("watermarking_config"):
        synthid = "keys" in mark
        made = transformers.SynthIDTextWatermarkingConfig if synthid else transformers.WatermarkingConfig
        options["watermarking_config"] = made(**mark)
    if "stop_strings" in options or options.get("token_healing"):
        options["tokenizer"] = tokenizer
    return options


def generate(call, processors=()):
    model, tokenizer = load(call["folder"])
    if "assistant_early_exit" in call["options"]:
        model = copy.deepcopy(model)  # it is left changed
    if "seed" in call["options"]:
        torch.manual_seed(call["options"]["seed"])
    options = keywords(call, tokenizer)
    prompts, mask = filled(call["prompts"])
    ties = []
    with torch.no_grad(), noting_ties(ties):
        out = model.generate(
            prompts,
            attention_mask=mask,
            return_dict_in_generate=True,
            output_scores=True,
            output_logits=True,
            logits_processor=transformers.LogitsProcessorList(processors),
            **options,
        )
    n_given = 1 if model.config.is_encoder_decoder else prompts.shape[1]
    eos = options.get("eos_token_id", model.generation_config.eos_token_id)
    eos = eos if isinstance(eos, list) else [eos]
    stop = None
    if "stop_strings" in options and options.get("num_beams", 1) == 1:
        stop = StopStringCriteria(tokenizer, options["stop_strings"])
    scores = getattr(out, "sequences_scores", None)
    if scores is None and options.get("num_beams", 1) > 1:
        raise RuntimeError("beams gave no scores")
    each = len(out.sequences) // len(prompts)
    rows = [[] for _ in prompts]
    empty = not all((step.view(len(prompts), -1).amax(-1) > -torch.inf).all() for step in out.scores)  # or NaN
    for i, sequence in enumerate(out.sequences):
        tokens = cut_at_stop(sequence.tolist(), n_given, stop)
        if getattr(out, "beam_indices", None) is None:
            tokens = cut(tokens, eos)
        else:  # a forced word may have an end token in it
            tokens = tokens[: int((out.beam_indices[i] >= 0).sum())]
        if V5 or scores is None:
            logprobs = token_logprobs(out, i, tokens)
        else:
            known = tokens[:-1] if tokens[-1:] == eos[:1] else tokens  # it stands for whichever end token was chosen
            logprobs = logprobs_of_text(model, prompts[i // each], sequence[:n_given], known)
        found = {"tokens": tokens, "logprobs": logprobs}
        if scores is None:
            found["ruled_out"] = ruled_out(out, i, tokens, options)
        else:
            found["score"] = scores[i].item()
            if found["score"] < UNREACHED:
                continue
        rows[i // each].append(found)
    return {"rows": rows, "empty": empty, "tied": bool(ties)}


class Noise(transformers.LogitsProcessor):
    """Moves every score by up to MARGIN * max(1, |score|)."""

    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def moved(self, x):
        at_most = MARGIN * torch.where(x.isfinite(), x.abs().clamp(min=1), 0)
        return x + at_most * (2 * torch.rand(x.shape, generator=self.generator) - 1)

    def __call__(self, input_ids, scores):
        return self.moved(scores)


def tokens_of(found):
    return [[sequence["tokens"] for sequence in row] for row in found["rows"]]


def is_steady(call, found):
    """Whether the same tokens come out wherever scores are moved within the margin."""
    rank = getattr(generation_utils, "_ranking_fast", None)
    for seed in range(call["noise"]):
        noise = Noise(seed)
        if rank is not None:  # contrastive search: it compares what depends on hidden states
            generation_utils._ranking_fast = lambda context, new, *rest, n=noise: rank(n.moved(context), new, *rest)
        hook = contextlib.nullcontext()
        if "dola_layers" in call["options"]:  # it compares what the head gives for earlier layers
            head = load(call["folder"])[0].get_output_embeddings()
            hook = head.register_forward_hook(lambda module, given, out, n=noise: n.moved(out))
        with hook:
            again = generate(call, [noise])
        generation_utils._ranking_fast = rank
        if tokens_of(again) != tokens_of(found):
            return False
    return True


def answer(call):
    try:
        found = generate(call)
        if call.get("noise"):
            found["steady"] = not found["tied"] and is_steady(call, found)
    except Exception as error:  # noqa: BLE001  whatever the reference fails with is what the suite wants to hear
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return found


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
