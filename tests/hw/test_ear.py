"""The top level of a network with an ear: its pins, and what its manifest promises."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fxp_model.artifact import Artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from hw import ear_registers
from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import MICROPHONES, EarConfig, device_of, ear_of, emit_device, trigger_of
from hw.estimates.resources import estimate_ear
from hw.parts import PARTS
from hw.report.subject import DEFAULT_PART
from tb.harness.ears import hearing_artifact
from tb.harness.stimulus import answering
from tests.tiny import tiny_artifact

pytestmark = pytest.mark.slow

PINS = {
    "i2s": {"sck", "ws", "sd", "right"},
    "pdm": {"pdm_clk", "pdm_data", "select"},
    "pcm": {"s_axis_pcm_tdata", "s_axis_pcm_tvalid", "s_axis_pcm_tready"},
}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return hearing_artifact(tmp_path_factory.mktemp("artifact") / "heard", 16)


def test_with_answers_per_step_there_is_no_trigger(artifact: Artifact, tmp_path: Path) -> None:
    stepped = replace(artifact, network=answering(artifact.network, 1))
    config = HardwareConfig.uniform(artifact.network.spec)
    built = {
        name: build_core(own, config, "core", tmp_path / name, ear=EarConfig("pcm"))
        for name, own in (("sample", artifact), ("step", stepped))
    }
    ears = {name: manifest["ear"] for name, manifest in built.items()}
    assert ears["step"]["trigger"] is None
    registers = {name: {own["name"] for own in ear["registers"]} for name, ear in ears.items()}
    assert registers["sample"] - registers["step"] == {own.name for own in ear_registers.TRIGGERING}
    assert {name: "core_ear.ear.trigger" in text(tmp_path / name) for name in built} == {
        "sample": True,
        "step": False,
    }
    blocks = {name: set(own["estimate"]["resources"]["ear"]["blocks"]) for name, own in built.items()}
    assert blocks["sample"] - blocks["step"] == {"ear.trigger"}
    same = {key: ears["step"][key] for key in ("ports", "sample_cycles", "needed_cycles", "clock_hz")}
    assert same == {key: ears["sample"][key] for key in same}


def text(build: Path) -> str:
    """The Verilog of a top level with an ear."""
    return (build / "core_ear.v").read_text(encoding="utf-8")


def test_a_trigger_is_for_answers_per_sample(artifact: Artifact) -> None:
    stepped = replace(artifact, network=answering(artifact.network, 1))
    config = HardwareConfig.uniform(artifact.network.spec)
    message = r"^a device must have a trigger with an answer per sample, and none with one per step$"
    for own, trigger in ((stepped, trigger_of(artifact)), (artifact, None)):
        with pytest.raises(InputError, match=message):
            device_of(own, config, EarConfig(), trigger)


@pytest.mark.parametrize("microphone", MICROPHONES)
def test_a_device_has_the_pins_of_its_microphone(artifact: Artifact, microphone: str) -> None:
    config = HardwareConfig.uniform(artifact.network.spec)
    device = emit_device(artifact, config, EarConfig(microphone, multipliers=2), "heard")
    pins = {port["name"] for port in device.manifest["ports"] if "axil" not in port["name"]}
    core = {f"{end}_axis_t{name}" for end in "sm" for name in ("data", "valid", "ready", "last")}
    assert pins - {"s_axis_tkeep"} == core | {"aclk", "aresetn", "irq"} | PINS[microphone]
    assert device.verilog.count("\nmodule heard(") == 1


def test_clocks_of_microphones_by_hand(artifact: Artifact) -> None:
    ear = ear_of(artifact)  # 16 cycles would be enough
    cycles = {kind: EarConfig(kind).sample_cycles(ear) for kind in MICROPHONES}
    assert cycles == {"i2s": 2 * 64, "pdm": 4 * 64, "pcm": 16}


def test_cycles_of_resampled_microphones_by_hand() -> None:
    """At the largest gain, a sample takes 17 cycles to the resampler and 1 into it."""
    ear = EarSpec.design(channels=8, sections=1)  # 16 cycles for a sample at 16 kHz would be enough
    by_rate = {
        ("i2s", 48_000): 3 * 64,  # an output of 165 taps takes 168, so 186
        ("i2s", 8_000): 3 * 64,  # two outputs of 55 taps: 18 + 2 * 58 = 134
        ("pcm", 48_000): 18 + 168 // 3,
        ("pcm", 8_000): 18 + 58 * 2,
        ("pcm", 16_000): 16,
    }
    for (kind, rate_hz), cycles in by_rate.items():
        assert EarConfig(kind, rate_hz=rate_hz).sample_cycles(ear) == cycles
    large = EarSpec.design(channels=140, sections=4)  # 1120 cycles at 16 kHz
    assert EarConfig("pcm", rate_hz=48_000).sample_cycles(large) == -(-1120 // 3)
    assert EarConfig("pcm", rate_hz=8_000).sample_cycles(large) == 2 * 1120


@pytest.mark.parametrize(
    ("kind", "rate_hz", "message"),
    [
        ("pdm", 48_000, "rate_hz of a PDM microphone must be that of the ear, 16000, not 48000"),
        ("i2s", 7_999, "rate_hz must need at most 65536 taps to 16000 Hz, not 880000: 7999"),
        ("i2s", 4_000, "rate_hz of an I2S microphone must be in 8000..192000, not 4000"),
        ("i2s", 256_000, "rate_hz of an I2S microphone must be in 8000..192000, not 256000"),
        ("pcm", 999, "rate_hz must be 1000..1000000, not 999"),
        ("pcm", 0, "rate_hz must be 1000..1000000, not 0"),
        ("pcm", "48000", "rate_hz must be 1000..1000000, not '48000'"),
    ],
)
def test_a_rate_that_is_not_heard_is_refused(kind: str, rate_hz: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        EarConfig(kind, rate_hz=rate_hz).sample_cycles(EarSpec.design())


LARGE = EarSpec.design(channels=140, sections=4)
"""Needs 1120 cycles for a sample."""


@pytest.mark.parametrize(
    ("kind", "rate_hz", "clock_mhz", "dividers"),
    [
        ("i2s", None, 18.432, (64, 18)),  # 1152 cycles, the least multiple of 64
        ("i2s", None, 48, (64, 47)),  # SCK of 1.0213 MHz
        ("i2s", None, 100, (64, 98)),  # of 1.0204 MHz
        ("i2s", 48_000, 100, (64, 33)),  # of 3.03 MHz
        ("pdm", None, 100, (125, 50)),  # 2 MHz
        ("pdm", None, 49.152, (64, 48)),  # 1.024 MHz, the first of several
        ("pdm", None, 19, (108, 11)),  # 1.727 MHz
        ("pcm", None, 100, (1, 6250)),
    ],
)
def test_clocks_of_boards_by_hand(
    kind: str, rate_hz: int | None, clock_mhz: float, dividers: tuple[int, int]
) -> None:
    own = EarConfig(kind, rate_hz=rate_hz, clock_hz=round(clock_mhz * 1e6))
    assert own.dividers(LARGE) == dividers
    assert own.sample_cycles(LARGE) == dividers[0] * dividers[1] >= own.needed_cycles(LARGE)


@pytest.mark.parametrize(
    ("kind", "clock_hz", "message"),
    [
        ("i2s", 18_431_999, "clock_hz must be at least 18432000 for this ear and microphone, not 18431999"),
        ("pdm", 12_000_000, "clock_hz must be at least 18432000 for this ear and microphone, not 12000000"),
        ("pcm", 17_919_999, "clock_hz must be at least 17920000 for this ear and microphone, not 17919999"),
        (
            "i2s",
            18_432_000 + 490_000,
            "clock_hz must give 16000 samples per second within 2%, not 16425: 18922000",
        ),
    ],
)
def test_a_clock_that_does_not_do_is_refused(kind: str, clock_hz: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        EarConfig(kind, clock_hz=clock_hz).sample_cycles(LARGE)


def test_another_rate_is_for_an_ear_at_16_khz(artifact: Artifact) -> None:
    message = r"^rate_hz of what is not heard at 16000 Hz must be that of the ear, 8000, not 16000$"
    with pytest.raises(InputError, match=message):
        EarConfig("pcm", rate_hz=16_000).sample_cycles(ear_of(artifact))


def test_what_does_not_fit_is_refused(artifact: Artifact, tmp_path: Path) -> None:
    config = HardwareConfig.uniform(artifact.network.spec)
    with pytest.raises(InputError, match=r"^microphone must be one of i2s, pdm, pcm, not 'usb'$"):
        EarConfig("usb")
    with pytest.raises(InputError, match=r"^tiny must have an ear, not frames without an encoder$"):
        ear_of(tiny_artifact(tmp_path / "tiny"))
    other = hearing_artifact(tmp_path / "other", 27)
    wrong = replace(other, network=artifact.network)
    with pytest.raises(InputError, match=r"^channels of the ear must be 8, not 13$"):
        device_of(wrong, config, EarConfig(), trigger_of(other))
    with pytest.raises(InputError, match=r"^log_frac_bits of the trigger must be 6, not 5$"):
        device_of(artifact, config, EarConfig(), replace(trigger_of(artifact), log_frac_bits=5))


def test_a_report_has_the_cells_of_the_ear(artifact: Artifact, tmp_path: Path) -> None:
    config, built = HardwareConfig.uniform(artifact.network.spec, lanes=4), EarConfig("pdm", multipliers=2)
    cells = estimate_ear(ear_of(artifact), built, PARTS[DEFAULT_PART].target)
    with_ear = build_core(artifact, config, "heard", tmp_path / "ear", ear=built)["estimate"]["resources"]
    assert with_ear["ear"]["total"] == cells.total
    assert with_ear["ear"]["blocks"] == cells.blocks
    alone = build_core(artifact, config, "heard", tmp_path / "core")["estimate"]["resources"]
    assert alone == {**with_ear, "ear": None}
    for folder, shown in (("ear", True), ("core", False)):
        text = (tmp_path / folder / "report.txt").read_text(encoding="utf-8")
        page = (tmp_path / folder / "report.html").read_text(encoding="utf-8")
        assert ("Of the ear, not in these" in text) is ("Of the ear, not in these" in page) is shown
        assert ("ear.filters" in text) is shown
