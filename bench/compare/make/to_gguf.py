#!/usr/bin/env python3
"""to_gguf.py LLAMA_CPP MODEL OUT.gguf: llama.cpp's own converter, in f16.

It knows tokenizers by what they make of one text, and refuses others; that of a random model or of a small one is taken
as GPT-2's: ids are what is measured.
"""

import sys
from pathlib import Path

source, model, out = sys.argv[1:]
sys.path[:0] = [source, source + "/gguf-py"]
import convert_hf_to_gguf  # noqa: E402
from conversion.base import TextModel  # noqa: E402

TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv = ["convert_hf_to_gguf.py", str(Path(model)), "--outfile", out, "--outtype", "f16"]
convert_hf_to_gguf.main()
