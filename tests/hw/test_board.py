"""The top level of a board: its pins, its map, and what is refused."""

import re
from pathlib import Path

import pytest

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from hw.board import board_of, emit_board
from hw.config import HardwareConfig
from hw.ear import EarConfig
from hw.rtl.board.uart import cycles_per_bit
from tb.harness.ears import hearing_artifact
from tests.tiny import tiny_artifact

pytestmark = pytest.mark.slow

CLOCK_HZ = 16_000_000
PINS = {"i2s": {"sck", "ws", "sd", "right"}, "pdm": {"pdm_clk", "pdm_data", "select"}}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return hearing_artifact(tmp_path_factory.mktemp("artifact") / "heard", 16)


def config_of(artifact: Artifact) -> HardwareConfig:
    return HardwareConfig.uniform(artifact.network.spec)


@pytest.mark.parametrize("microphone", [None, *PINS])
def test_a_board_has_these_pins(artifact: Artifact, microphone: str | None) -> None:
    own = None if microphone is None else EarConfig(microphone)
    board = emit_board(artifact, config_of(artifact), own, "a_board", clock_hz=CLOCK_HZ)
    pins = {port["name"]: (port["direction"], port["width"]) for port in board.manifest["ports"]}
    common = {
        "aclk": ("input", 1),
        "aresetn": ("input", 1),
        "rx": ("input", 1),
        "tx": ("output", 1),
        "leds": ("output", 8),
    }
    assert {name: pins.pop(name) for name in common} == common
    assert set(pins) == PINS.get(microphone, set())
    blocks = {name: block["base"] for name, block in board.manifest["blocks"].items()}
    heard = {} if microphone is None else {"ear": 0x1000}
    assert blocks == {"core": 0x0000, **heard, "mailbox": 0x2000}
    assert (board.manifest["clock_hz"], board.manifest["baud"]) == (CLOCK_HZ, 1_000_000)
    assert board.verilog.count("\nmodule a_board(") == 1
    assert "$procmux$" not in re.sub(r"\\?\$procmux\$\d+_", "", board.verilog), "Icarus refuses such a name"


def test_cycles_of_a_bit_by_hand() -> None:
    assert cycles_per_bit(12_000_000, 1_000_000) == 12
    assert cycles_per_bit(4_000_000, 1_000_000) == 4
    assert cycles_per_bit(25_000_000, 115_200) == 217
    assert cycles_per_bit(48_900_000, 1_000_000) == 49


@pytest.mark.parametrize(
    ("clock_hz", "baud", "message"),
    [
        (3_999_999, 1_000_000, "baud must be 1..999999, not 1000000"),
        (12_288_000, 1_000_000, "baud must be within 2% of 12288000 / 12, not 1000000"),
        (4_000_000, 0, "baud must be 1..1000000, not 0"),
    ],
)
def test_a_rate_that_a_clock_does_not_give_is_refused(
    artifact: Artifact, clock_hz: int, baud: int, message: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        board_of(artifact, config_of(artifact), clock_hz=clock_hz, baud=baud)


def test_pcm_is_no_microphone_of_a_board(artifact: Artifact) -> None:
    with pytest.raises(InputError, match=r"^microphone of a board must be i2s or pdm, not pcm$"):
        board_of(artifact, config_of(artifact), EarConfig("pcm"), clock_hz=CLOCK_HZ)


def test_a_long_name_is_refused(tmp_path: Path) -> None:
    classes = tiny_artifact(tmp_path / "tiny").network.spec.n_out
    named = tiny_artifact(tmp_path / "named", labels=("ä" * 32, *"b" * (classes - 1)))
    with pytest.raises(InputError, match=r"^bytes of the name of class 0 must be at most 63, not 64$"):
        board_of(named, config_of(named), clock_hz=CLOCK_HZ)
