#!/usr/bin/env python3
"""quantize_gguf.py SOURCE LIBRARIES IN.gguf OUT.gguf Q8_0|Q4_0|Q4_K_M: llama.cpp's own quantiser."""

import os
import sys
import types

source, libraries, model, out, kind = sys.argv[1:]
os.environ["LLAMA_CPP_LIB_PATH"] = libraries
package = types.ModuleType("llama_cpp")  # without its __init__, which wants more packages
package.__path__ = [source + "/llama_cpp"]
sys.modules["llama_cpp"] = package
import llama_cpp.llama_cpp as llama  # noqa: E402

llama.llama_backend_init()
settings = llama.llama_model_quantize_default_params()
settings.ftype = {"Q8_0": 7, "Q4_0": 2, "Q4_K_M": 15}[kind]
if llama.llama_model_quantize(model.encode(), out.encode(), settings) != 0:
    raise SystemExit("llama.cpp does not quantise it")
