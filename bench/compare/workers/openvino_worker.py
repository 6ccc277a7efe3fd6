#!/usr/bin/env python3
"""openvino_worker.py MODEL THREADS: OpenVINO GenAI's pipeline as it comes."""

import sys

import numpy
import openvino
import openvino_genai
from protocol import from_two_calls, random_prompts, serve


def load():
    folder, threads = sys.argv[1:]
    pipeline = openvino_genai.LLMPipeline(folder, "CPU", INFERENCE_NUM_THREADS=int(threads))

    def generate(prompt, new, rows, beams):
        def prompts():
            ids = openvino.Tensor(random_prompts(rows, prompt, 32000).astype(numpy.int64))
            return openvino_genai.TokenizedInputs(ids, openvino.Tensor(numpy.ones((rows, prompt), numpy.int64)))

        def call(inputs, n):
            config = openvino_genai.GenerationConfig(max_new_tokens=n, min_new_tokens=n, ignore_eos=True)
            config.do_sample = False
            config.num_beams = beams
            pipeline.generate(inputs, config)

        return from_two_calls(prompts, call, new)

    return generate


serve(load)
