"""FuseSoC runs the targets of a build by Edalize: lint, the vectors in two simulators, synthesis."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import EarConfig
from hw.flows import shift_rams
from hw.flows.yosys import area, cells_of, read_module, synthesise
from hw.verilog import EmittedCore
from tb.harness.depth import FULL
from tb.harness.ears import hearing_artifact
from tb.harness.runner import missing_tool, simulator_environment
from tests.paths import ROOT
from tests.tiny import tiny_artifact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("fusesoc") is None, reason="fusesoc not found: pip install fusesoc"
    ),
]
TOOLS = {"icarus": missing_tool("icarus"), "verilator": missing_tool("verilator")}
LATCH = "reg latch; always @* if (aresetn) latch = s_axis_tvalid;\n"


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(TOOLS[tool] is not None, reason=str(TOOLS[tool]))


both = pytest.mark.parametrize("tool", [pytest.param(tool, marks=needs(tool)) for tool in TOOLS])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fusesoc")
    artifact = tiny_artifact(folder / "tiny")
    build_core(artifact, HardwareConfig.uniform(artifact.network.spec), "net", folder / "build")
    return folder / "build"


@pytest.fixture(scope="module")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build with an ear: two cores for FuseSoC, ``heard`` and ``heard_ear``."""
    folder = tmp_path_factory.mktemp("hearing")
    artifact = hearing_artifact(folder / "heard", 27, 8000)
    config = HardwareConfig.uniform(artifact.network.spec, events_per_cycle=2)
    build_core(artifact, config, "heard", folder / "build", ear=EarConfig("pcm", multipliers=4))
    return folder / "build"


@pytest.fixture
def build(built: Path, tmp_path: Path) -> Path:
    """A copy, to change."""
    return shutil.copytree(built, tmp_path / "build")


@pytest.fixture(scope="module", autouse=True)
def simulators() -> Iterator[None]:
    with simulator_environment("-O0"):
        yield


def fusesoc(build: Path, target: str, core: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a target of a core; its results are in ``run/`` beside the `build`."""
    folder = build.parent
    where = ["--cores-root", "build", "run", "--work-root", "run", "--target", target, core, *options]
    homes = {f"XDG_{kind}_HOME": str(folder) for kind in ("CONFIG", "DATA")}
    return subprocess.run(
        [sys.executable, "-c", "from fusesoc.main import main; main()", *where],
        cwd=folder,
        env={**os.environ, **homes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=280,
    )


@needs("verilator")
@pytest.mark.parametrize("core", ["heard", "heard_ear"])
def test_a_build_is_free_of_lint(hearing: Path, core: str) -> None:
    done = fusesoc(hearing, "lint", core)
    assert done.returncode == 0, done.stdout
    assert "%Warning" not in done.stdout
    assert "verilator -f spikeline_core_" in done.stdout


@needs("verilator")
def test_lint_finds_what_is_wrong(build: Path) -> None:
    verilog = build / "net.v"
    before, top = verilog.read_text(encoding="utf-8").split("module net(")
    verilog.write_text(
        f"{before}module net({top.replace('endmodule', LATCH + 'endmodule', 1)}", encoding="utf-8"
    )
    done = fusesoc(build, "lint", "net")
    assert done.returncode != 0
    assert "%Warning-LATCH" in done.stdout


@both
def test_the_vectors_pass_and_can_fail(build: Path, tool: str) -> None:
    """Verilator's program is made once: it reads the changed vectors, too."""
    done = fusesoc(build, "sim", "net", "--tool", tool)
    assert done.returncode == 0, done.stdout
    assert "\nPASS: " in done.stdout
    assert "%Warning" not in done.stdout
    expected = build / "vectors/expected.hex"
    first, rest = expected.read_text(encoding="utf-8").split("\n", 1)
    expected.write_text(f"{int(first, 16) ^ 1:09x}\n{rest}", encoding="utf-8")
    done = fusesoc(build, "sim", "net", "--tool", tool)
    assert done.returncode != 0
    assert "FAIL: sample 0, output beat 0" in done.stdout


@needs("icarus")
def test_the_vectors_of_an_ear_pass(hearing: Path) -> None:
    done = fusesoc(hearing, "sim", "heard_ear")
    assert done.returncode == 0, done.stdout
    assert "\nPASS: " in done.stdout


@pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh not found: apt-get install tcl")
def test_the_netlist_is_that_of_the_flow(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yosys = tmp_path / "yosys"
    command = f'exec "{sys.executable}" -m tests.hw.fusesoc.tcl_yosys "$@"'
    yosys.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    yosys.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    done = fusesoc(built, "synth", "net")
    assert done.returncode == 0, done.stdout
    (netlist,) = (built.parent / "run").glob("spikeline_core_net_*.json")
    design = json.loads(netlist.read_text(encoding="utf-8"))
    shift_rams.replace(design["modules"]["net"])
    cells = cells_of(design["modules"]["net"])
    sites = area(cells, "ecp5")  # which fails with cells of another family
    assert sites["comb"] > 0 < sites["ff"]
    if FULL:
        ours = EmittedCore("net", (built / "net.v").read_text(encoding="utf-8"), (), (), ())
        theirs = cells_of(read_module(synthesise(ours, "ecp5", tmp_path, 280), "net"))
        assert Counter(kind for _, kind in cells) == Counter(kind for _, kind in theirs)
