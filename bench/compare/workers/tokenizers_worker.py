#!/usr/bin/env python3
"""Hugging Face tokenizers on one thread: encode FOLDER FILE whole|lines"""

import io
import json
import sys
import time
from pathlib import Path

from tokenizers import Tokenizer

loaded = {}
print('{"load_s": 0}', flush=True)
for line in sys.stdin:
    _, folder, file, how = line.split()
    if folder not in loaded:
        loaded[folder] = Tokenizer.from_file(folder + "/tokenizer.json")
    text = Path(file).read_bytes().decode("utf-8", errors="replace")
    parts = list(io.StringIO(text, newline="\n")) if how == "lines" else [text]
    start = time.perf_counter()
    tokens = sum(len(loaded[folder].encode(part).ids) for part in parts)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "bytes": len(text.encode()), "tokens": tokens}), flush=True)
