"""Makes the models that are compared, once, in one folder: each a path, or NotAvailable with the reason."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from random import Random

from peers import NotAvailable, environment, logged, say

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHIPPED = ROOT / "models" / "skald-tales"
TEXT_BYTES = 10_000_000
WRITTEN_BYTES = 1_000_000
STRING_BYTES = 4_000_000
ADVERSARIAL_BYTES = 1 << 20
GGUF_TYPES = {  # of weights: what llama.cpp's quantiser calls a file of them
    **{kind: kind for kind in ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K")},
    **{"Q3_K": "Q3_K_S", "Q4_K": "Q4_K_S", "Q5_K": "Q5_K_S", "Q6_K": "Q6_K", "MXFP4": "MXFP4_MOE"},
    **{kind: kind for kind in ("IQ4_NL", "IQ4_XS")},
}


def hostile_texts():
    """{name: what is repeated} of bench/hostile_texts.txt, texts that tokenizers are slow on."""
    lines = (line.split(": ", 1) for line in (HERE.parent / "hostile_texts.txt").read_text("ascii").splitlines())
    return {name: text.encode().decode("unicode_escape").encode("latin-1") for name, text in lines}


ADVERSARIES = hostile_texts()


class Models:
    def __init__(self, folder, peers, options):
        self.folder, self.peers, self.tools = folder, peers, options.build / "bench"
        self.skald, self.threads, self.given_text = options.skald, options.threads, options.text
        self.failed = {}

    def path(self, name):
        """The model `name`, made unless it is there."""
        if name in self.failed:
            raise NotAvailable(self.failed[name])
        path = self.folder / name
        if not path.exists():
            say(f"making {name}")
            partial = path.with_name("partial-" + path.name)
            remove(partial)
            partial.parent.mkdir(parents=True, exist_ok=True)
            try:
                MAKERS[name](self, partial)
            except NotAvailable as error:
                self.failed[name] = f"{name} was not made: {error}"
                remove(partial)
                say(self.failed[name])
                raise NotAvailable(self.failed[name]) from error
            partial.rename(path)
        return path

    def logged(self, name, command):
        logged(self.folder / "logs" / f"{name}.log", list(map(str, command)), env=environment(self.threads))

    def script(self, name, *words, python=None):
        self.logged(name, [python or self.peers.python(), HERE / "make" / f"{name}.py", *words])

    def random_llama(self, out, dtype):
        self.logged("make_llama", [self.tools / "make_llama", out, dtype])
        self.tokenizer_files("tokenizer-llama-1.1b", out)

    def tokenizer(self, out, kind, size):
        self.script("make_tokenizer", out, self.path("text.txt"), kind, size)

    def tokenizer_files(self, name, out):
        for file in self.path(name).iterdir():
            shutil.copy(file, out)

    def bart(self, out):
        self.script("make_bart", out)
        self.tokenizer_files("tokenizer-bart", out)

    def bin(self, out):
        """The model in bf16 as torch.save writes it."""
        self.script("to_bin", self.path("llama-bf16"), out)

    def gguf(self, out, model):
        self.script("to_gguf", self.peers.llama_source() / "vendor" / "llama.cpp", model, out)

    def quantized_gguf(self, out, name, kind):
        source = self.peers.llama_source()
        self.script("quantize_gguf", source, self.peers.llama(), self.path(name), out, kind)

    def openvino(self, out, kind):
        self.script("to_openvino", self.path("llama-bf16"), out, kind, python=self.peers.converter())

    def ctranslate2(self, out, name, quantization):
        converter = Path(self.peers.python()).parent / "ct2-transformers-converter"
        command = [converter, "--model", self.path(name), "--output_dir", out, "--low_cpu_mem_usage"]
        self.logged("ctranslate2", command + (["--quantization", quantization] if quantization else []))

    def text(self, out):
        """The text that was given, or sentences as the shipped model writes them, drawn again and again."""
        if self.given_text:
            out.write_bytes(Path(self.given_text).read_bytes()[:TEXT_BYTES])
            return
        sentences = re.findall(r"[^.!?]+[.!?]+[\"')]*\s*", self.written())
        random = Random(0)
        with out.open("w", encoding="utf-8") as file:
            while file.tell() < TEXT_BYTES:
                file.write("".join(random.choices(sentences, k=1000)))

    def written(self):
        """What the shipped model writes, the same in every run: WRITTEN_BYTES at least."""
        asked = [str(self.skald), "generate", "--prompt", "The", "--max-new-tokens", "900", "--temperature", "1"]
        asked += ["--num-return-sequences", "64", "--ignore-eos", "--threads", str(self.threads), "--json"]
        texts = []
        for seed in range(1, 100):
            done = subprocess.run(asked + ["--seed", str(seed)], stdout=subprocess.PIPE, check=False)
            if done.returncode != 0:
                raise NotAvailable("skald generate failed")
            texts += [json.loads(line)["text"] for line in done.stdout.splitlines()]
            if sum(map(len, texts)) >= WRITTEN_BYTES:
                break
        return "".join(texts)

    def string(self, out):
        out.write_bytes(self.path("text.txt").read_bytes()[:STRING_BYTES].replace(b"\n", b" "))


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def adversary(unit):
    return lambda models, out: out.write_bytes((unit * ADVERSARIAL_BYTES)[:ADVERSARIAL_BYTES])


def adversary_file(name):
    return f"adversarial-{name.replace(' ', '-')}.txt"


MAKERS = {
    "text.txt": Models.text,
    "string.txt": Models.string,
    "tokenizer-llama-1.1b": lambda m, out: m.tokenizer(out, "gpt2", 32000),
    "tokenizer-bart": lambda m, out: m.tokenizer(out, "gpt2", 50265),
    "tokenizer-gpt2": lambda m, out: m.tokenizer(out, "gpt2", 50257),
    "tokenizer-llama": lambda m, out: m.tokenizer(out, "llama", 32000),
    "tokenizer-t5": lambda m, out: m.tokenizer(out, "t5", 8000),
    "tokenizer-bert": lambda m, out: m.tokenizer(out, "bert", 30000),
    "tokenizer-words": lambda m, out: m.tokenizer(out, "words", 30000),
    "llama-f32": lambda m, out: m.random_llama(out, "f32"),
    "llama-bf16": lambda m, out: m.random_llama(out, "bf16"),
    "llama-bin": Models.bin,
    "llama-F16.gguf": lambda m, out: m.gguf(out, m.path("llama-bf16")),
    **{
        f"llama-{kind}.gguf": lambda m, out, kind=kind: m.quantized_gguf(out, "llama-F16.gguf", kind)
        for kind in ("Q8_0", "Q4_0", "Q4_K_M")
    },
    "llama-openvino-int4": lambda m, out: m.openvino(out, "int4"),
    "llama-openvino-int8": lambda m, out: m.openvino(out, "int8"),
    "llama-ct2-int8": lambda m, out: m.ctranslate2(out, "llama-bf16", "int8"),
    "bart": Models.bart,
    "bart-ct2-f32": lambda m, out: m.ctranslate2(out, "bart", None),
    "bart-ct2-int8": lambda m, out: m.ctranslate2(out, "bart", "int8"),
    "shipped-F16.gguf": lambda m, out: m.gguf(out, SHIPPED),
    **{
        f"shipped-{kind}.gguf": lambda m, out, kind=kind: m.quantized_gguf(out, "shipped-F16.gguf", kind)
        for kind in ("Q8_0", "Q4_0", "Q4_K_M", *(f"pure-{name}" for name in GGUF_TYPES.values()))
    },
    **{adversary_file(name): adversary(unit) for name, unit in ADVERSARIES.items()},
}
