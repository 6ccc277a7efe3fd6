"""Writes src/quant/iq_grids.cc: the grids of the IQ1, IQ2 and IQ3 formats, from the tables of the gguf package.

python tools/make_iq_grids.py

Made with gguf 0.19. A grid's row is 8 levels of 2 bits each, or 4 of 3 bits each; the lowest bits are the first.
"""

import pathlib
import subprocess

from gguf import quants

OUT = pathlib.Path(__file__).parents[1] / "src" / "quant" / "iq_grids.cc"
GRIDS = [("kIq2XxsGrid", quants.IQ2_XXS), ("kIq2XsGrid", quants.IQ2_XS), ("kIq2SGrid", quants.IQ2_S)]
GRIDS += [("kIq3XxsGrid", quants.IQ3_XXS), ("kIq3SGrid", quants.IQ3_S), ("kIq1Grid", quants.IQ1_S)]


def rows(kind) -> list[int]:
    kind.init_grid()
    levels = list(kind.grid_map)
    bits = 2 if len(levels) == 3 else 3
    packed = []
    for row in kind.grid.reshape(kind.grid_shape):
        packed.append(sum(levels.index(int(level)) << bits * i for i, level in enumerate(row)))
    return packed


def main() -> None:
    text = "// Made by tools/make_iq_grids.py.\n"
    text += '#include "quant/iq_grids.h"\n\nnamespace skald::quant {\n'
    for name, kind in GRIDS:
        values = rows(kind)
        text += f"\nconst std::array<std::uint16_t, {len(values)}> {name} = {{" + ", ".join(map(str, values)) + "};\n"
    text += "\n}  // namespace skald::quant\n"
    OUT.write_text(text)
    subprocess.run(["clang-format-14", "-i", OUT], check=True)


if __name__ == "__main__":
    main()
