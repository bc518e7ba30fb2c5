"""The top level of a network with an ear: its pins, and what its manifest promises."""

from dataclasses import replace
from pathlib import Path

import pytest

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from hw.build import build_core
from hw.config import HardwareConfig
from hw.ear import MICROPHONES, EarConfig, device_of, ear_of, emit_device, trigger_of
from hw.estimates.resources import estimate_ear
from hw.parts import PARTS
from hw.report.subject import DEFAULT_PART
from tb.harness.ears import hearing_artifact
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
