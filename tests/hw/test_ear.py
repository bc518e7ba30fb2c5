"""The top level of a network with an ear: its pins, and what its manifest promises."""

from dataclasses import replace
from pathlib import Path

import pytest

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from hw.config import HardwareConfig
from hw.ear import MICROPHONES, EarConfig, device_of, ear_of, emit_device, trigger_of
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
