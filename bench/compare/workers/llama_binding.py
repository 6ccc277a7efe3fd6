"""llama.cpp by the low-level binding of llama-cpp-python: the program's first arguments are SOURCE and
LIBRARIES, the folders of both."""

import ctypes
import os
import sys
import types

import numpy

source, libraries = sys.argv[1:3]
os.environ["LLAMA_CPP_LIB_PATH"] = libraries
package = types.ModuleType("llama_cpp")  # without its __init__, which wants more packages
package.__path__ = [source + "/llama_cpp"]
sys.modules["llama_cpp"] = package
import llama_cpp.llama_cpp as llama  # noqa: E402


def load_model(path):
    """The model of a GGUF file, and the size of its vocabulary."""
    quiet = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    load_model.quiet = quiet  # kept alive
    llama.llama_log_set(quiet, None)
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
    if not model:
        raise RuntimeError("llama.cpp cannot load it")
    return model, llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))


class Sequences:
    """A context for `rows` sequences of up to `length` tokens, advanced together."""

    def __init__(self, model, rows, length, vocabulary, threads):
        settings = llama.llama_context_default_params()
        settings.n_seq_max = rows
        settings.n_ctx = rows * (256 * -(-length // 256))
        settings.n_batch = max(2048, rows)
        settings.n_ubatch = 512
        settings.n_threads = settings.n_threads_batch = threads
        self.context = llama.llama_init_from_model(model, settings)
        if not self.context:
            raise RuntimeError("llama.cpp makes no context")
        self.batch = llama.llama_batch_init(max(2048, rows), 0, 1)
        self.rows, self.vocabulary, self.length = rows, vocabulary, 0

    def close(self):
        llama.llama_batch_free(self.batch)
        llama.llama_free(self.context)

    def clear(self):
        llama.llama_memory_clear(llama.llama_get_memory(self.context), True)
        self.length = 0

    def put(self, tokens):
        """Adds (token, position, row, wants logits) to the sequences and computes."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for i, (token, position, row, wanted) in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, wanted
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = row
        if llama.llama_decode(self.context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        llama.llama_synchronize(self.context)

    def logits(self, count):
        """Logits [count, vocabulary] of the last tokens put, which all wanted theirs."""
        return numpy.ctypeslib.as_array(llama.llama_get_logits(self.context), (count, self.vocabulary))

    def best(self, i):
        logits = llama.llama_get_logits_ith(self.context, i)
        return int(numpy.ctypeslib.as_array(logits, (self.vocabulary,)).argmax())

    def prefill(self, ids):
        """Ids [rows, n] in batches of at most 2048 tokens; the next token of each row."""
        rows, n = ids.shape
        nexts = []
        at_once = max(1, 2048 // n)
        for begin in range(0, rows, at_once):
            part = range(begin, min(rows, begin + at_once))
            self.put([(int(ids[r, i]), i, r, i == n - 1) for r in part for i in range(n)])
            nexts += [self.best((r - begin + 1) * n - 1) for r in part]
        self.length = n
        return nexts

    def step(self, tokens):
        self.put([(token, self.length, row, True) for row, token in enumerate(tokens)])
        self.length += 1
        return [self.best(row) for row in range(self.rows)]
