"""How cost grows with the length of the prompt, the batch, the beams and the threads: a picture."""

from pathlib import Path

import svg

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "scaling.svg"
LENGTHS = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
BATCHES = [1, 2, 4, 8, 16, 32, 64]
BEAMS = [1, 2, 4, 8, 16]
THREADS = [1, 2]
# Of the random Llama: operations of a token's products with weights, and of one pair of a token and one before it.
TOKEN_FLOPS, PAIR_FLOPS = 2 * 968_884_224, 22 * 4 * 2048


def flops(tokens):
    """Operations of a prompt: the products, and attention to half of all pairs."""
    return TOKEN_FLOPS * tokens + PAIR_FLOPS * tokens * tokens / 2


def threads_text(threads):
    return f"{threads} thread{'s' if threads > 1 else ''}"


def measure(bench, options, say):
    """Runs `skald bench` over all sizes; writes the picture. `bench(**work)` gives its figures."""
    prefill, step, batch, beams = {}, {}, {}, {}
    some = slice(3 if options.quick else None)
    for threads in THREADS:
        name, fixed = threads_text(threads), {"threads": threads, "bits": options.bits, "repeat": 1}
        for n in LENGTHS[some]:
            say(f"{name}, prompt of {n}")
            figures = bench(prompt_tokens=n, gen_tokens=16, **fixed)
            prefill.setdefault(name, []).append((n, n / figures["prefill_tokens_per_s"]))
            step.setdefault(name, []).append((n, 1e3 / figures["decode_tokens_per_s"]))
        for n in BATCHES[some]:
            say(f"{name}, batch of {n}")
            figures = bench(prompt_tokens=64, gen_tokens=16, batch=n, **fixed)
            batch.setdefault(name, []).append((n, figures["decode_tokens_per_s"]))
        for n in BEAMS[some]:
            say(f"{name}, {n} beams")
            figures = bench(prompt_tokens=64, gen_tokens=16, beams=n, **fixed)
            beams.setdefault(name, []).append((n, 1e3 * n / figures["decode_tokens_per_s"]))
    options.picture.write_text(draw(prefill, step, batch, beams, options.bits), encoding="utf-8")
    say(f"wrote {options.picture}")


def draw(prefill, step, batch, beams, bits):
    """The picture of {name of a line: [(size, figure)]}."""
    most_threads = list(prefill.values())[-1]
    first, seconds = most_threads[0]
    growth = {"as the FLOPs": [(n, seconds * flops(n) / flops(first)) for n, _ in most_threads]}
    panels = [
        ("Prefill", "tokens of the prompt", "seconds", {**prefill, **growth}),
        ("Decoding after a prompt", "tokens of the prompt", "ms a step", step),
        ("Batch", "prompts at once", "tokens/s of all", batch),
        ("Beam search", "beams", "ms a step", beams),
    ]
    precision = f"{bits}-bit weights" if bits else "bf16"
    return svg.charts(panels, f"1.1 B Llama, {precision}")
