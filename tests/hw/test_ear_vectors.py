"""Vectors of a top level with an ear: they pass without Python, and any wrong beat is named."""

import shutil
from pathlib import Path

import pytest

from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import MICROPHONES, EarConfig
from tb.harness.depth import FULL
from tb.harness.ears import hearing_artifact
from tests.vectors import run_vectors

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog not found: apt-get install iverilog"),
]
NETWORKS = {"i2s": 59, "pdm": 16, "pcm": 27}
"""Seeds of networks with 8 inputs and more, and counts of 4, 2 and 1 bits."""


def build(folder: Path, own: EarConfig) -> Path:
    """The vectors of a build with `own`."""
    artifact = hearing_artifact(folder / "heard", NETWORKS[own.microphone])
    config = HardwareConfig.uniform(artifact.network.spec, events_per_cycle=1 + (own.microphone == "pcm"))
    build_core(artifact, config, "core", folder / "out", ear=own)
    return folder / "out/vectors_ear"


def flipped(text: str) -> str:
    """Another lowest bit in the first line."""
    first, rest = text.split("\n", 1)
    return f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}"


@pytest.mark.parametrize("microphone", MICROPHONES if FULL else ("i2s", "pcm"))
def test_the_plain_testbench_of_an_ear_passes(microphone: str, tmp_path: Path) -> None:
    vectors = build(tmp_path, EarConfig(microphone, multipliers=4))
    good = run_vectors(vectors)
    assert (good.returncode, good.stdout.splitlines()[-1][:5]) == (0, "PASS:"), good.stdout + good.stderr


def test_the_plain_testbench_of_an_ear_can_fail(tmp_path: Path) -> None:
    """A wrong beat is named, silence is not the sound, and a counter that must be 0 is read."""
    vectors = build(tmp_path, EarConfig("pcm", multipliers=4))
    length = len((vectors / "microphone.hex").read_text(encoding="utf-8").splitlines())
    for file, change, complaint in (
        ("expected.hex", flipped, "FAIL: sample 0, output beat 0: expected"),
        ("microphone.hex", lambda _: "0000\n" * length, "FAIL: sample 0, output beat"),
        ("tb_core_ear.v", lambda text: text.replace(', 0, "OV', ', 7, "OV'), "FAIL: OVERRUNS: expected 7, got 0"),
    ):
        original = (vectors / file).read_text(encoding="utf-8")
        (vectors / file).write_text(change(original), encoding="utf-8")
        bad = run_vectors(vectors)
        assert bad.returncode != 0
        assert complaint in bad.stdout
        (vectors / file).write_text(original, encoding="utf-8")
