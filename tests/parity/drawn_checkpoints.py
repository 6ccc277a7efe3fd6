"""Tiny random checkpoints for the drawn suite, with prompts and what greedy decoding makes of them.

Vocabularies are small, heads flat or sharp, texts fall into repetition here and there, and the end tokens of
generation_config.json are ones that do occur: so that options have something to act on.
"""

import copy
import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "models"))

from families import DRAWS, ENCODER_DECODERS  # noqa: E402
from random_checkpoint import random_settings, randomize  # noqa: E402

IN_4_49 = ("bart", "bloom", "gpt2", "llama", "mistral", "phi3", "t5")  # with the files and caches of 5.23
FAMILIES = sorted(set(DRAWS) - {"rwkv"})  # whose beams the reference gives each other's states
PLAIN = 24  # tokens of the plain continuation


def small_settings(rng, family):
    config, _ = random_settings(rng, model_type=family, rope_kind="default")
    config["vocab_size"] = rng.choice([23, 48, 131, 160])
    config.pop("time_step_limit", None)  # docs/differences.md
    config.pop("quantization_config", None)
    for encoder, decoder in [("num_layers", "num_decoder_layers"), ("encoder_layers", "decoder_layers")]:
        if decoder in config:
            config[encoder] = config[decoder]  # else the reference's cache fails
    if isinstance(windows := config.get("attention_window"), list):
        config["attention_window"] = windows[:1] * config["encoder_layers"]
    return config


def make_model(rng, config):
    auto = AutoModelForSeq2SeqLM if config["model_type"] in ENCODER_DECODERS else AutoModelForCausalLM
    seed = rng.randrange(2**31)
    torch.manual_seed(seed)
    model = auto.from_config(AutoConfig.for_model(**config)).eval()
    randomize(model, torch.Generator().manual_seed(seed))
    if not model.config.tie_word_embeddings:
        model.get_output_embeddings().weight.data *= rng.choice([0.4, 1.0, 1.0, 2.0])
    return model


def make_invalid(model):
    """Logits of token 1 are NaN, of token 2 infinite with either sign."""
    weight = model.get_output_embeddings().weight.data
    weight[1] = float("nan")
    weight[2] = 0
    weight[2, 0] = float("inf")


def nearly(model, rng):
    """The model with weights that are a little off: what it drafts is right now and then."""
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    for parameter in model.parameters():
        parameter.data *= 1 + 0.15 * torch.randn(parameter.shape, generator=generator)
    return model


def save(model, config, folder):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    names = {id(p): n for n, p in reversed(list(model.named_parameters()))}  # tied copies once
    weights = {n: p.data.contiguous() for n, p in model.named_parameters() if names[id(p)] == n}
    weights |= {n: b.data for n, b in model.named_buffers() if n.endswith(("final_logits_bias", "correction_bias"))}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def save_tokenizer(rng, vocab, folder):
    """One whose tokens are letters, and pieces of a few of them: stop strings then begin and end inside of tokens."""
    letters = [*"etaoinshrdlucbf.", "\u0120"]  # the last is byte-level BPE's space; 4.49 wants to cut "abcdef"
    tokens = dict.fromkeys(letters)
    while len(tokens) < vocab:
        tokens["".join(rng.choices(letters, k=rng.randint(2, 4)))] = None
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def plain_greedy(model, prompts, **options):
    ids = torch.tensor(prompts)
    with torch.no_grad():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=PLAIN,
            pad_token_id=0,
            eos_token_id=None,
            remove_invalid_values=True,
            **options,
        )
    return out[:, 1 if model.config.is_encoder_decoder else ids.shape[1] :].tolist()


def random_prompts(rng, model, vocab, **options):
    """One to three prompts of one length: random tokens, some with a part of their own continuation in front."""
    n = rng.choice([1, 1, 1, 2, 3])
    length = rng.choice([1, 1, rng.randint(2, 12), rng.randint(10, 40)])
    prompts = [[rng.randrange(vocab) for _ in range(length)] for _ in range(n)]
    if length > 8 and rng.random() < 0.6:  # n-grams that come again
        found = plain_greedy(model, prompts, **options)
        prompts = [(prompt[-3:] + text + prompt)[:length] for prompt, text in zip(prompts, found, strict=True)]
    return prompts, plain_greedy(model, prompts, **options)


class Checkpoint:
    """A folder with a model, and prompts with their plain continuations.

    folder, family, vocab, layers, encodes, tied, invalid (its logits have NaN and infinities), calls: [(prompts, plain
    continuations)], tokenizer, begin (first token of a decoder with an encoder), window (of attention), n_new
    (max_new_tokens of its own file).
    """

    def __init__(self, seed, folder, n_calls):
        rng = random.Random(seed)
        self.folder = Path(folder)
        self.family = rng.choice(IN_4_49 if rng.random() < 0.4 else FAMILIES)
        self.n_new = None
        config = small_settings(rng, self.family)
        model = make_model(rng, config)
        self.vocab = config["vocab_size"]
        self.encodes = model.config.is_encoder_decoder
        self.tied = model.config.tie_word_embeddings
        self.window = getattr(model.config, "sliding_window", None)
        self.in_4_49 = self.family in IN_4_49 and "rope_scaling" not in config
        if self.family == "t5" and not config.get("tie_word_embeddings", True):
            self.in_4_49 = False  # it draws embeddings anew that are saved under one name for both halves
        self.layers = model.config.num_hidden_layers
        self.invalid = not self.tied and not self.encodes and rng.random() < 0.25
        if self.invalid:
            make_invalid(model)
        save(model, config, self.folder)
        self.tokenizer = save_tokenizer(rng, self.vocab, self.folder)
        self.draft = self.folder / "draft"
        generation = {"pad_token_id": rng.randrange(self.vocab)}
        start = {}
        if self.encodes:
            self.begin = rng.randrange(self.vocab)
            start = {"decoder_start_token_id": self.begin}
        self.calls = [random_prompts(rng, model, self.vocab, **start) for _ in range(n_calls)]
        seen = [token for _, texts in self.calls for text in texts for token in text]
        generation["eos_token_id"] = rng.sample(sorted(set(seen)), 1) + [rng.randrange(self.vocab)]
        self.eos = generation["eos_token_id"]
        save(nearly(model, rng), config, self.draft)
        for folder in (self.folder, self.draft):
            (folder / "generation_config.json").write_text(json.dumps(generation | start, indent=1))


class ShippedModel:
    """The shipped model, as a Checkpoint; prompts are openings of tales and their pieces."""

    OPENINGS = ("Once upon a time", "The king said to his daughter,", "A fox", '"Where are you', "In the wood there")

    def __init__(self, seed, folder, n_calls):
        from transformers import AutoTokenizer

        rng = random.Random(seed)
        self.folder, self.family, self.n_new, self.invalid = Path(folder), "skald-tales", 400, False
        self.draft, self.in_4_49, self.eos = self.folder, True, [0, 2]
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.vocab, self.encodes, self.tied = model.config.vocab_size, False, model.config.tie_word_embeddings
        self.layers, self.window = model.config.num_hidden_layers, None
        self.calls = []
        for _ in range(n_calls):
            prompts = [self.tokenizer(rng.choice(self.OPENINGS))["input_ids"]]
            if rng.random() < 0.2:
                prompts = [prompts[0][:1]]
            plain = plain_greedy(model, prompts, repetition_penalty=1.0)
            if rng.random() < 0.5:
                more = rng.randint(1, 12)
                prompts, plain = [prompts[0] + plain[0][:more]], [plain[0][more:]]
            self.calls.append((prompts, plain))
