"""Cases of the drawn parity suite, with what transformers gave: tests/parity/make_drawn_goldens.py makes them."""

import json
from pathlib import Path

import pytest
from conftest import run

DATA = Path(__file__).resolve().parents[1] / "data"


def test_drawn_goldens(tmp_path):
    goldens = [json.loads(line) for line in (DATA / "drawn.jsonl").read_text().splitlines()]
    assert len(goldens) >= 60
    config = tmp_path / "config.json"
    for golden in goldens:
        config.write_text(json.dumps(golden["options"]))
        prompt = ",".join(map(str, golden["prompt"]))
        given = ("--ids", prompt, "--config", config, "--bits", "32", "--json", "--quiet")
        result = run("generate", DATA / "models" / golden["model"], *given)
        assert result.code == 0, (golden, result.err)
        for ours, wanted in zip(result.lines, golden["rows"]):  # fill of beams is left out of the reference's
            assert ours["token_ids"] == wanted["tokens"], golden
            if "score" in wanted:
                assert ours["score"] == pytest.approx(wanted["score"], rel=1e-4, abs=1e-4), golden
