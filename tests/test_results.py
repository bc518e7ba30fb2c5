"""Committed figures still say what the README says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fxp_model.artifact import load_artifact
from fxp_model.pretrained import DEFAULT
from hw.config import HardwareConfig
from hw.estimates.resources import estimate

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
BENCH = json.loads((ROOT / "scripts" / "results" / "bench.json").read_text(encoding="utf-8"))


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
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    times = BENCH["inference"]["batch1_1thread"]
    for name in ("published_dense_s", "published_conv_s", "gru_s"):
        assert f"{times[name] * 1e3:.1f} ({times[name] / times['engine_s']:.0f} x)" in readme
    assert f"| engine | {times['engine_s'] * 1e3:.3f} |" in readme


HARDWARE = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "scripts" / "results" / "hardware").glob("*.json"))
}


def test_the_readme_shows_the_synthesised_cores():
    done = subprocess.run(
        [sys.executable, "scripts/hardware_table.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.partition("<!-- hardware -->\n")[2].partition("<!-- end of hardware -->")[0]
    assert shown == done.stdout


def test_balanced_is_smaller_than_spiker_plus():
    """18,268 LUTs and 51 block RAMs (arXiv 2401.01141)."""
    core = HARDWARE["balanced-xilinx7"]
    assert core["lut"] < 18268
    assert core["bram36"] <= 51


def test_the_convolution_is_almost_free():
    none, conv, dense = (
        HARDWARE[name] for name in ("balanced-none-xilinx7", "balanced-xilinx7", "balanced-dense-xilinx7")
    )
    assert conv["lut"] - none["lut"] < 2 * 1500
    assert conv["bram36"] == none["bram36"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for core in (none, conv, dense):
        assert f" | {core['lut']:,} | " in readme
    assert f"{(conv['lut'] - none['lut'] + 1) // 2:,} LUTs per layer" in readme
    assert f"{(dense['lut'] - none['lut']) // 2:,} LUTs per" in readme


def test_the_explored_cores_cost_what_was_predicted_within_the_stated_error():
    explored = json.loads((ROOT / "scripts" / "results" / "explore.json").read_text(encoding="utf-8"))
    network = load_artifact(DEFAULT).network
    assert explored["artifact"] == DEFAULT.name
    for picked in explored["picked"].values():
        today = estimate(network, HardwareConfig.from_dict(picked["hardware"]), "xilinx7")
        assert today.total == picked["cells"]
        for kind, measured in picked["measured"].items():
            if kind in today.error:
                assert abs(today.total[kind] - measured) <= today.error[kind][1] / 100 * measured, kind
