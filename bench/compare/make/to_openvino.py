#!/usr/bin/env python3
"""to_openvino.py MODEL OUT int4|int8: OpenVINO's form of a Hugging Face model, by optimum-intel."""

import sys

from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig
from transformers import AutoTokenizer

model, out, kind = sys.argv[1:]
how = {"bits": 4, "group_size": 64, "ratio": 1.0} if kind == "int4" else {"bits": 8}
config = OVWeightQuantizationConfig(sym=False, **how)
OVModelForCausalLM.from_pretrained(model, export=True, quantization_config=config).save_pretrained(out)

from openvino import save_model  # noqa: E402
from openvino_tokenizers import convert_tokenizer  # noqa: E402

texts = convert_tokenizer(AutoTokenizer.from_pretrained(model), with_detokenizer=True)
for converted, name in zip(texts, ["openvino_tokenizer.xml", "openvino_detokenizer.xml"]):
    save_model(converted, f"{out}/{name}")
