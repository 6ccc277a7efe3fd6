#!/usr/bin/env python3
"""transformers_worker.py MODEL THREADS float32|bfloat16"""

import sys
import time

import torch
from protocol import random_prompts, serve
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, LogitsProcessor


class Clock(LogitsProcessor):
    """Notes when the logits of each step are there."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores):
        self.times.append(time.perf_counter())
        return scores


def load():
    folder, threads, dtype = sys.argv[1:]
    torch.set_num_threads(int(threads))
    config = AutoConfig.from_pretrained(folder)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    model.generation_config.eos_token_id = None
    model.generation_config.forced_eos_token_id = None

    def call(rows, prompt, new, beams):
        ids = torch.from_numpy(random_prompts(rows, prompt, config.vocab_size))
        clock = Clock()
        start = time.perf_counter()
        with torch.inference_mode():
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=new,
                do_sample=False,
                num_beams=beams,
                pad_token_id=0,
                logits_processor=[clock],
            )
        times = clock.times
        return times[0] - start, (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0

    def generate(prompt, new, rows, beams):
        call(rows, prompt, min(new, 2), beams)
        return call(rows, prompt, new, beams)

    return generate


serve(load)
