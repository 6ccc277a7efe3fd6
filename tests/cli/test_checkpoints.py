"""Checkpoints that are named by themselves: FundamentaLLM's as its trainer leaves them."""

import shutil

import pytest
from conftest import ROOT, refused, run

DATA = ROOT / "tests" / "data" / "models"
FINAL = DATA / "fundamentallm_final_model" / "final_model.pt"
BEST = DATA / "fundamentallm_best" / "best.pt"


def continuation(model, *more):
    return run("generate", model, "--prompt", "Hello, said a", "--no-sample", "--json", *more)


@pytest.mark.parametrize("checkpoint", [FINAL, BEST])
def test_a_checkpoint_and_its_folder_are_one_model(checkpoint):
    by_file, by_folder = (continuation(m, "--max-tokens", "20").json for m in (checkpoint, checkpoint.parent))
    assert by_file["text"] == by_folder["text"] and len(by_file["token_ids"]) == 20
    assert run("inspect", checkpoint, "--json").json["format"] == "PyTorch"


def test_generation_stops_at_the_trained_length_with_a_notice():
    result = continuation(FINAL, "--max-tokens", "500")
    assert result.code == 0
    assert len("Hello, said a") + len(result.json["token_ids"]) == 128
    assert result.json["finish_reason"] == "length"
    assert "128" in result.err
    assert len(run("generate", FINAL, "--prompt", "a" * 127, "--json").json["token_ids"]) == 1
    assert "leaves no room" in refused("generate", FINAL, "--prompt", "a" * 128)
    assert "longer than" in refused("generate", FINAL, "--prompt", "a" * 129)


def test_settings_beside_a_checkpoint(tmp_path):
    for name in ("best.pt", "tokenizer.json"):
        shutil.copy(BEST.parent / name, tmp_path)
    moved = (tmp_path / "best.pt").rename(tmp_path / "epoch_3.pt")
    assert "epoch_3.pt: says nothing of its model" in refused("generate", moved, "--prompt", "Once")
    settings = (BEST.parent / "model.yaml").read_text()
    for name in ("epoch_3.yaml", "epoch_3.yml", "config.yaml", "model.yaml"):
        (tmp_path / name).write_text(settings)
        assert (
            continuation(moved, "--max-tokens", "9").json["text"]
            == continuation(BEST, "--max-tokens", "9").json["text"]
        )
        (tmp_path / name).unlink()


def test_quantised_checkpoints_keep_their_settings(tmp_path):
    assert run("quantize", FINAL, tmp_path / "q", "--bits", "8").code == 0
    assert continuation(tmp_path / "q", "--max-tokens", "5").code == 0
    assert "q" in run("inspect", tmp_path / "q").out
