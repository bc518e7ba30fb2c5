"""Firmware on a RISC-V in a SoC of LiteX runs clips by the generated driver and says the golden answers."""

import importlib.util
import os
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.detector import Detector, DetectorSpec
from fxp_model.network import run
from fxp_model.pretrained import find
from fxp_model.trace import Answers
from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import EarConfig
from tb.harness.depth import FULL
from tb.harness.ears import hearing_artifact
from tb.harness.runner import missing_tool, simulator_environment

HERE = Path(__file__).parent
CASES = ["core", "ear", "steps", *(["words"] if FULL else [])]
WITHOUT_DMA = ["core"]
SEEDS = {"core": 27, "ear": 27, "steps": 86}
STEPS, STRIDE = 13, 2
DETECTOR = DetectorSpec(margin=1, hold=1, refractory=2)
TIMEOUT, COUNT, SETTING = -4, -5, -10
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
    """A build of a few neurons, with a core that takes one event per cycle or two; or of words."""
    ear = EarConfig("i2s") if case == "ear" else None
    if case == "words":
        artifact = load_artifact(find("asc20-64ch-256x256-k5"))
        config = HardwareConfig.uniform(artifact.network.spec, preset="tiny")
    else:
        stride = STRIDE if case == "steps" else None
        artifact = hearing_artifact(folder / "heard", SEEDS[case], 8000, stride)
        config = HardwareConfig.uniform(artifact.network.spec, 4, events_per_cycle=2 - (case == "core"))
    build_core(artifact, config, "net", folder / "build", ear=ear)
    return folder / "build", artifact


def clips_of(artifact: Artifact, case: str) -> np.ndarray:
    """Clips (steps, clips, channels)."""
    if case == "words":
        return artifact.stimulus
    rng, layer = np.random.default_rng(1), artifact.network.spec.layers[0]
    counts = rng.integers(0, layer.max_input + 1, (STEPS, 3, layer.n_in), dtype=np.uint8)
    return counts * (rng.random(counts.shape) < 0.5)


def write_clips(file: Path, clips: np.ndarray, case: str) -> None:
    """The clips in C, and what else the firmware has to know."""
    steps, count, n_in = clips.shape
    values = (", ".join(map(str, clips[:, clip].ravel())) for clip in range(count))
    rows = "".join(f"    {{{own}}},\n" for own in values)
    numbers = {"CLIPS": count, "STEPS": steps, "ROOM": steps + int((clips > 0).sum(axis=(0, 2)).max())}
    numbers |= {"MARGIN": DETECTOR.margin, "HOLD": DETECTOR.hold, "REFRACTORY": DETECTOR.refractory}
    numbers["SPIKELINE_POLLS"] = 20_000 if case == "words" else 1000  # one transfer runs into it
    text = "".join(f"#define {name} {number}\n" for name, number in numbers.items())
    text += f"static const uint8_t clips[CLIPS][STEPS * {n_in}] = {{\n{rows}}};\n"
    file.write_text(f"#include <stdint.h>\n\n{text}", encoding="utf-8")


def expected(artifact: Artifact, clips: np.ndarray, case: str) -> list[str]:
    """What the firmware says, but for its cycles."""
    result = run(artifact.network, clips)
    if result.answers is not None:
        return expected_steps(result.answers)
    own = [
        ["run 0", *(f"score {score}" for score in scores), artifact.labels[int(scores.argmax())]]
        for scores in [*result.scores, *result.scores]
    ]
    lines = ["check 0", *(["listen 0"] * 3 if case == "ear" else []), *chain(*own)]
    lines.append(f"interrupts {len(own)}")
    if case in WITHOUT_DMA:
        return lines
    first, *others = own
    lines += [*first, f"late {TIMEOUT}", "within 1", *chain(*others)]
    return [*lines, f"transfers {len(own)}", f"interrupts {2 * len(own) + 1}"]


def expected_steps(answers: Answers) -> list[str]:
    """Of a network that answers per step."""
    detector, said, last = Detector(DETECTOR), 0, 0
    lines = ["check 0", f"detect {SETTING}", f"detect {SETTING}", "detect 0", f"steps {COUNT}"]
    count, clips = answers.classes.shape
    for way in ("steps", "transfer"):
        for clip in range(clips):
            lines += ["steps 0"] * 2 if way == "steps" else ["transfer 0"]
            for label, score, margin in zip(*(own[:, clip].tolist() for own in answers), strict=True):
                lines += [] if way == "steps" else ["decode 0"]
                lines += [f"class {label}", f"score {score}", f"margin {margin}"]
                word = detector.step(label, margin)
                said, last = (said, last) if word is None else (said + 1, word)
        lines += [f"words {said}", f"last {last}"]
        assert said > 0
        if way == "steps":
            lines += [f"interrupts {count * clips}", "detect 0", f"late {TIMEOUT}", "within 1", "detect 0"]
            detector = Detector(DETECTOR)  # which a reset begins again
    return [*lines, f"transfers {clips + 1}"]  # with the one that is given up


@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", CASES)
def test_firmware_reads_the_golden_answers(case: str, tmp_path: Path) -> None:
    build, artifact = built(tmp_path, case)
    out = tmp_path / "out"
    clips = clips_of(artifact, case)
    write_clips(tmp_path / "clips.h", clips, case)
    program = "steps.c" if case == "steps" else "firmware.c"
    for file in (program, "console.h", "device.h"):
        shutil.copy(HERE / file, tmp_path)
    dma = [] if case in WITHOUT_DMA else ["dma"]
    call(
        [sys.executable, str(HERE / "soc.py"), str(build), str(tmp_path / program), str(out), *dma], tmp_path
    )
    sources = (out / "sources.txt").read_text(encoding="utf-8").split()
    files = ["system.v", *sources, str(HERE / "bench.v")]
    with simulator_environment("-O0"):
        options = ["--binary", "--timing", "-Wno-fatal", "--top-module", "bench"]
        call(["verilator", *options, "--output-split", "0", *files], out)
    lines = call([str(out / "obj_dir/Vbench")], out).splitlines()
    end = next(index for index, line in enumerate(lines) if line.startswith("cycles "))
    assert lines[:end] == expected(artifact, clips, case)


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
