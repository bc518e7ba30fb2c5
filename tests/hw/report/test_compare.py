"""Comparison of two builds: the differences are found, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import save_artifact
from fxp_model.errors import InputError
from fxp_model.random_networks import conv_network
from hw.build import build_core
from hw.config import HardwareConfig
from hw.report.builds import read_build
from hw.report.compare import compare_page, compare_text, differing, ratio
from tests.hw.hls.test_report import XML
from tests.hw.report.test_report import Page
from tests.paths import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds `narrow` and `wide` of one network, and a synthesised project `hls`."""
    folder = tmp_path_factory.mktemp("builds")
    network = conv_network(5)
    stimulus = np.ones((9, 2, network.spec.n_in), np.uint8)
    artifact = save_artifact(
        folder / "artifact",
        network=network,
        labels=tuple(map(str, range(network.spec.n_out))),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=stimulus,
    )
    for name, lanes in (("narrow", 1), ("wide", 4)):
        build_core(artifact, HardwareConfig.uniform(network.spec, lanes, 1), "core", folder / name)
    place = folder / "hls" / "core_prj" / "solution1" / "syn" / "report"
    place.mkdir(parents=True)
    (folder / "hls" / "project.tcl").write_text('set project_name "core"\n', encoding="utf-8")
    (place / "core_csynth.xml").write_text(XML, encoding="utf-8")
    return folder


def test_a_build_does_not_differ_from_itself(builds: Path) -> None:
    own = read_build(builds / "narrow")
    assert differing(own, own) == []
    assert compare_text(own, own) == "narrow and narrow do not differ in any figure\n"
    assert "Nothing: every figure is the same." in Page(compare_page(own, own)).text


def test_what_differs_is_found(builds: Path) -> None:
    narrow, wide = read_build(builds / "narrow"), read_build(builds / "wide")
    found = {name: (x, y) for name, x, y in differing(narrow, wide)}
    assert found["layer0.lanes"] == (1, min(4, conv_network(5).spec.layers[0].n_out))
    slow, fast = found["latency_mean_cycles"]
    assert slow > fast
    assert not found.keys() & {"artifact", "sha256", "layer0.weight", "layer0.n_in", "clock_mhz"}
    text = compare_text(narrow, wide)
    row = next(line for line in text.splitlines() if "latency_mean_cycles" in line)
    assert row.split()[-1] == f"{fast / slow:.2f}"
    page = Page(compare_page(narrow, wide))
    assert f"{fast / slow:.2f}" in page.cells
    assert {"layer0.lanes", "sha256"} <= set(page.cells)


def test_hls_and_rtl_meet_under_the_same_names(builds: Path) -> None:
    hls, rtl = read_build(builds / "hls"), read_build(builds / "narrow")
    assert (hls.kind, rtl.kind) == ("HLS", "RTL")
    assert hls.figures["bram36"] == 32
    assert hls.figures["clock_mhz"] == 274.0
    assert hls.figures["latency_max_cycles"] is None
    assert set(hls.figures) - {"uram"} <= set(rtl.figures)
    found = {name: (x, y) for name, x, y in differing(hls, rtl)}
    assert found["latency_min_cycles"] == (51400, rtl.figures["latency_min_cycles"])
    assert found["lut"] == (30000, rtl.figures["lut"])


def test_the_script_writes_text_page_and_json(builds: Path, tmp_path: Path) -> None:
    def compare(*arguments: str) -> str:
        command = [
            sys.executable,
            "scripts/compare.py",
            str(builds / "narrow"),
            str(builds / "wide"),
            *arguments,
        ]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True
        ).stdout

    file = tmp_path / "page.html"
    stored = json.loads(compare("--json", "-", "--html", str(file)))
    narrow, wide = read_build(builds / "narrow"), read_build(builds / "wide")
    assert file.read_text(encoding="utf-8") == compare_page(narrow, wide)
    assert [(own["figure"], own["a"], own["b"]) for own in stored["differing"]] == differing(narrow, wide)
    assert stored["a"]["figures"] == narrow.figures
    assert compare() == compare_text(narrow, wide)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"^.* must be a build of gen_hw\.py with its report\.json, or a project of gen_hls\.py$"),
        ("{", r"^.*report\.json is not JSON: .*$"),
        ("[]", r"^.*report\.json must hold an object, not \[\]$"),
        ('{"name": "core"}', r"^.*report\.json must be the report of a build by gen_hw\.py: KeyError.*$"),
    ],
)
def test_what_is_no_build_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_build(tmp_path)


@pytest.mark.parametrize(
    ("x", "y", "text"), [(2, 3, "1.50"), (0, 3, ""), (None, 3, ""), ("a", "b", ""), (False, True, "")]
)
def test_only_numbers_have_a_ratio(x, y, text) -> None:
    assert ratio(x, y) == text
