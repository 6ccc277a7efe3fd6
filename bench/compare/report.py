"""Tables and verdicts of what was measured. Pure functions of the entries: {"round", "group", "contestant", "work", and
"value" or "not_run"}."""

import statistics
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Spread:
    """Median and range of a figure over the rounds."""

    median: float
    least: float
    most: float
    rounds: int

    @classmethod
    def of(cls, values):
        values = list(values)
        return cls(statistics.median(values), min(values), max(values), len(values)) if values else None


class Figures:
    """The entries by (group, contestant, work)."""

    def __init__(self, entries):
        self.series = {}  # (group, contestant, work): {round: value}
        self.reasons = {}  # the same: why it was not run
        for entry in entries:
            key = (entry["group"], entry["contestant"], entry["work"])
            if "value" in entry:
                self.series.setdefault(key, {})[entry["round"]] = entry["value"]
            else:
                self.reasons[key] = entry["not_run"]

    def get(self, group, contestant, work):
        """{round: value}; of a work with `*` in its name the largest of all that match."""
        if "*" not in work:
            return self.series.get((group, contestant, work), {})
        merged = {}
        for (its_group, name, its_work), values in self.series.items():
            if (its_group, name) == (group, contestant) and fnmatchcase(its_work, work):
                for number, value in values.items():
                    merged[number] = max(value, merged.get(number, value))
        return merged

    def spread(self, *key):
        return Spread.of(self.get(*key).values())

    def reason(self, group, contestant, work):
        return self.reasons.get((group, contestant, work), "not measured")


def ratios(ours, theirs, less_is_better=False):
    """How much better ours is, round by round: of each round in which both were measured."""
    rounds = sorted(ours.keys() & theirs.keys())
    return [theirs[r] / ours[r] if less_is_better else ours[r] / theirs[r] for r in rounds]


def best(figures, group, contestants, work, less_is_better=False):
    """The contestant with the best median, or None."""
    medians = {name: s.median for name in contestants if (s := figures.spread(group, name, work))}
    if not medians:
        return None
    return (min if less_is_better else max)(medians, key=medians.get)


@dataclass(frozen=True)
class Verdict:
    name: str
    against: str  # the peer, or "" for a share or a limit
    wanted: str
    spread: Spread | None
    verdict: str  # reached, missed, does not apply: ..., not run: ...
    figure: str = ""
    mark: float = 0.0


def number(value):
    """Three digits, without an exponent."""
    if value == 0 or not abs(value) < 1e6:
        return f"{value:.0f}"
    digits = 0
    while abs(value) * 10**digits < 99.5 and digits < 6:
        digits += 1
    return f"{value:.{min(digits, 3)}f}"


def spread_text(spread, factor=1.0, unit=""):
    """ "1.23 (1.20 .. 1.31)"; of one round the figure alone."""
    if spread is None:
        return ""
    text = number(spread.median * factor)
    if spread.rounds > 1:
        text += f" ({number(spread.least * factor)} .. {number(spread.most * factor)})"
    return f"{text} {unit}".strip()


def quotient(figures, mark):
    """{round: value} of a mark that is a share or a limit: ours x scale (x times) (/ of), and the key that lacks."""
    values = {}
    lacking = None
    parts = {name: figures.get(*mark[name]) for name in ("ours", "times", "of") if name in mark}
    for name, series in parts.items():
        if not series and lacking is None:
            lacking = mark[name]
    for r in set.intersection(*(set(series) for series in parts.values())):
        value = parts["ours"][r] * mark.get("scale", 1)
        if "times" in parts:
            value *= parts["times"][r]
        if "of" in parts:
            value /= parts["of"][r]
        values[r] = value
    return values, lacking


def not_run(figures, key):
    return f"not run: {key[1]}: {figures.reason(*key)}"


def judge(figures, mark, features=(), less_is_better=()):
    """The verdict on one mark. `features`: what the machine has; `less_is_better`: names of works of which less is."""
    if mark.get("needs") and mark["needs"] not in features:
        wanted = wanted_text(mark)
        return Verdict(mark["name"], "", wanted, None, f"does not apply: no {mark['needs'].upper()}")
    if "peers" in mark:
        return judge_ratio(figures, mark, less_is_better)
    values, lacking = quotient(figures, mark)
    if not values:
        reason = not_run(figures, lacking) if lacking else "not run: not in one round"
        return Verdict(mark["name"], "", wanted_text(mark), None, reason)
    spread = Spread.of(values.values())
    return Verdict(mark["name"], "", wanted_text(mark), spread, verdict(mark, spread), figure_text(mark, spread))


def judge_ratio(figures, mark, less_is_better):
    group, ours, work = mark["ours"]
    less = work in less_is_better
    peer = best(figures, group, mark["peers"], work, less)
    wanted, against = wanted_text(mark), peer or " / ".join(mark["peers"])
    for lacking in (ours, peer or mark["peers"][0]):
        if not figures.get(group, lacking, work):
            return Verdict(mark["name"], against, wanted, None, not_run(figures, (group, lacking, work)))
    values = ratios(figures.get(group, ours, work), figures.get(group, peer, work), less)
    if not values:
        return Verdict(mark["name"], against, wanted, None, "not run: not in one round")
    spread = Spread.of(values)
    return Verdict(
        mark["name"], peer, wanted, spread, verdict(mark, spread), spread_text(spread) + " x", mark["at_least"]
    )


def verdict(mark, spread):
    """By the median over the rounds."""
    reached = spread.median >= mark["at_least"] if "at_least" in mark else spread.median <= mark["at_most"]
    return "reached" if reached else "missed"


def wanted_text(mark):
    sign, value = (">=", mark["at_least"]) if "at_least" in mark else ("<=", mark["at_most"])
    unit = "x" if "peers" in mark else mark.get("unit", "")
    return f"{sign} {value * (100 if unit == '%' else 1):g} {unit}".strip()


def figure_text(mark, spread):
    unit = mark.get("unit", "")
    return spread_text(spread, 100 if unit == "%" else 1, unit)


def markdown(header, rows):
    """A Markdown table; the first column is left-aligned, the others right."""
    lines = [" | ".join(header), " | ".join([":---"] + ["---:"] * (len(header) - 1))]
    return "\n".join(f"| {line} |" for line in lines + [" | ".join(row) for row in rows])


def figures_table(figures, group):
    """Medians of all contestants of a group at all works that any of them did; where it has few rounds, no range."""
    works = [w for w in group.works if any(figures.spread(group.name, c.name, w.name) for c in group.contestants)]
    rows = []
    for contestant in group.contestants:
        spreads = [figures.spread(group.name, contestant.name, work.name) for work in works]
        if any(spreads):
            rows.append([contestant.name, *(number(s.median) if s else "" for s in spreads)])
    header = [group.name, *(f"{work.name}, {work.unit}" for work in works)]
    return markdown(header, rows) if rows and works else ""


def turned_table(figures, group):
    """The same with a line a work, for groups of few programs and much work."""
    names = [c.name for c in group.contestants]
    rows = []
    for work in group.works:
        spreads = [figures.spread(group.name, name, work.name) for name in names]
        if any(spreads):
            rows.append([f"{work.name}, {work.unit}", *(spread_text(s) for s in spreads)])
    return markdown([group.name, *names], rows) if rows else ""


def ratios_table(figures, group):
    """How many times the best peer of the group each of Skald's rows is, with the range over the rounds."""
    ours = [c.name for c in group.contestants if c.kind == "ours"]
    peers = [c.name for c in group.contestants if c.kind == "peer"]
    columns, rows = [], {name: [name] for name in ours}
    for work in group.works:
        peer = best(figures, group.name, peers, work.name, work.less_is_better)
        if peer is None:
            continue
        columns.append(f"{work.name}: {peer}")
        theirs = figures.get(group.name, peer, work.name)
        for name in ours:
            values = ratios(figures.get(group.name, name, work.name), theirs, work.less_is_better)
            rows[name].append(spread_text(Spread.of(values)))
    header = [f"{group.name}: times the best peer", *columns]
    found = [row for row in rows.values() if any(row[1:])]
    return markdown(header, found) if found else ""


def marks_table(verdicts):
    rows = [[v.name, v.against, v.wanted, v.figure, v.verdict] for v in verdicts]
    return markdown(["mark", "against", "wanted", "measured", ""], rows)


def reasons_list(figures):
    """What was not run, a line for each reason of a program."""
    grouped = {}  # (group, contestant, reason): works
    for (group, contestant, work), reason in figures.reasons.items():
        if (group, contestant, work) not in figures.series:
            grouped.setdefault((group, contestant, reason), []).append(work)
    return "\n".join(
        f"- {contestant} ({group}): {works[0] if len(works) == 1 else f'{len(works)} figures'} not run: {reason}"
        for (group, contestant, reason), works in grouped.items()
    )


def rounds_text(entries):
    """How much was measured, and how much of the machine other programs took meanwhile."""
    rounds = {entry["round"] for entry in entries}
    others = [entry["others"] for entry in entries if entry.get("others") is not None]
    text = f"{len(rounds)} round{'s' if len(rounds) != 1 else ''}"
    return f"{text}; other work took {100 * statistics.mean(others):.0f} % of the processors" if others else text
