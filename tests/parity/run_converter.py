"""Runs llama.cpp's own conversion on a drawn checkpoint: python run_converter.py LLAMA_CPP FOLDER OUT.gguf

LLAMA_CPP is the folder with convert_hf_to_gguf.py (vendor/llama.cpp of llama-cpp-python's source). The vocabularies of
drawn checkpoints are byte-level BPE of no model that exists: what the conversion would look up in its list of known
ones is said here, for whatever class converts the model.
"""

import sys

llama_cpp, folder, out = sys.argv[1:]
sys.path[:0] = [llama_cpp, f"{llama_cpp}/gguf-py"]

import convert_hf_to_gguf  # noqa: E402
from conversion.base import TextModel  # noqa: E402

TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
find_class = convert_hf_to_gguf.get_model_class


def with_plain_vocabulary(*arguments, **options):
    found = find_class(*arguments, **options)
    found.set_vocab = lambda self: self._set_vocab_gpt2()
    return found


convert_hf_to_gguf.get_model_class = with_plain_vocabulary
sys.argv = ["convert_hf_to_gguf.py", folder, "--outfile", out, "--outtype", "f32"]
convert_hf_to_gguf.main()
