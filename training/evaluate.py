"""Measures held-out bits per byte of an exported model and writes unedited samples.

    python training/evaluate.py --model models/skald-tales --corpus CORPUS_DIR --out FILE.json

Bits per byte counts every token of every held-out document, the closing end-of-text included,
and divides by the bytes of the documents' text. Each document starts from end-of-text alone;
long ones are read in windows of the model's context, each token predicted once and with at least
a quarter of a context before it (but for the start of its document).
"""

import argparse
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from data import END_OF_TEXT, read_documents
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

STARTS = (
    "Once upon a time there was a little fox who",
    "The Wolf and the Crow\n\n",
    "There was once a king who had three daughters, and",
    "The old woman opened the door, and there stood",
    "Long ago, in a country by the sea,",
    '"Who are you?" asked the giant.',
)
REQUESTS = (
    "Tell me a story.",
    "Tell me a story about a dragon.",
    "Write a story about a mouse and a lion.",
    "Tell me a fairy tale.",
)


def windows(length: int, context: int) -> list[tuple[int, int, int]]:
    """Returns (begin, end, scored) for predicting `length` tokens; the last `scored` count."""
    spans, end = [], 0
    while end < length:
        begin = max(0, end - context // 4)
        stop = min(begin + context, length)
        spans.append((begin, stop, stop - end))
        end = stop
    return spans


@torch.inference_mode()
def document_bits(model: PreTrainedModel, tokens: list[int], context: int) -> float:
    """Returns the bits that the model needs for tokens[1:]; tokens[0] is given."""
    bits = 0.0
    for begin, stop, scored in windows(len(tokens) - 1, context):
        block = torch.tensor(tokens[begin : stop + 1])
        logits = model(block[None, :-1]).logits[0, -scored:].float()
        bits += F.cross_entropy(logits, block[-scored:], reduction="sum").item() / math.log(2)
    return bits


def bits_per_byte(folder: Path, corpus: Path, context: int, fast: bool) -> dict[str, float | str]:
    """Returns bits per byte and what it was computed from."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    end = tokenizer.convert_tokens_to_ids(END_OF_TEXT)
    bits, count, size = 0.0, 0, 0
    for text in read_documents(corpus, "valid"):
        tokens = [end, *tokenizer(text, verbose=False).input_ids, end]
        with torch.autocast("cpu", torch.bfloat16, enabled=fast):
            bits += document_bits(model, tokens, context)
        count += len(tokens) - 1
        size += len(text.encode())
    return {
        "bits_per_byte": round(bits / size, 4),
        "nats_per_token": round(bits * math.log(2) / count, 4),
        "perplexity_per_token": round(math.exp(bits * math.log(2) / count), 2),
        "bytes_per_token": round(size / count, 3),
        "arithmetic": "bfloat16 products" if fast else "float32",
        "tokens": count,
        "bytes": size,
    }


def prompts(folder: Path) -> list[str]:
    """Returns the texts to continue: story openings, then requests in the chat form."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chats = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": request}], tokenize=False, add_generation_prompt=True
        )
        for request in REQUESTS
    ]
    return [*STARTS, *chats]


def samples(folder: Path, seed: int, new_tokens: int, **sampling: float) -> list[dict]:
    """Continues every prompt once; the seeds count up from `seed`."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    written = []
    for number, prompt in enumerate(prompts(folder)):
        torch.manual_seed(seed + number)
        inputs = tokenizer(prompt, return_tensors="pt")
        output = model.generate(**inputs, max_new_tokens=new_tokens, **sampling)[0]
        text = tokenizer.decode(output[inputs.input_ids.shape[1] :], skip_special_tokens=False)
        written.append({"seed": seed + number, "prompt": prompt, "text": text})
    return written


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="exported folder")
    parser.add_argument("--corpus", type=Path, help="folder with valid.txt.xz; none: samples only")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--new-tokens", type=int, default=160)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--temperature", type=float, help="instead of the folder's own")
    parser.add_argument("--fast", action="store_true", help="bits per byte with bfloat16 products")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    own = {} if args.temperature is None else {"temperature": args.temperature}
    drawn = samples(args.model, args.seed, args.new_tokens, **own)
    result: dict[str, object] = {"new_tokens": args.new_tokens, "samples": drawn}
    if args.corpus:
        result["held_out"] = bits_per_byte(args.model, args.corpus, args.context, args.fast)
        print(json.dumps(result["held_out"]))
    args.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
