#!/usr/bin/env python3
"""Checks the direction of `#include` lines: who may know whom (HACKING.md, "Layers").

tools/check_layers.py [ROOT]        prints one offence a line; exit status 1 if there is any
"""

import re
import sys
from pathlib import Path

import tree

# folder -> folders directly to its left; what those may include, it may include too
LEFT_OF = {
    "base": [],
    "json": ["base"],
    "text": ["json"],
    "grammar": ["text"],
    "decode": ["grammar"],
    "quant": ["base"],
    "formats": ["json", "quant"],
    "kernels": ["quant"],
    "nn": ["formats", "kernels"],
    "models": ["nn"],
    "hub": ["json"],
    "engine": ["models", "decode", "text", "hub"],
}
LEAVES = ("cli", "server", "python")  # see the public interface and themselves
# Headers that are not the standard library's, and the only folder that may know them.
FOREIGN = {
    re.compile(r"nlohmann/"): "json",
    re.compile(r"pcre2"): "text",
    re.compile(r"(\w*intrin|arm_neon|cpuid)\.h$"): "kernels",
}
FOREIGN_EXTRA = {("base/cpu_features.cc", "cpuid.h"), ("base/cpu_features.cc", "immintrin.h")}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else)\b")


def reachable(folder: str) -> set[str]:
    found = {folder}
    for left in LEFT_OF[folder]:
        found |= reachable(left)
    return found


def check_public(line: str, header: str | None, quoted: bool) -> str | None:
    if CONDITIONAL.match(line):
        return "the public headers have no conditional code"
    if header and quoted and not header.startswith("skald/"):
        return f'the public headers include only "skald/..." and the standard library, not "{header}"'
    if header and not quoted and not re.fullmatch(r"[a-z_0-9]+", header):
        return f"the public headers include no third-party header: <{header}>"
    return None


def families(root: Path) -> frozenset[str]:
    """What the registry makes: models/<name> is a family, the rest of models/ is shared by them."""
    registry = root / "src/models/registry.cc"
    return frozenset(re.findall(r"\bmake_(\w+)", registry.read_text())) if registry.is_file() else frozenset()


def check_core(root: Path, path: str, header: str, quoted: bool) -> str | None:
    """`path` is relative to src/."""
    folder = path.split("/")[0]
    if folder not in LEFT_OF:
        return f"src/{folder} is no folder of the layer order"
    if not quoted:
        for pattern, owner in FOREIGN.items():
            if pattern.search(header) and folder != owner and (path, header) not in FOREIGN_EXTRA:
                return f"<{header}> is for src/{owner} alone"
        return None
    if header.startswith("skald/"):
        return None
    target = header.split("/")[0]
    if target not in reachable(folder):
        return f'src/{folder} may not include "{header}": it may know {", ".join(sorted(reachable(folder)))}'
    if folder == target == "models":
        stem, other = Path(path).stem, Path(header).stem
        if other in families(root) and stem not in (other, "registry"):
            return f'model families do not include each other: "{header}"'
    return None


def check_leaf(leaf: str, header: str, quoted: bool, folder: Path, root: Path) -> str | None:
    if not quoted or header.startswith("skald/"):
        return None
    if (folder / header).is_file() or (header.startswith(leaf + "/") and (root / header).is_file()):
        return None
    return f'{leaf} may include only include/skald and itself, not "{header}"'


def offence(root: Path, path: Path, line: str) -> str | None:
    match = INCLUDE.match(line)
    quoted, header = (match[1] == '"', match[2]) if match else (False, None)
    parts = path.relative_to(root).parts
    if parts[0] == "include":
        return check_public(line, header, quoted)
    if header is None:
        return None
    if parts[0] == "src":
        core = "/".join(parts[1:])
        if quoted and not any((root / base / header).is_file() for base in ("src", "include")):
            return f'"{header}" names no file of src/ or include/: write the path from there'
        return check_core(root, core, header, quoted)
    if parts[0] in LEAVES:
        return check_leaf(parts[0], header, quoted, path.parent, root)
    return None


def check(root: Path) -> list[str]:
    offenders = []
    for folder in ("include", "src", *LEAVES):
        for path in tree.files(root / folder, (".h", ".cc")):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if problem := offence(root, path, line):
                    offenders.append(f"{path.relative_to(root)}:{number}: {problem}")
    return offenders


if __name__ == "__main__":
    sys.exit(tree.report(check(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else tree.ROOT)))
