"""What a terminal shows, as a picture: a screen that obeys escape sequences, and that screen as SVG.

A sequence that the screen does not know is an error, so that no picture is silently another one than a terminal's.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

SEQUENCE = re.compile(
    r"\x1b\[(?P<private>\?)?(?P<numbers>[\d;]*)(?P<letter>[@-~])"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # the window's title and the like: nothing on the screen
    r"|\x1b(?P<short>[78=>])"
)
PALETTE = ["#6e7681", "#ff7b72", "#7ee787", "#e3b341", "#79c0ff", "#d2a8ff", "#76e3ea", "#e6edf3"]
BACKGROUND, BORDER, PLAIN, DIM = "#161b22", "#3d444d", "#e6edf3", "#8b949e"
DOTS = ["#ff5f57", "#febc2e", "#28c840"]
FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
ADVANCE, LINE, SIZE, MARGIN, BAR = 7.8, 18, 13, 16, 34


@dataclass(frozen=True)
class Style:
    bold: bool = False
    dim: bool = False
    color: int | None = None  # of PALETTE

    def changed(self, code: int) -> "Style":
        """Behind an SGR code: https://www.ecma-international.org/publications-and-standards/standards/ecma-48/"""
        if code == 0:
            return Style()
        if code in (1, 2):
            return replace(self, bold=self.bold or code == 1, dim=self.dim or code == 2)
        if code == 22:
            return replace(self, bold=False, dim=False)
        if 30 <= code <= 37 or 90 <= code <= 97:
            return replace(self, color=code % 10)
        if code == 39:
            return replace(self, color=None)
        raise ValueError(f"SGR code {code} is not known to tools/terminal_picture.py: add it there")

    def css(self) -> str:
        return " ".join(["b"] * self.bold + ["d"] * self.dim + ([] if self.color is None else [f"c{self.color}"]))


@dataclass(frozen=True)
class Cell:
    text: str = " "  # a character with what combines with it; empty behind one that takes two columns
    style: Style = Style()


def width_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Screen:
    """A terminal of `columns`, and as many rows as are written: nothing scrolls away."""

    def __init__(self, columns: int):
        self.columns = columns
        self.rows: list[list[Cell]] = [[]]
        self.row = self.column = 0  # a column behind the last one: the next character begins a row
        self.style = Style()
        self.saved = (0, 0, self.style)

    def write(self, text: str) -> None:
        place = 0
        while place < len(text):
            if text[place] != "\x1b":
                self._put(text[place])
                place += 1
                continue
            found = SEQUENCE.match(text, place)
            if not found:
                raise ValueError(f"an escape sequence is not known: {text[place : place + 12]!r}")
            self._obey(found)
            place = found.end()

    def lines(self) -> list[str]:
        return ["".join(cell.text for cell in row).rstrip() for row in self.rows]

    def _put(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._go(self.row + 1, self.column)
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\t":
            self.column = min((self.column // 8 + 1) * 8, self.columns - 1)
        elif character >= " ":
            self._print(character)
        elif character != "\a":
            raise ValueError(f"a control character is not known: {character!r}")

    def _print(self, character: str) -> None:
        width = width_of(character)
        row = self.rows[self.row]
        if width == 0:  # belongs to the character before
            if 0 < self.column <= len(row):
                row[self.column - 1] = replace(row[self.column - 1], text=row[self.column - 1].text + character)
            return
        if self.column + width > self.columns:
            self._go(self.row + 1, 0)
            row = self.rows[self.row]
        row += [Cell()] * (self.column + width - len(row))
        row[self.column : self.column + width] = [Cell(character, self.style)] + [Cell("", self.style)] * (width - 1)
        self.column += width

    def _go(self, row: int, column: int) -> None:
        self.row, self.column = max(row, 0), min(max(column, 0), self.columns)
        self.rows += [[] for _ in range(self.row + 1 - len(self.rows))]

    def _obey(self, found: re.Match) -> None:
        if found["short"] == "7":
            self.saved = (self.row, self.column, self.style)
        elif found["short"] == "8":
            row, column, self.style = self.saved
            self._go(row, column)
        elif found["letter"] and not found["private"]:  # private modes are of the cursor and of pasting
            self._control(found["letter"], [int(number or 0) for number in found["numbers"].split(";")])

    def _control(self, letter: str, numbers: list[int]) -> None:
        first, count = numbers[0], max(numbers[0], 1)
        column = min(self.column, self.columns - 1)
        if letter == "m":
            for code in numbers:
                self.style = self.style.changed(code)
        elif letter in "AB":
            self._go(self.row + (count if letter == "B" else -count), column)
        elif letter in "CD":
            self._go(self.row, min(column + (count if letter == "C" else -count), self.columns - 1))
        elif letter == "G":
            self._go(self.row, min(count, self.columns) - 1)
        elif letter in "Hf":
            self._go(count - 1, min(max((numbers + [0])[1], 1), self.columns) - 1)
        elif letter in "JK":
            self._erase(letter, first)
        else:
            raise ValueError(f"CSI {letter} is not known to tools/terminal_picture.py: add it there")

    def _erase(self, letter: str, part: int) -> None:
        """Behind the cursor (0), as far as it (1), or all (2); of the row (K) or of the screen (J)."""
        row = self.rows[self.row]
        if part in (1, 2):
            row[: self.column + 1] = [Cell()] * min(self.column + 1, len(row))
            self.rows[: self.row] = [[] for _ in range(self.row)] if letter == "J" else self.rows[: self.row]
        if part in (0, 2):
            del row[self.column :]
            if letter == "J":
                del self.rows[self.row + 1 :]


def runs(row: list[Cell]) -> list[tuple[int, int, str, Style]]:
    """(column, width, text, style) of what stands together in one style, without the blanks around it."""
    found, column = [], 0
    for style, group in groupby(row, key=lambda cell: cell.style):
        cells = list(group)
        begin, end = 0, len(cells)
        while begin < end and cells[begin].text == " ":
            begin += 1
        while end > begin and cells[end - 1].text == " ":
            end -= 1
        if begin < end:
            found.append((column + begin, end - begin, "".join(cell.text for cell in cells[begin:end]), style))
        column += len(cells)
    return found


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def span(run: tuple[int, int, str, Style]) -> str:
    """textLength keeps columns under each other in whatever font a reader has."""
    column, width, text, style = run
    css = style.css()
    attributes = f' class="{css}"' if css else ""
    if width > 1:
        attributes += f' textLength="{number(width * ADVANCE)}"'
    return f'<tspan x="{number(MARGIN + column * ADVANCE)}"{attributes}>{escape(text, quote=False)}</tspan>'


def svg(screen: Screen, title: str) -> str:
    """The screen in a dark window, which looks the same on a light page and on a dark one."""
    rows = screen.rows
    while rows and not runs(rows[-1]):
        rows = rows[:-1]
    width, height = 2 * MARGIN + screen.columns * ADVANCE, BAR + len(rows) * LINE + MARGIN
    box = f'width="{number(width)}" height="{number(height)}"'
    colors = "".join(f".c{i}{{fill:{color}}}" for i, color in enumerate(PALETTE))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} viewBox="0 0 {number(width)} {number(height)}" role="img">',
        f"<title>{escape(title, quote=False)}</title>",
        f"<style>text{{font:{SIZE}px {FONT};fill:{PLAIN};white-space:pre}}.b{{font-weight:bold}}.d{{fill:{DIM}}}"
        f"{colors}</style>",
        f'<rect x=".5" y=".5" width="{number(width - 1)}" height="{number(height - 1)}" rx="8" fill="{BACKGROUND}" '
        f'stroke="{BORDER}"/>',
    ]
    parts += [f'<circle cx="{MARGIN + 4 + 18 * i}" cy="17" r="5.5" fill="{fill}"/>' for i, fill in enumerate(DOTS)]
    for i, row in enumerate(rows):
        if spans := "".join(map(span, runs(row))):
            parts.append(f'<text y="{BAR + LINE * i + SIZE}" xml:space="preserve">{spans}</text>')
    return "\n".join([*parts, "</svg>", ""])
