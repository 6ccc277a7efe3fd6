#!/usr/bin/env python3
"""quantize_gguf.py SOURCE LIBRARIES IN.gguf OUT.gguf KIND: llama.cpp's own quantiser.

KIND is what llama-quantize calls it (Q4_K_M is a mix of types), or pure-KIND: every matrix of that type.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workers"))
from llama_binding import llama  # noqa: E402

model, out, kind = sys.argv[3:]
name = kind.removeprefix("pure-")
llama.llama_backend_init()
settings = llama.llama_model_quantize_default_params()
settings.ftype = llama.LLAMA_FTYPE_ALL_F32 if name == "F32" else getattr(llama, f"LLAMA_FTYPE_MOSTLY_{name}")
settings.pure = name != kind
if llama.llama_model_quantize(model.encode(), out.encode(), settings) != 0:
    raise SystemExit("llama.cpp does not quantise it")
