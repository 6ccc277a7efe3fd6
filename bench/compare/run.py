#!/usr/bin/env python3
"""Compares Skald with other programs on this machine: the same models, the same work, in turns.

Installs the other programs, makes the models (once, in build/compare: some 20 GB), lets all of them do each piece of
work one after the other, in several rounds, and prints the figures, the ratios with their spread, and which of the
marks in marks.json are reached. What does not run here is listed with the reason. A run that was ended goes on where
it was: results are kept until --anew.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import page  # noqa: E402
import report  # noqa: E402
import svg  # noqa: E402
from contest import Contest, Results, run_group  # noqa: E402
from divergence import divergence_table  # noqa: E402
from peers import CONVERT, LLAMA, RUN, NotAvailable, Peers, has_amx, say  # noqa: E402
from quality import quality_table  # noqa: E402
from recipes import ROOT, Models  # noqa: E402
from work import GROUPS  # noqa: E402

HELPERS = ("gguf", "sentencepiece", "scikit-build-core")  # packages that are not measured
PICTURE = ROOT / "docs" / "compared.svg"


def chosen_by(patterns):
    """A test for --only: each pattern is part of "group / contestant / work", in any case of letters."""
    wanted = [pattern.lower() for pattern in patterns or []]

    def chosen(group, contestant, work):
        name = f"{group.name} / {contestant.name} / {work.name}".lower()
        return not wanted or any(all(part in name for part in pattern.split("&")) for pattern in wanted)

    return chosen


def machine(skald):
    done = subprocess.run([skald, "info", "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def head_line(info, threads, entries):
    packages = [each.replace("==", " ") for each in RUN if not each.startswith(HELPERS)]
    packages += [CONVERT[2].replace("==", " "), f"llama.cpp of {LLAMA.replace('==', ' ')}"]
    return (
        f"{info['cpu']}, {threads} threads, `{info['kernel_table']}` kernels ({info['cpu_features']}); "
        f"{report.rounds_text(entries)}. Skald {info['version']}; {', '.join(packages)}."
    )


def verdicts_of(figures):
    marks = json.loads((HERE / "marks.json").read_text(encoding="utf-8"))
    less = {work.name for group in GROUPS for work in group.works if work.less_is_better}
    return [report.judge(figures, mark, {"amx"} if has_amx() else set(), less) for mark in marks]


def dots_of(verdicts):
    """Rows of the picture: the marks that are ratios."""
    return [
        (f"{v.name}: {v.against}", v.spread.median, v.spread.least, v.spread.most, v.mark)
        for v in verdicts
        if v.spread and v.mark
    ]


def page_text(info, threads, entries):
    """The section of docs/performance.md, and its verdicts."""
    figures = report.Figures(entries)
    verdicts = verdicts_of(figures)
    parts = [head_line(info, threads, entries)]
    if dots_of(verdicts):
        parts.append("![Skald against the others](compared.svg)")
    parts.append(report.marks_table(verdicts))
    for group in GROUPS:
        few = len(group.works) > 2 * len(group.contestants)
        parts.append((report.turned_table if few else report.figures_table)(figures, group))
        parts.append(report.ratios_table(figures, group))
    reasons = report.reasons_list(figures)
    parts.append("Not run:\n\n" + reasons if reasons else "")
    return "\n\n".join(part for part in parts if part), verdicts


def write_page(text, verdicts):
    page.write_section("compared", text)
    if rows := dots_of(verdicts):
        note = "how many times as fast; the bar: all rounds, the stroke: what is wanted"
        PICTURE.write_text(svg.dots(rows, "Skald against the others", note), encoding="utf-8")
    say(f"wrote {page.PAGE.name}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release", help="build tree to measure")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "compare", help="where all that is made is kept")
    parser.add_argument("--threads", type=int, default=2, help="threads of every program (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds in all, those kept counted (default: 5)")
    parser.add_argument(
        "--only",
        action="append",
        metavar="PART",
        help="only what has PART in 'group / program / work'; A&B: both; may be given again",
    )
    parser.add_argument("--text", type=Path, help="text for the tokenizers (default: as the shipped model writes)")
    parser.add_argument("--anew", action="store_true", help="forget the results that are kept")
    parser.add_argument(
        "--quality",
        type=Path,
        metavar="F",
        help="instead: perplexity of the shipped model in each precision, of the token ids in F (one JSON array)",
    )
    parser.add_argument(
        "--divergence",
        action="store_true",
        help="instead: how far logits are from llama.cpp's with the same GGUF file, in every type of weights",
    )
    parser.add_argument("--setup", action="store_true", help="only install the programs and make the models")
    parser.add_argument("--report", action="store_true", help="only print what is kept")
    parser.add_argument("--json", action="store_true", help="print every figure as one JSON object, not as tables")
    parser.add_argument("--write", action="store_true", help="also write the tables into docs/performance.md")
    options = parser.parse_args()
    options.skald = Path(os.environ.get("SKALD_CLI", options.build / "cli" / "skald"))
    return options


def set_up(contest, chosen):
    """Makes all that the chosen work needs, before anything is measured."""
    for group in GROUPS:
        for contestant in group.contestants:
            works = [work for work in group.works if contestant.does(work) and chosen(group, contestant, work)]
            try:
                if works and contestant.model:
                    contest.path(contestant.model)
                for work in works:
                    contest.request(work)
            except NotAvailable as error:
                say(f"{contestant.name}: {error}")


def main():
    options = parse_arguments()
    peers = Peers(options.cache)
    models = Models(options.cache / "models", peers, options)
    if options.quality:
        return print(quality_table(options.skald, models, peers, options.quality.resolve(), options.threads))
    if options.divergence:
        return print(divergence_table(options.skald, models, peers, options.threads))
    contest = Contest(peers, models, options)
    results = Results(options.cache / "results.jsonl", options.anew)
    chosen = chosen_by(options.only)
    if not options.report:
        set_up(contest, chosen)
        for number in range(0 if options.setup else options.rounds):
            say(f"round {number + 1}")
            for group in GROUPS:
                run_group(contest, group, number, results, chosen, say)
    if options.setup:
        return
    info = machine(options.skald)
    text, verdicts = page_text(info, options.threads, results.entries)
    if options.json:
        marks = [asdict(verdict) for verdict in verdicts]
        print(json.dumps({"machine": info, "threads": options.threads, "marks": marks, "figures": results.entries}))
    else:
        print(text)
    if options.write:
        write_page(text, verdicts)


if __name__ == "__main__":
    main()
