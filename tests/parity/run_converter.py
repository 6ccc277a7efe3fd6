"""Runs llama.cpp's own conversion on a drawn checkpoint: python run_converter.py LLAMA_CPP FOLDER OUT.gguf

LLAMA_CPP is the folder with convert_hf_to_gguf.py (vendor/llama.cpp of llama-cpp-python's source). The vocabularies of
drawn checkpoints are byte-level BPE of no model that exists: what the conversion would look up in its list of known
ones is said here, for whatever class converts the model.
"""

import json
import sys
from pathlib import Path

llama_cpp, folder, out = sys.argv[1:]
sys.path[:0] = [llama_cpp, f"{llama_cpp}/gguf-py"]

import convert_hf_to_gguf  # noqa: E402
from conversion.baichuan import BaichuanModel  # noqa: E402
from conversion.base import ModelBase, TextModel  # noqa: E402

TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
load_settings = ModelBase.load_hparams


def with_those_of_the_file(model, *arguments, **options):
    """transformers 5 renames settings as it reads them: GPT-NeoX's rotary_pct."""
    return json.loads((Path(model) / "config.json").read_text()) | load_settings(model, *arguments, **options)


ModelBase.load_hparams = staticmethod(with_those_of_the_file)
take_apart = BaichuanModel.modify_tensors


def only_what_is_packed(self, tensor, name, layer):
    """Baichuan's conversion calls itself for ever with all other tensors."""
    method = take_apart if "W_pack" in name else TextModel.modify_tensors
    return method(self, tensor, name, layer)


BaichuanModel.modify_tensors = only_what_is_packed
find_class = convert_hf_to_gguf.get_model_class


def with_plain_vocabulary(*arguments, **options):
    found = find_class(*arguments, **options)
    found.set_vocab = lambda self: self._set_vocab_gpt2()
    return found


convert_hf_to_gguf.get_model_class = with_plain_vocabulary
sys.argv = ["convert_hf_to_gguf.py", folder, "--outfile", out, "--outtype", "f32"]
convert_hf_to_gguf.main()
