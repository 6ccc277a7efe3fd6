#!/usr/bin/env python3
"""ctranslate2_worker.py MODEL THREADS COMPUTE_TYPE"""

import json
import sys
from pathlib import Path

import ctranslate2
from protocol import from_steps, from_two_calls, random_prompts, serve


def load():
    folder, threads, compute_type = sys.argv[1:]
    settings = {"device": "cpu", "inter_threads": 1, "intra_threads": int(threads), "compute_type": compute_type}
    shared = Path(folder, "shared_vocabulary.json")
    words = json.loads((shared if shared.exists() else Path(folder, "vocabulary.json")).read_text(encoding="utf-8"))
    translator = shared.exists()
    model = (ctranslate2.Translator if translator else ctranslate2.Generator)(folder, **settings)

    def generate(prompt, new, rows, beams):
        def prompts():
            return [[words[i] for i in row] for row in random_prompts(rows, prompt, len(words))]

        def call(texts, n, **more):
            if translator:
                model.translate_batch(texts, beam_size=beams, min_decoding_length=n, max_decoding_length=n, **more)
            else:
                more |= {"include_prompt_in_result": False}
                model.generate_batch(texts, beam_size=beams, min_length=n, max_length=n, **more)

        def told_call(texts, n, told):  # only of greedy texts
            call(texts, n, callback=lambda _: bool(told()))

        return from_steps(prompts, told_call, new) if beams == 1 else from_two_calls(prompts, call, new)

    return generate


serve(load)
