#!/usr/bin/env python3
"""quantize_gguf.py SOURCE LIBRARIES IN.gguf OUT.gguf Q8_0|Q4_0|Q4_K_M: llama.cpp's own quantiser."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workers"))
from llama_binding import llama  # noqa: E402

model, out, kind = sys.argv[3:]
llama.llama_backend_init()
settings = llama.llama_model_quantize_default_params()
settings.ftype = {"Q8_0": 7, "Q4_0": 2, "Q4_K_M": 15}[kind]
if llama.llama_model_quantize(model.encode(), out.encode(), settings) != 0:
    raise SystemExit("llama.cpp does not quantise it")
