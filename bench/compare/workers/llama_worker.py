#!/usr/bin/env python3
"""llama_worker.py SOURCE LIBRARIES MODEL THREADS: llama.cpp at work."""

import sys
import time

from llama_binding import Sequences, load_model
from protocol import random_prompts, serve

path, threads = sys.argv[3:]


def load():
    model, vocabulary = load_model(path)

    def timed(sequences, ids, new):
        sequences.clear()
        start = time.perf_counter()
        tokens = sequences.prefill(ids)
        first = time.perf_counter()
        for _ in range(new - 1):
            tokens = sequences.step(tokens)
        return first - start, (time.perf_counter() - first) / (new - 1) if new > 1 else 0.0

    def generate(prompt, new, rows, beams):
        if beams > 1:
            raise RuntimeError("llama.cpp has no beam search")
        sequences = Sequences(model, rows, prompt + new, vocabulary, int(threads))
        try:
            timed(sequences, random_prompts(rows, prompt, vocabulary), min(new, 2))
            return timed(sequences, random_prompts(rows, prompt, vocabulary), new)
        finally:
            sequences.close()

    return generate


serve(load)
