"""Firmware on a RISC-V in a SoC of LiteX runs clips by the generated driver and says the golden answers."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.network import run
from fxp_model.pretrained import find
from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import EarConfig
from tb.harness.depth import FULL
from tb.harness.ears import hearing_artifact
from tb.harness.runner import missing_tool, simulator_environment

HERE = Path(__file__).parent
CASES = ["core", "ear", *(["words"] if FULL else [])]
CROSS = "riscv64-unknown-elf-gcc"


def missing() -> str | None:
    """What the system needs and is not there, and how to install it."""
    for module in ("litex", "pythondata_cpu_vexriscv", "pythondata_software_picolibc"):
        if importlib.util.find_spec(module) is None:
            return f"{module} not found: pip install '.[soc]'"
    if shutil.which(CROSS) is None:
        return f"{CROSS} not found: apt-get install gcc-riscv64-unknown-elf"
    return missing_tool("verilator")


pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() is not None, reason=str(missing()))]


def built(folder: Path, case: str) -> tuple[Path, Artifact]:
    """A build of a few neurons, with an ear where the core takes two events per cycle, or of words."""
    if case == "words":
        artifact = load_artifact(find("asc20-64ch-256x256-k5"))
        config = HardwareConfig.uniform(artifact.network.spec, preset="tiny")
    else:
        artifact = hearing_artifact(folder / "heard", 27, 8000)
        config = HardwareConfig.uniform(artifact.network.spec, 4, events_per_cycle=1 + (case == "ear"))
    build_core(artifact, config, "net", folder / "build", ear=EarConfig("i2s") if case == "ear" else None)
    return folder / "build", artifact


def write_clips(file: Path, artifact: Artifact) -> None:
    """The stimulus of an artifact in C."""
    steps, clips, n_in = artifact.stimulus.shape
    values = (", ".join(map(str, artifact.stimulus[:, clip].ravel())) for clip in range(clips))
    rows = "".join(f"    {{{own}}},\n" for own in values)
    text = f"#define CLIPS {clips}\n#define STEPS {steps}\n"
    text += f"static const uint8_t clips[CLIPS][STEPS * {n_in}] = {{\n{rows}}};\n"
    file.write_text(f"#include <stdint.h>\n\n{text}", encoding="utf-8")


def expected(artifact: Artifact, case: str) -> list[str]:
    """What the firmware says, but for its cycles."""
    result = run(artifact.network, artifact.stimulus)
    lines = ["check 0", *(["listen 0"] if case == "ear" else [])]
    for scores in [*result.scores, *result.scores]:
        lines += ["run 0", *(f"score {score}" for score in scores), artifact.labels[int(scores.argmax())]]
    return [*lines, f"interrupts {2 * len(result.scores)}"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES)
def test_firmware_reads_the_golden_answers(case: str, tmp_path: Path) -> None:
    build, artifact = built(tmp_path, case)
    out = tmp_path / "out"
    write_clips(tmp_path / "clips.h", artifact)
    program = shutil.copy(HERE / "firmware.c", tmp_path)
    call([sys.executable, str(HERE / "soc.py"), str(build), program, str(out)], tmp_path)
    sources = (out / "sources.txt").read_text(encoding="utf-8").split()
    files = ["system.v", *sources, str(HERE / "bench.v")]
    with simulator_environment("-O0"):
        options = ["--binary", "--timing", "-Wno-fatal", "--top-module", "bench"]
        call(["verilator", *options, "--output-split", "0", *files], out)
    lines = call([str(out / "obj_dir/Vbench")], out).splitlines()
    end = next(index for index, line in enumerate(lines) if line.startswith("cycles "))
    assert lines[:end] == expected(artifact, case)


def call(command: list[str], folder: Path) -> str:
    """Standard output of a command, that must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=800,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_the_clock_must_be_that_of_the_build(tmp_path: Path) -> None:
    build, _ = built(tmp_path, "core")
    program = "from spikeline_litex import Spikeline; Spikeline(None, 50e6)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(build / "litex")},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    assert "ValueError: sys_clk_freq must be 100000000 as in the build, not 50000000" in done.stderr
