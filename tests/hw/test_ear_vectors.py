"""Vectors of a top level with an ear: they pass without Python, and any wrong beat is named."""

import shutil
from pathlib import Path

import pytest

from fxp_model.ear.resampler import EAR_RATE_HZ
from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import EarConfig
from tb.harness.depth import FULL
from tb.harness.ears import hearing_artifact
from tests.vectors import run_vectors

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog not found: apt-get install iverilog"),
]
NETWORKS = {"i2s": 59, "pdm": 16, "pcm": 27}
"""Seeds of networks with 8 inputs and more, and counts of 4, 2 and 1 bits."""
CONFIGS = [EarConfig("i2s")]
if FULL:
    CONFIGS += [EarConfig("pdm", 2), EarConfig("pcm", 4, rate_hz=48_000), EarConfig("i2s", 2, rate_hz=44_100)]


def build(folder: Path, own: EarConfig, stride: int | None = None) -> Path:
    """The vectors of a build with `own`; the ear is at 16 kHz where the microphone is not."""
    rate_hz = 8000 if own.rate_hz is None else EAR_RATE_HZ
    artifact = hearing_artifact(folder / "heard", NETWORKS[own.microphone], rate_hz, stride)
    config = HardwareConfig.uniform(artifact.network.spec, events_per_cycle=1 + (own.microphone == "pcm"))
    build_core(artifact, config, "core", folder / "out", ear=own)
    return folder / "out/vectors_ear"


@pytest.fixture(scope="module")
def pcm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of the quickest."""
    return build(tmp_path_factory.mktemp("pcm"), EarConfig("pcm", multipliers=4))


def check_passes(vectors: Path) -> None:
    good = run_vectors(vectors)
    assert (good.returncode, good.stdout.splitlines()[-1][:5]) == (0, "PASS:"), good.stdout + good.stderr


@pytest.mark.parametrize("own", CONFIGS, ids=lambda own: f"{own.microphone}-{own.rate_hz}")
def test_the_plain_testbench_of_an_ear_passes(own: EarConfig, tmp_path: Path) -> None:
    check_passes(build(tmp_path, own))


@pytest.mark.parametrize("stride", [1, 5])
def test_the_plain_testbench_of_answers_per_step_passes(stride: int, tmp_path: Path) -> None:
    """Four frames, or as many as an answer takes."""
    vectors = build(tmp_path, EarConfig("pcm", multipliers=4), stride)
    check_passes(vectors)
    beats = (vectors / "expected.hex").read_text(encoding="utf-8").split()
    assert len(beats) == 3 * {1: 4, 5: 1}[stride]
    file, told = vectors / "expected.hex", "\n".join(beats) + "\n"
    file.write_text(flipped(told), encoding="utf-8")
    bad = run_vectors(vectors)
    assert bad.returncode != 0
    assert "FAIL: sample 0, output beat 0: expected" in bad.stdout


def test_the_plain_testbench_of_an_ear_can_fail(pcm: Path) -> None:
    """A wrong beat is named, silence is not the sound, and a counter that must be 0 is read."""
    check_passes(pcm)
    length = len((pcm / "microphone.hex").read_text(encoding="utf-8").splitlines())
    for file, change, complaint in (
        ("expected.hex", flipped, "sample 0, output beat 0: expected"),
        ("microphone.hex", lambda _: "0000\n" * length, "sample 0, output beat"),
        ("tb_core_ear.v", lambda text: text.replace(', 0, "OV', ', 7, "OV'), "OVERRUNS: expected 7, got 0"),
    ):
        original = (pcm / file).read_text(encoding="utf-8")
        (pcm / file).write_text(change(original), encoding="utf-8")
        bad = run_vectors(pcm)
        assert bad.returncode != 0
        assert f"FAIL: {complaint}" in bad.stdout
        (pcm / file).write_text(original, encoding="utf-8")


def flipped(text: str) -> str:
    """Another lowest bit in the first line."""
    first, rest = text.split("\n", 1)
    return f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}"
