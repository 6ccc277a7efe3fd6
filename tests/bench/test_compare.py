"""What bench/compare makes of its measurements: ratios, tables, verdicts."""

import json
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, replace
from pathlib import Path

import page
import pytest
import report
import run
import scaling
import svg
from contest import Results, Worker, bytes_of, run_group, without_folders
from peers import NotAvailable
from recipes import ADVERSARIES, MAKERS, adversary_file
from work import GROUPS, Contestant, Group, Work

MARKS = json.loads((Path(run.__file__).parent / "marks.json").read_text())


def entries(group, contestant, work, *values):
    """One entry a round; text is a reason for which it was not run."""
    key = {"group": group, "contestant": contestant, "work": work}
    return [
        {**key, "round": r, ("not_run" if isinstance(value, str) else "value"): value} for r, value in enumerate(values)
    ]


@pytest.fixture
def figures():
    return report.Figures(
        entries("g", "Skald", "decode", 20.0, 30.0, 44.0)
        + entries("g", "slow", "decode", 10.0, 10.0, 10.0)
        + entries("g", "fast", "decode", 10.0, 20.0, 40.0)
        + entries("g", "broken", "decode", "ended with status -11")
        + entries("g", "Skald", "load", 2.0, 4.0)
        + entries("g", "fast", "load", 4.0, 4.0)
        + entries("g", "Skald", "weights", 0.5, 0.5, 0.5)
        + entries("g", "machine", "bandwidth", 20.0, 20.0, 20.0)
    )


def test_ratios_are_of_the_rounds_in_which_both_were_measured():
    assert report.ratios({0: 3.0, 1: 8.0, 2: 1.0}, {1: 4.0, 2: 2.0, 3: 9.0}) == [2.0, 0.5]
    assert report.ratios({0: 2.0}, {0: 6.0}, less_is_better=True) == [3.0]


def test_best_is_by_the_median(figures):
    assert report.best(figures, "g", ["slow", "fast", "broken"], "decode") == "fast"
    assert report.best(figures, "g", ["Skald", "fast"], "load", less_is_better=True) == "Skald"
    assert report.best(figures, "g", ["broken"], "decode") is None


def test_a_mark_against_peers_takes_the_best_of_them(figures):
    mark = {"name": "decode", "ours": ["g", "Skald", "decode"], "peers": ["slow", "fast"], "at_least": 1.5}
    verdict = report.judge(figures, mark)
    assert (verdict.against, verdict.verdict, verdict.wanted) == ("fast", "reached", ">= 1.5 x")
    assert verdict.spread == report.Spread(1.5, 1.1, 2.0, 3)
    assert verdict.figure == "1.50 (1.10 .. 2.00) x"
    assert report.judge(figures, {**mark, "at_least": 1.6}).verdict == "missed"


def test_of_times_the_ratio_is_turned_round(figures):
    mark = {"name": "load", "ours": ["g", "Skald", "load"], "peers": ["fast"], "at_least": 1}
    assert report.judge(figures, mark, less_is_better={"load"}).spread == report.Spread(1.5, 1.0, 2.0, 2)


def test_shares_and_limits(figures):
    share = {
        "name": "share",
        "ours": ["g", "Skald", "decode"],
        "times": ["g", "Skald", "weights"],
        "of": ["g", "machine", "bandwidth"],
        "at_least": 0.7,
        "unit": "%",
    }
    verdict = report.judge(figures, share)
    assert (verdict.verdict, verdict.wanted, verdict.figure) == ("reached", ">= 70 %", "75.0 (50.0 .. 110) %")
    limit = {"name": "limit", "ours": ["g", "Skald", "load"], "at_most": 2.5, "unit": "s"}
    verdict = report.judge(figures, limit)
    assert (verdict.verdict, verdict.figure) == ("missed", "3.00 (2.00 .. 4.00) s")


def test_a_mark_says_why_it_was_not_measured(figures):
    mark = {"name": "m", "ours": ["g", "Skald", "decode"], "peers": ["broken"], "at_least": 2}
    assert report.judge(figures, mark).verdict == "not run: broken: ended with status -11"
    assert report.judge(figures, {**mark, "needs": "amx"}).verdict == "does not apply: no AMX"
    assert report.judge(figures, {**mark, "needs": "amx"}, {"amx"}).verdict.startswith("not run")
    other = {"name": "m", "ours": ["g", "Skald 4-bit", "decode"], "peers": ["fast"], "at_least": 2}
    assert report.judge(figures, other).verdict == "not run: Skald 4-bit: not measured"
    share = {"name": "m", "ours": ["g", "Skald", "load"], "of": ["g", "Skald", "file"], "at_most": 1}
    assert report.judge(figures, share).verdict == "not run: Skald: not measured"


def test_a_star_takes_the_largest_of_all_that_match():
    figures = report.Figures(
        entries("t", "Skald", "x, 1 MiB of a", 1.0, 5.0) + entries("t", "Skald", "x, 1 MiB of b", 3.0)
    )
    assert figures.get("t", "Skald", "*, 1 MiB of *") == {0: 3.0, 1: 5.0}


@pytest.mark.parametrize(
    "value, text", [(0, "0"), (0.01234, "0.012"), (0.5, "0.500"), (1.234, "1.23"), (43.21, "43.2"), (1234.5, "1234")]
)
def test_numbers_have_three_digits(value, text):
    assert report.number(value) == text


def test_tables(figures):
    work = [Work(name, "tokens/s", "", None) for name in ("decode", "unknown", "load")]
    group = Group("g", tuple(Contestant(name, "") for name in ("Skald", "fast", "broken")), tuple(work))
    table = report.figures_table(figures, group).splitlines()
    assert table[0] == "| g | decode, tokens/s | load, tokens/s |"
    assert table[2:] == ["| Skald | 30.0 | 3.00 |", "| fast | 20.0 | 4.00 |"]
    turned = report.turned_table(figures, group).splitlines()
    assert turned[2] == "| decode, tokens/s | 30.0 (20.0 .. 44.0) | 20.0 (10.0 .. 40.0) |  |"
    assert report.ratios_table(figures, group) == ""
    ours = replace(group.contestants[0], kind="ours")
    ratios = report.ratios_table(figures, replace(group, contestants=(ours, *group.contestants[1:]))).splitlines()
    assert ratios[0] == "| g: times the best peer | decode: fast | load: fast |"
    assert ratios[2] == "| Skald | 1.50 (1.10 .. 2.00) | 0.750 (0.500 .. 1.00) |"
    assert report.reasons_list(figures) == "- broken (g): decode not run: ended with status -11"
    assert report.figures_table(report.Figures([]), group) == ""


def test_marks_name_work_that_is_done():
    by_name = {group.name: group for group in GROUPS}
    for mark in MARKS:
        assert ("at_least" in mark) != ("at_most" in mark), mark
        for key in ("ours", "times", "of"):
            if key not in mark:
                continue
            name, contestant, work = mark[key]
            found = [c for c in by_name[name].contestants if c.name == contestant]
            assert found, mark
            if "*" not in work:
                assert any(w.name == work and found[0].does(w) for w in by_name[name].works), mark
        peers = {c.name for c in by_name[mark["ours"][0]].contestants}
        assert set(mark.get("peers", [])) <= peers, mark


def test_names_are_unique_and_models_have_makers():
    for group in GROUPS:
        for names in ([c.name for c in group.contestants], [w.name for w in group.works]):
            assert len(set(names)) == len(names), group.name
        for contestant in group.contestants:
            assert not contestant.model or contestant.model == "shipped" or contestant.model in MAKERS
    assert all(adversary_file(name) in MAKERS for name in ADVERSARIES)


def test_only_takes_parts_of_names():
    group, contestant, work = Group("1.1 B", (), ()), Contestant("Skald Q4_0", ""), Work("decode b1", "", "", None)
    assert run.chosen_by(None)(group, contestant, work)
    assert run.chosen_by(["q4_0"])(group, contestant, work)
    assert run.chosen_by(["q8_0", "q4_0&b1"])(group, contestant, work)
    assert not run.chosen_by(["q4_0&b16"])(group, contestant, work)


WORKER = """
import json, sys
print('{"load_s": 1}', flush=True)
for line in sys.stdin:
    if line == "die\\n": sys.exit(3)
    print(json.dumps({"not_run": "no"} if line == "refuse\\n" else {"echo": line.strip()}), flush=True)
"""


@pytest.fixture
def worker(tmp_path):
    made = Worker([sys.executable, "-c", WORKER], tmp_path / "log", 1)
    yield made
    made.close()


def test_a_worker_answers_refuses_and_may_end(worker):
    assert worker.ask("") == {"load_s": 1}
    answer = worker.ask("hello")
    assert answer["echo"] == "hello" and 0 <= answer["others"] <= 1
    with pytest.raises(NotAvailable, match="^no$"):
        worker.ask("refuse")
    assert worker.ask("again")["echo"] == "again"
    for _ in range(2):
        with pytest.raises(NotAvailable, match="ended with status 3"):
            worker.ask("die")


@dataclass
class Echo:
    """A worker that counts."""

    name: str
    log: list

    def ask(self, request):
        self.log.append((self.name, request))
        return {"seconds": float(len(self.log))}

    def close(self):
        self.log.append((self.name, "closed"))


class EchoContest:
    def __init__(self):
        self.log = []

    def start(self, contestant):
        if contestant.name == "missing":
            raise NotAvailable("not installed")
        return Echo(contestant.name, self.log)

    def request(self, work):
        return work.request


def test_rounds_go_work_by_work_and_resume(tmp_path):
    works = (Work("w1", "s", "1", lambda a: a["seconds"]), Work("w2", "s", "2", lambda a: a["nothing"]))
    group = Group("g", tuple(Contestant(name, "") for name in ("a", "missing", "b")), works)
    contest, results = EchoContest(), Results(tmp_path / "results.jsonl", anew=False)
    run_group(contest, group, 0, results, lambda *_: True, lambda _: None)
    assert contest.log == [("a", "1"), ("b", "1"), ("a", "2"), ("b", "2"), ("a", "closed"), ("b", "closed")]
    figures = report.Figures(Results(tmp_path / "results.jsonl", anew=False).entries)
    assert figures.get("g", "b", "w1") == {0: 2.0}
    assert figures.reason("g", "missing", "w1") == "not installed"
    assert figures.reason("g", "a", "w2") == "it does not do this"
    run_group(contest, group, 0, Results(results.path, anew=False), lambda *_: True, lambda _: None)
    again = contest.log[6:]
    assert again[:2] == [("a", "2"), ("b", "2")], "what is there is not measured again, what was not run is tried"
    contest.log.clear()
    run_group(contest, group, 1, results, lambda g, c, w: w.name == "w1", lambda _: None)
    assert contest.log[:2] == [("b", "1"), ("a", "1")], "another one begins in each round"


def test_reasons_name_no_folders():
    assert without_folders("/a/b.c/llama-Q4.gguf: is a file") == "llama-Q4.gguf: is a file"
    assert without_folders("at 12/13 of x/y, no '/z' here") == "at 12/13 of x/y, no 'z' here"


def test_the_head_line_tells_of_other_work():
    measured = entries("g", "Skald", "decode", 1.0, 2.0)
    assert report.rounds_text(measured) == "2 rounds"
    busy = [{**entry, "others": 0.25} for entry in measured[:1]]
    assert report.rounds_text(busy) == "1 round; other work took 25 % of the processors"


def test_size_of_a_model(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"12345")
    (tmp_path / "config.json").write_bytes(b"{}")
    assert bytes_of(tmp_path) == 5 and bytes_of(tmp_path / "config.json") == 2


def test_a_section_of_the_page_is_replaced():
    before = "# Speed\n<!-- a: begin -->\nold\n<!-- a: end -->\nrest\n"
    assert page.replaced(before, "a", "new") == before.replace("old", "new")
    for name in ("measured", "compared", "scaling"):
        assert f"<!-- {name}: begin -->" in page.PAGE.read_text(encoding="utf-8")


def test_pictures_are_well_formed():
    picture = svg.dots([("decode <b1>", 2.0, 1.5, 2.5, 1.2), ("load", 0.5, 0.4, 0.6, 1)], "A & B", "note")
    assert "decode &lt;b1&gt;" in picture
    ElementTree.fromstring(picture)
    line = {"1 thread": [(1, 2.0), (64, 9.0)], "2 threads": [(1, 1.0), (64, 5.0)]}
    ElementTree.fromstring(scaling.draw(line, line, line, line, 4))


def test_flops_of_a_prompt_grow_faster_than_its_length():
    assert 8 < scaling.flops(4096) / scaling.flops(512) == pytest.approx(9.3, abs=0.05)
