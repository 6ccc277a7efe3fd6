"""How the time of a tokenizer grows with its text: 1 and 2 MiB of texts that are the hardest for one or the other kind.

    python bench/tokenizer_time.py build/release/bench/skald_worker FOLDER...

Prints a row for each folder: the slowest 1 MiB, and the greatest ratio of the time of 2 MiB to that of 1 MiB (best of
several runs each; 2 is linear). Times under 5 ms are not compared.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MIB = 1 << 20
RUNS = 7
LEAST = 0.005  # seconds
UNITS = {
    "one letter": "a",
    "two letters": "ab",
    "spaces": " ",
    "lines": "\n",
    "digits": "7",
    "signs": "!?",
    "accents": "e\u0301\u0300",
    "ideographs": "\u4e00\u9f8d",
    "joined emoji": "\U0001f468\u200d\U0001f469\u200d",
    "words": "the old king had three daughters and ",
    "words without spaces": "theoldkinghadthreedaughtersand",
}


class Worker:
    def __init__(self, program):
        self.process = subprocess.Popen(
            [program, "tokenizers"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.process.stdout.readline()

    def seconds(self, folder, file):
        """Of encoding the file as one string; None where the tokenizer refuses the text."""
        print(f"encode {folder} {file} whole", file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline()).get("seconds")


def fill(unit, size):
    return (unit.encode() * (size // len(unit.encode()) + 1))[: size // len(unit.encode()) * len(unit.encode())]


def main():
    program, *folders = sys.argv[1:]
    worker = Worker(program)
    print("| tokenizer | slowest 1 MiB, s | of | t(2n) / t(n), at most | of |")
    print("|---|---:|---|---:|---|")
    with tempfile.TemporaryDirectory() as directory:
        files = {}
        for name, unit in UNITS.items():
            for times in (1, 2):
                files[name, times] = Path(directory) / f"{name.replace(' ', '-')}-{times}.txt"
                files[name, times].write_bytes(fill(unit, times * MIB))
        for folder in map(Path, folders):
            once, growth = {}, {}
            for name in UNITS:
                times = [[worker.seconds(folder, files[name, n]) for n in (1, 2)] for _ in range(RUNS)]
                if None in times[0]:
                    continue
                short, long = (min(run[i] for run in times) for i in (0, 1))
                once[name] = short
                if short >= LEAST:
                    growth[name] = long / short
            slowest = max(once, key=once.get)
            steepest = max(growth, key=growth.get, default=None)
            ratio = f"{growth[steepest]:.2f} | {steepest}" if steepest else " | "
            print(f"| {folder.name} | {once[slowest]:.3f} | {slowest} | {ratio} |", flush=True)


if __name__ == "__main__":
    main()
