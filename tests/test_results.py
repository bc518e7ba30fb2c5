"""Committed figures still say what the README says."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCH = json.loads((ROOT / "scripts" / "results" / "bench.json").read_text())


@pytest.mark.parametrize(
    ("part", "bar"), [("inference", 52), ("recurrent_layer", 130)], ids=["whole network", "layer alone"]
)
@pytest.mark.parametrize("scenario", ["batch1_1thread", "batch64_1thread", "batch64_all"])
def test_the_engine_beats_the_published_algorithms_and_the_gru(part, bar, scenario):
    times = BENCH[part][scenario]
    for published in ("published_dense_s", "published_conv_s"):
        assert times[published] >= bar * times["engine_s"]
    assert times["gru_s"] > times["engine_s"]


def test_training_is_ten_times_faster():
    training = BENCH["training"]
    assert training["published_s_per_epoch"] >= 10 * training["ours_s_per_epoch"]


def test_the_readme_shows_the_bench():
    readme = (ROOT / "README.md").read_text()
    times = BENCH["inference"]["batch1_1thread"]
    for name in ("published_dense_s", "published_conv_s", "gru_s"):
        assert f"{times[name] * 1e3:.1f} ({times[name] / times['engine_s']:.0f} x)" in readme
    assert f"| engine | {times['engine_s'] * 1e3:.3f} |" in readme
