"""What is measured: groups of programs with their models, and the work that they all do in turns."""

from dataclasses import dataclass, replace

from recipes import ADVERSARIES, adversary_file


@dataclass(frozen=True)
class Work:
    """One figure. `request` goes to a worker; `value` makes the figure of its answer (and of what it said when it had
    loaded, where `request` is empty)."""

    name: str
    unit: str
    request: str
    value: object
    less_is_better: bool = False
    by: tuple = ("ours", "peer")  # kinds of contestants that do it


@dataclass(frozen=True)
class Contestant:
    name: str
    program: str  # as Contest.start() knows it
    model: str = ""  # of recipes.py
    settings: tuple = ()
    kind: str = "peer"  # or ours, machine (a limit), start (a program that is only started)

    def does(self, work):
        return self.kind in work.by


@dataclass(frozen=True)
class Group:
    name: str
    contestants: tuple
    works: tuple


def prefill(tokens):
    return Work(f"prefill {tokens}", "tokens/s", f"generate {tokens} 1 1 1", lambda a: tokens / a["first_s"])


def decode(rows, new=32, prompt=64, name=None):
    request = f"generate {prompt} {new} {rows} 1"
    return Work(name or f"decode b{rows}", "tokens/s", request, lambda a: rows / a["step_s"])


def beams(width, prompt=64, new=24):
    return Work(f"{width} beams", "steps/s", f"generate {prompt} {new} 1 {width}", lambda a: 1 / a["step_s"])


OURS, MACHINE, START = ("ours",), ("machine",), ("start",)
LOAD = Work("load to first token", "s", "", lambda a: a["load_s"], less_is_better=True)
MEMORY = Work("memory at first token", "MB", "", lambda a: a["peak_bytes"] / 1e6, less_is_better=True)
PEAK = Work("peak memory", "MB", "peak", lambda a: a["bytes"] / 1e6, less_is_better=True)
WEIGHTS = Work("weights", "GB", "", lambda a: a["weight_bytes"] / 1e9, by=OURS)
FILE = Work("file", "MB", "", lambda a: a["file_bytes"] / 1e6, by=OURS)
LLAMA_WORKS = (LOAD, MEMORY, prefill(128), prefill(512), decode(1), decode(4), decode(8), decode(16), beams(5), PEAK)

LIMITS = (
    Work("memory bandwidth", "GB/s", "memory", lambda a: a["rate"] / 1e9, by=MACHINE),
    Work("f32 FMAs", "GFLOPS", "fma", lambda a: a["rate"] / 1e9, by=MACHINE),
    Work("int8 tiles", "TOPS", "int8", lambda a: a["rate"] / 1e12, by=MACHINE),
    Work("bf16 tiles", "TFLOPS", "bf16", lambda a: a["rate"] / 1e12, by=MACHINE),
)
THIS_MACHINE = Contestant("this machine", "limits", kind="machine")
LENGTHS = (
    WEIGHTS,
    FILE,
    Work("prefill of 4096 tokens", "s", "generate 4096 1 1 1", lambda a: a["first_s"], True, by=OURS),
    replace(decode(1, 16, 4096, "decode after 4096"), by=OURS),
)

FLOAT = Group(
    "1.1 B, f32",
    (
        Contestant("Skald f32", "skald", "llama-f32", (32,), kind="ours"),
        Contestant("transformers f32", "transformers", "llama-f32", ("float32",)),
        THIS_MACHINE,
    ),
    (*LIMITS, *LLAMA_WORKS, WEIGHTS),
)

SMALL = Group(
    "1.1 B",
    (
        Contestant("Skald bf16", "skald", "llama-bf16", (16,), kind="ours"),
        Contestant("Skald 8-bit", "skald", "llama-bf16", (8,), kind="ours"),
        Contestant("Skald 4-bit", "skald", "llama-bf16", (4,), kind="ours"),
        Contestant("Skald Q8_0", "skald", "llama-Q8_0.gguf", (0,), kind="ours"),
        Contestant("Skald Q4_0", "skald", "llama-Q4_0.gguf", (0,), kind="ours"),
        Contestant("Skald Q4_K_M", "skald", "llama-Q4_K_M.gguf", (0,), kind="ours"),
        Contestant("llama.cpp Q4_0", "llama.cpp", "llama-Q4_0.gguf"),
        Contestant("llama.cpp Q4_K_M", "llama.cpp", "llama-Q4_K_M.gguf"),
        Contestant("llama.cpp Q8_0", "llama.cpp", "llama-Q8_0.gguf"),
        Contestant("llama.cpp F16", "llama.cpp", "llama-F16.gguf"),
        Contestant("CTranslate2 int8", "CTranslate2", "llama-ct2-int8", ("int8",)),
        Contestant("OpenVINO int4", "OpenVINO", "llama-openvino-int4"),
        Contestant("OpenVINO int8", "OpenVINO", "llama-openvino-int8"),
        Contestant("transformers bf16", "transformers", "llama-bf16", ("bfloat16",)),
        THIS_MACHINE,
    ),
    (*LIMITS, *LLAMA_WORKS, *LENGTHS),
)

LOADING = Group(  # of formats that nothing above computes with: it loads the others
    "1.1 B, loading",
    (
        Contestant("Skald .bin bf16", "skald", "llama-bin", (0,), kind="ours"),
        Contestant("Skald GGUF F16", "skald", "llama-F16.gguf", (0,), kind="ours"),
        Contestant("llama.cpp F16", "llama.cpp", "llama-F16.gguf"),
    ),
    (LOAD, MEMORY, FILE),
)

BART = Group(
    "BART-base shape",
    (
        Contestant("Skald f32", "skald", "bart", (32,), kind="ours"),
        Contestant("Skald bf16", "skald", "bart", (16,), kind="ours"),
        Contestant("Skald 8-bit", "skald", "bart", (8,), kind="ours"),
        Contestant("CTranslate2 f32", "CTranslate2", "bart-ct2-f32", ("float32",)),
        Contestant("CTranslate2 int8", "CTranslate2", "bart-ct2-int8", ("int8",)),
        Contestant("transformers f32", "transformers", "bart", ("float32",)),
    ),
    (
        Work("encode 256", "s", "generate 256 1 1 1", lambda a: a["first_s"], less_is_better=True),
        decode(1, prompt=256, name="greedy"),
        beams(4, prompt=256, new=32),
    ),
)

STORY = Group(
    "shipped model",
    (
        Contestant("Skald bf16", "skald", "shipped", (0,), kind="ours"),
        Contestant("Skald F16", "skald", "shipped-F16.gguf", (0,), kind="ours"),
        Contestant("llama.cpp F16", "llama.cpp", "shipped-F16.gguf"),
        Contestant("skald generate", "start of skald", kind="start"),
        Contestant("llama-simple F16", "start of llama.cpp", "shipped-F16.gguf", kind="start"),
    ),
    (
        prefill(512),
        decode(1, 256),
        decode(16, 64),
        Work("start to first token", "ms", "start", lambda a: 1e3 * a["seconds"], True, START),
    ),
)

TOKENIZERS = {
    "gpt2 kind": "tokenizer-gpt2",
    "llama kind": "tokenizer-llama",
    "t5 kind": "tokenizer-t5",
    "bert kind": "tokenizer-bert",
    "words kind": "tokenizer-words",
    "shipped": "shipped",
}


def encode(name, tokenizer, file, how):
    return Work(name, "MB/s", f"encode {{{tokenizer}}} {{{file}}} {how}", lambda a: a["bytes"] / a["seconds"] / 1e6)


TEXT = Group(
    "tokenizer",
    (
        Contestant("Skald", "skald tokenizers", kind="ours"),
        Contestant("Hugging Face tokenizers", "tokenizers"),
    ),
    (
        *(encode(f"{kind}, one string", folder, "string.txt", "whole") for kind, folder in TOKENIZERS.items()),
        *(encode(f"{kind}, lines", folder, "text.txt", "lines") for kind, folder in TOKENIZERS.items()),
        *(
            Work(
                f"{kind}, 1 MiB of {name}",
                "s",
                f"encode {{{folder}}} {{{adversary_file(name)}}} whole",
                lambda a: a["seconds"],
                less_is_better=True,
                by=OURS,
            )
            for kind, folder in TOKENIZERS.items()
            for name in ADVERSARIES
        ),
    ),
)

SAMPLER = Group(
    "sampler",
    (Contestant("Skald", "samplers", kind="ours"),),
    (Work("sampler chain, 128256 tokens", "ms", "samplers", lambda a: 1e3 * a["seconds"], less_is_better=True),),
)

GROUPS = (FLOAT, SMALL, LOADING, BART, STORY, TEXT, SAMPLER)
