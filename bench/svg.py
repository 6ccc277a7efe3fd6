"""Small pictures as SVG: dots with ranges on one logarithmic axis, and line charts side by side."""

import math
from html import escape

STYLE = (
    "text{font:12px sans-serif;fill:#333}.faint{fill:#777}.title{font-weight:600}line,path,circle{stroke-linecap:round}"
)
COLOURS = ["#1f6fb4", "#d1622b", "#3b8f4f", "#8a5bb0"]


def text(x, y, words, anchor="start", kind=""):
    attributes = f' text-anchor="{anchor}"' if anchor != "start" else ""
    attributes += f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(words)}</text>'


def line(x1, y1, x2, y2, colour="#ddd", width=1.0):
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>'


def picture(width, height, parts):
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    background = f'<rect width="{width}" height="{height}" fill="#fff"/>'
    return "\n".join([f"<svg {box}>", f"<style>{STYLE}</style>", background, *parts, "</svg>"]) + "\n"


def logarithmic(low, high, begin, end):
    """A function from [low, high] to pixels [begin, end]."""
    span = math.log(high / low) or 1.0
    return lambda value: begin + (end - begin) * math.log(max(value, 1e-12) / low) / span


def nice_steps(low, high):
    """1, 2 and 5 times powers of ten within [low, high]; finer ones where those are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        values = [s * 10.0**p for p in powers for s in steps if low <= s * 10.0**p <= high * 1.0001]
        if len(values) > 2:
            break
    return values


def short(value):
    return f"{value // 1024:g}k" if value >= 1024 else f"{value:g}"


def dots(rows, title, note):
    """rows: (label, median, least, most, mark): how many times better, and the wanted value as a stroke."""
    left = 24 + round(6.6 * max(len(row[0]) for row in rows))  # room for the longest label
    right, top, step = left + 360, 52, 24
    height = top + step * len(rows) + 30
    values = [v for _, *numbers in rows for v in numbers] + [1.0]
    low, high = 0.9 * min(values), 1.15 * max(values)
    place = logarithmic(low, high, left, right)
    bottom = height - 26
    parts = [text(12, 20, title, kind="title"), text(12, 37, note, kind="faint")]
    for value in nice_steps(low, high):
        x = place(value)
        parts += [line(x, top - 6, x, bottom), text(x, height - 10, f"{value:g}", "middle")]
    parts.append(line(place(1), top - 6, place(1), bottom, "#666", 1.4))
    for i, (label, median, least, most, mark) in enumerate(rows):
        y = top + step * (i + 0.5)
        colour = COLOURS[2] if median >= mark else COLOURS[1]
        parts += [text(left - 12, y + 4, label, "end"), line(place(least), y, place(most), y, colour, 3)]
        parts.append(line(place(mark), y - 8, place(mark), y + 8, "#111", 2))
        parts.append(f'<circle cx="{place(median):.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>')
        parts.append(text(right + 10, y + 4, f"{median:.3g}", kind="faint"))
    return picture(right + 60, height, parts)


def frame(corner, size, panel):
    """Title, axes and grid of a chart, and the functions from values to pixels."""
    (x, y), (width, height), (title, x_label, y_label, lines) = corner, size, panel
    xs = sorted({p[0] for points in lines.values() for p in points})
    ys = [p[1] for points in lines.values() for p in points]
    left, right, bottom = x + 52, x + width - 24, y + height - 40
    low, high = min(ys) / 1.2, max(ys) * 1.2
    across, up = logarithmic(xs[0], max(xs[-1], xs[0] * 1.01), left, right), logarithmic(low, high, bottom, y + 50)
    parts = [text(x + 8, y + 16, title, kind="title"), text(x + 8, y + 30, y_label, kind="faint")]
    for value in nice_steps(low, high):
        parts.append(line(left, up(value), right, up(value)))
        parts.append(text(left - 6, up(value) + 4, f"{value:g}", "end", "faint"))
    parts += [text(across(value), bottom + 16, short(value), "middle", "faint") for value in xs]
    parts.append(text((left + right) / 2, bottom + 32, x_label, "middle", "faint"))
    return parts, across, up


def chart(corner, size, panel):
    """One line chart: panel = (title, x label, y label, {name: [(x, y)]}); both axes are logarithmic."""
    parts, across, up = frame(corner, size, panel)
    right = corner[0] + size[0] - 24
    for i, (name, points) in enumerate(panel[3].items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{'ML'[j > 0]}{across(px):.1f},{up(py):.1f}" for j, (px, py) in enumerate(points))
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(a):.1f}" cy="{up(b):.1f}" r="2.5" fill="{colour}"/>' for a, b in points]
        place = f'x="{right:.1f}" y="{corner[1] + 16 + 14 * i:.1f}" text-anchor="end" style="fill:{colour}"'
        parts.append(f"<text {place}>{escape(name)}</text>")
    return parts


def charts(panels, title):
    """Line charts, two in a row."""
    width, height = 380, 250
    parts = [text(12, 20, title, kind="title")]
    for i, panel in enumerate(panels):
        parts += chart((width * (i % 2), 30 + height * (i // 2)), (width, height), panel)
    return picture(2 * width, 30 + height * -(-len(panels) // 2), parts)
