#!/usr/bin/env python3
"""Checks in the machine code that wide instructions stay inside the kernels that are chosen at run time.

    tools/check_isa.py OBJECT...        archives, objects or shared libraries; prints one function a line

An inline function that the compiler made with AVX would be picked by the linker for every machine, and stop the
program on one without it. So a ymm, zmm, tmm or mask register, or any VEX or EVEX instruction, may occur only in
functions that live in the namespace of an instruction set.
"""

import re
import subprocess
import sys

import tree

NAMESPACES = ("avx2", "avx512", "amx", "f16c", "vnni")  # prefixes of skald::kernels::<namespace>
# Compared with the mangled name, where the function's own namespace comes first: the demangled form also names those
# of its result, its arguments and its template arguments.
ALLOWED = re.compile(rf"^_ZL?(?:Z|GV|TW|TH)*N?[KVrRO]*5skald7kernels\d+(?:{'|'.join(NAMESPACES)})")
LABEL = re.compile(r"^[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t(.+)$")
REGISTER = re.compile(r"%[yzt]mm\d|%k[0-7]\b")
VEX = re.compile(
    r"^(?:\{\w+\}\s+)?(?:v(?!er[rw]\b|m(?:call|launch|resume|xo|read|write|run|load|save|mcall|func))[a-z0-9]+"
    r"|k(?:mov|and|andn|or|xor|xnor|not|add|ortest|test|shift[lr]|unpck\w\w)[bwdq]"
    r"|andn|bextr|bls[ir]|blsmsk|bzhi|mulx|pdep|pext|rorx|sarx|shlx|shrx|ldtilecfg|sttilecfg|tile\w+|tdp\w+)\b"
)


def is_wide(instruction: str) -> bool:
    return bool(VEX.match(instruction) or REGISTER.search(instruction))


def scan(disassembly) -> tuple[dict[str, str], int, int]:
    """Lines of `objdump -d` -> ({offending symbol: first wide instruction}, functions seen, of these allowed ones)."""
    offenders, symbol, allowed, n_functions, n_allowed = {}, "", False, 0, 0
    for line in disassembly:
        if label := LABEL.match(line):
            symbol = label[1].split("@")[0]
            allowed = bool(ALLOWED.match(symbol))
            n_functions += 1
            n_allowed += allowed
        elif not allowed and symbol not in offenders and (found := INSTRUCTION.match(line)) and is_wide(found[1]):
            offenders[symbol] = " ".join(found[1].split())
    return offenders, n_functions, n_allowed


def demangle(symbols: list[str]) -> list[str]:
    done = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def check(path: str) -> list[str]:
    command = ["objdump", "-d", "--no-show-raw-insn", path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        offenders, n_functions, n_allowed = scan(process.stdout)
    if process.returncode != 0:
        return [f"{path}: objdump failed with status {process.returncode}"]
    if n_functions == 0:
        return [f"{path}: no functions found: not an object file with symbols"]
    print(f"{path}: {n_functions} functions, {n_allowed} in the namespaces of instruction sets", file=sys.stderr)
    names = demangle(list(offenders))
    return [f"{path}: {name}: {line}" for name, line in zip(names, offenders.values())]


def main(paths: list[str]) -> int:
    if not paths:
        sys.exit(__doc__)
    return tree.report([offender for path in paths for offender in check(path)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
