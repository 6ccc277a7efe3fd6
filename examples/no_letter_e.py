"""no_letter_e.py [PROMPT [MODEL]]: a story without the letter e, by a logits processor of one's own.

A processor sees the ids so far and the scores of every token that may come, and returns scores. Those written for
transformers work as they are.
"""

import sys

import numpy
import skald
from skald.transformers import AutoModelForCausalLM, AutoTokenizer, LogitsProcessor, LogitsProcessorList, set_seed


class WithoutLetter(LogitsProcessor):
    def __init__(self, tokenizer, letter: str):
        spelled = [tokenizer.decode([token]) for token in range(len(tokenizer))]
        self.taken_out = numpy.array([letter in text.lower() for text in spelled])

    def __call__(self, input_ids, scores):
        # scores: [rows, vocab_size], which may be more than the tokenizer has words for
        scores[:, : len(self.taken_out)][:, self.taken_out] = -numpy.inf
        return scores


prompt = sys.argv[1] if len(sys.argv) > 1 else "A young man was walking"
name = skald.find(sys.argv[2] if len(sys.argv) > 2 else None)
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModelForCausalLM.from_pretrained(name)
set_seed(3)
outputs = model.generate(
    **tokenizer(prompt, return_tensors="np"),
    logits_processor=LogitsProcessorList([WithoutLetter(tokenizer, "e")]),
    max_new_tokens=60,
    do_sample=True,
    temperature=0.8,
)
print(tokenizer.decode(outputs[0], skip_special_tokens=True))
