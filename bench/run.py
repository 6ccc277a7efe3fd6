#!/usr/bin/env python3
"""Measures Skald's speed on this machine and prints it as tables.

Runs `skald bench` on the model that ships and on a random Llama of TinyLlama-1.1B's shape, made on the spot in f32 and
bf16; times the start of the program to the first text; compares what strategies cost; runs the benchmarks of layers,
options and kernels. Speed is shown as a share of the
memory bandwidth measured beside it, since a figure alone means little on another machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import page
import scaling

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = "(shipped)"  # stands for the model that `skald` takes where none is named
LLAMA_PARAMETERS = 1_100_048_384


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run_json(command):
    """The JSON object that `command` prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise SystemExit(f"bench: failed ({done.returncode}): {' '.join(map(str, command))}")
    return json.loads(done.stdout)


def table(header, rows):
    """A Markdown table; the first column is left-aligned, the others right."""
    lines = [" | ".join(header), " | ".join([":---"] + ["---:"] * (len(header) - 1))]
    return "\n".join(f"| {line} |" for line in lines + [" | ".join(row) for row in rows])


def make_llama(maker, folder, dtype):
    """The random model in `folder`, made unless it is there; None where it does not fit."""
    size = LLAMA_PARAMETERS * (4 if dtype == "f32" else 2)
    model = folder / f"random-llama-1.1b-{dtype}"
    if (model / "config.json").exists():
        return model
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < size + (1 << 30):
        say(f"no room for {model} ({size / 1e9:.1f} GB): left out")
        return None
    say(f"making {model} ({size / 1e9:.1f} GB)")
    subprocess.run([maker, model, dtype], check=True)
    return model


def bench(skald, model, **work):
    """The figures of `skald bench` for one piece of work; options that are None are left out."""
    command = [skald, "bench", "--json"]
    if model != SHIPPED:
        command.append(model)
    for name, value in work.items():
        if value is not None:
            command += ["--" + name.replace("_", "-"), str(value)]
    return run_json(command)


def model_rows(skald, name, model, threads, batches):
    """Rows of the table of models, one a batch size."""
    rows = []
    for batch in batches:
        say(f"{name}, batch {batch}")
        work = {"prompt_tokens": 512 if batch == 1 else 64, "gen_tokens": 32, "batch": batch}
        result = bench(skald, model, threads=threads, **work)
        share = result["dram_share"]
        rows.append(
            [
                name,
                str(batch),
                f"{result['prefill_tokens_per_s']:.0f} ({work['prompt_tokens']})",
                f"{result['decode_tokens_per_s']:.1f}",
                f"{share * result['dram_bytes_per_s'] / 1e9:.1f}",
                f"{share * 100:.0f} %",
                f"{result['load_s']:.3f}",
                f"{result['peak_rss_bytes'] / 2**20:.0f}",
            ]
        )
    return rows


def cost_table(program, model):
    """What strategies and guidance cost a step of `model`, against one greedy stream in turns with them."""
    if not (model / "tokenizer.json").exists():  # attributes and phrases are texts
        shutil.copy(ROOT / "models" / "skald-tales" / "tokenizer.json", model)
    rows = [
        [entry["name"], f"{1e3 * entry['step_s']:.1f}", f"{entry['ratio']:.2f}"] for entry in run_json([program, model])
    ]
    return table(["1.1 B Llama, bf16", "ms a step", "cost"], rows)


def first_text_seconds(skald, threads):
    """From starting the process to the first bytes of its text."""
    command = [skald, "generate", "--prompt", "Once upon a time", "--max-new-tokens", "8", "--seed", "1"]
    if threads:
        command += ["--threads", str(threads)]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        first = process.stdout.read(1)
        seconds = time.perf_counter() - start
        process.stdout.read()
    if process.returncode != 0 or not first:
        raise SystemExit(f"bench: failed ({process.returncode}): {' '.join(map(str, command))}")
    return seconds


def startup_text(skald, threads, runs=20):
    times = sorted(first_text_seconds(skald, threads) for _ in range(runs))
    return (
        f"Start of the program to its first text, shipped model, {runs} runs: "
        f"median {statistics.median(times) * 1e3:.0f} ms, fastest {times[0] * 1e3:.0f} ms."
    )


# Counters of the kernel benchmarks: heading, key, factor, digits after the point.
KERNEL_COUNTERS = [
    ("GFLOPS", "GFLOPS", 1, 1),
    ("% of FMA peak", "fma_share", 100, 0),
    ("GB/s", "GB/s", 1, 1),
    ("% of reads", "read_share", 100, 0),
]


def kernel_table(program):
    """The kernel benchmarks: time, and the rates that each states."""
    result = run_json([program, "--benchmark_format=json", "--benchmark_min_time=0.1"])
    rows = []
    for entry in result["benchmarks"]:
        counters = [
            f"{entry[key] * factor:.{digits}f}" if key in entry else "-" for _, key, factor, digits in KERNEL_COUNTERS
        ]
        rows.append([f"`{entry['name']}`", f"{entry['real_time']:.4g} {entry['time_unit']}", *counters])
    return table(["kernel", "time", *(heading for heading, *_ in KERNEL_COUNTERS)], rows)


def layer_table(program):
    """One layer of each shape of model: a step of 1 and of 8 sequences against what it reads."""
    result = run_json([program, "--benchmark_format=json", "--benchmark_min_time=0.3"])
    rows = []
    for entry in result["benchmarks"]:
        name, sequences, *_ = entry["name"].split("/")
        milliseconds = entry["real_time"] / {"ns": 1e6, "us": 1e3, "ms": 1}[entry["time_unit"]]
        rates = [f"{entry['MB']:.1f}", f"{entry['GB/s']:.1f}", f"{100 * entry['read_share']:.0f} %"]
        rows.append([name, sequences, f"{milliseconds:.2f}", *rates])
    return table(["layer", "sequences", "ms", "MB", "GB/s", "of memory"], rows)


SIZES = ["32000", "128256"]  # of vocabularies


def microseconds(program):
    """The CPU time of benchmarks that are called NAME/SIZE of vocabulary: {NAME: {SIZE: text}}."""
    result = run_json([program, "--benchmark_format=json", "--benchmark_min_time=0.1"])
    costs = {}
    for entry in result["benchmarks"]:
        name, vocabulary = entry["name"].rsplit("/", 1)
        time = entry["cpu_time"] / {"ns": 1e3, "us": 1, "ms": 1e-3}[entry["time_unit"]]
        costs.setdefault(name, {})[vocabulary] = f"{time:.3g}"
    return costs


def vocabulary_table(program, what):
    """What options or strategies cost a token, at two sizes of vocabulary."""
    rows = [[name, *(by_size[size] for size in SIZES)] for name, by_size in microseconds(program).items()]
    return table([what, *(f"µs, {size} tokens" for size in SIZES)], rows)


def constraint_table(program):
    """What constraints and stop strings cost to set up, and a token."""
    costs = microseconds(program)
    names = dict.fromkeys(name.rsplit("/", 1)[0] for name in costs)
    rows = [
        [name, *(costs[f"{name}/{part}"][size] for part in ("set-up", "token") for size in SIZES)] for name in names
    ]
    parts = ["set-up", "a token"]
    return table(["constraint", *(f"{part}, µs, {size}" for part in parts for size in SIZES)], rows)


def machine_text(options):
    info = run_json([options.skald, "info", "--bandwidth", "--json"])
    return (
        f"{info['cpu']}, {options.threads or info['threads']} threads, `{info['kernel_table']}` kernels; memory gives "
        f"{info['memory_bytes_per_s'] / 1e9:.1f} GB/s. Skald {info['version']}."
    )


def measure_scaling(options):
    model = options.model or make_llama(options.build / "bench" / "make_llama", options.models, "bf16")
    if not model:
        return
    scaling.measure(lambda **work: bench(options.skald, model, **work), options, say)
    if options.write:
        page.write_section("scaling", f"{machine_text(options)}\n\n![How cost grows](scaling.svg)")
        say(f"wrote {page.PAGE.name}")


def measure(options):
    tools = options.build / "bench"
    parts = [machine_text(options)]
    model = None
    rows = model_rows(options.skald, "shipped", SHIPPED, options.threads, options.batches)
    for dtype in [] if options.quick else ["f32", "bf16"]:
        model = make_llama(tools / "make_llama", options.models, dtype)
        if model:
            rows += model_rows(options.skald, f"1.1 B Llama, {dtype}", model, options.threads, options.batches)
    header = [
        "model",
        "batch",
        "prefill tokens/s (prompt)",
        "decode tokens/s",
        "GB/s",
        "of memory",
        "load s",
        "peak MiB",
    ]
    parts += [table(header, rows), startup_text(options.skald, options.threads)]
    if model and not options.quick:
        say("costs of strategies")
        parts.append(cost_table(tools / "bench_costs", model))
    details = [
        ("bench_layers", layer_table),
        ("bench_processors", lambda program: vocabulary_table(program, "option")),
        ("bench_strategies", lambda program: vocabulary_table(program, "strategy")),
        ("bench_constraints", constraint_table),
        ("bench_kernels", kernel_table),
    ]
    for name, make in details:
        if (tools / name).exists() and not options.quick:
            say(name)
            parts.append(make(tools / name))
    return "\n\n".join(parts)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", help="build tree to measure")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "build" / "bench", help="where the random models are kept"
    )
    parser.add_argument("--threads", type=int, help="threads (default: all)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16], help="batch sizes (default: 1 4 16)")
    parser.add_argument(
        "--scaling",
        action="store_true",
        help="instead: cost against prompt length, batch, beams and threads, as docs/scaling.svg (minutes)",
    )
    parser.add_argument("--model", help="with --scaling: the model (default: the random Llama in bf16)")
    parser.add_argument("--picture", type=Path, default=scaling.PICTURE, help="with --scaling: the file to write")
    parser.add_argument("--bits", type=int, help="with --scaling: the precision of its weights")
    parser.add_argument("--quick", action="store_true", help="only the shipped model; with --scaling: only small sizes")
    parser.add_argument("--write", action="store_true", help="also write them into docs/performance.md")
    options = parser.parse_args()
    options.skald = Path(os.environ.get("SKALD_CLI", options.build / "cli" / "skald"))
    return options


def main():
    options = parse_arguments()
    if options.scaling:
        measure_scaling(options)
        return
    text = measure(options)
    print(text)
    if options.write:
        page.write_section("measured", text)
        say(f"wrote {page.PAGE.name}")


if __name__ == "__main__":
    main()
