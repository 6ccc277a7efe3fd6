"""from_transformers.py [skald|transformers [MODEL]]: the same code on either; only the import differs."""

import importlib
import sys

PACKAGES = {"skald": "skald.transformers", "transformers": "transformers"}


def main(package: str = "skald", name: str | None = None) -> None:
    face = importlib.import_module(PACKAGES[package])
    name = name or importlib.import_module("skald").find(None)
    kind = "np" if package == "skald" else "pt"

    tokenizer = face.AutoTokenizer.from_pretrained(name, padding_side="left")
    model = face.AutoModelForCausalLM.from_pretrained(name, dtype="float32")
    inputs = tokenizer(["Once upon a time", "The king"], return_tensors=kind, padding=True)
    outputs = model.generate(**inputs, max_new_tokens=20, num_beams=3, do_sample=False, repetition_penalty=1.0)
    for text in tokenizer.batch_decode(outputs, skip_special_tokens=True):
        print(repr(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
