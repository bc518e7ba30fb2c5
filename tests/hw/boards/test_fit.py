"""What has room on a board, and what is told where something has not."""

from dataclasses import replace

import pytest

from fxp_model.artifact import load_artifact
from fxp_model.pretrained import find
from hw.boards.boards import BOARDS, Board
from hw.boards.fit import advice, fitting, lacking, narrower_preset
from hw.config import HardwareConfig
from hw.ear import EarConfig, ear_of
from hw.parts import PARTS
from hw.rtl.board.teller import NAME_BYTES


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_what_is_all_there_fits_and_one_more_does_not(board: Board) -> None:
    capacity = PARTS[board.part].capacity
    assert lacking(board, dict(capacity)) is None
    for kind, has in capacity.items():
        assert lacking(board, {**capacity, kind: has + 1}) == f"{kind}: {has + 1} of {has}"


def test_the_nearest_preset_is_the_widest_that_fits() -> None:
    artifact = load_artifact(find("asc20-64ch-256x256-k5"))
    spec = artifact.network.spec
    large, small = BOARDS["ulx3s-85f"], BOARDS["ulx3s-25f"]
    fast, balanced, tiny = (
        HardwareConfig.uniform(spec, preset=name) for name in ("fast", "balanced", "tiny")
    )
    assert narrower_preset(artifact, fast, large, None) == "balanced"
    assert narrower_preset(artifact, balanced, large, None) == "tiny"
    assert narrower_preset(artifact, fast, small, EarConfig()) == "tiny"
    assert narrower_preset(artifact, tiny, large, EarConfig()) is None
    assert (
        advice(artifact, fast, small, EarConfig()) == "--preset tiny is the nearest that is estimated to fit"
    )
    assert advice(artifact, tiny, small, None) == "no narrower preset is estimated to fit"


def test_each_board_is_listed_with_what_it_lacks() -> None:
    artifact = load_artifact(find("asc20-64ch-256x256-k5"))
    fast = HardwareConfig.uniform(artifact.network.spec, preset="fast")
    rows = {row["board"]: row for row in fitting(artifact, fast, None)}
    assert list(rows) == list(BOARDS)
    for name, row in rows.items():
        assert row["clock_mhz"] == BOARDS[name].clock_hz / 1e6
        assert (row["share"] > 1) == (row["lacking"] is not None)
    assert rows["pynq-z2"]["lacking"] is None
    assert rows["ulx3s-25f"]["lacking"].startswith("comb: ")
    heard = {row["board"]: row for row in fitting(artifact, fast, EarConfig())}
    assert all(heard[name]["share"] > row["share"] for name, row in rows.items())


def test_a_clock_that_is_too_slow_for_the_ear_is_told() -> None:
    artifact = load_artifact(find("asc20-256x256-k5"))
    tiny = HardwareConfig.uniform(artifact.network.spec, preset="tiny")
    ear = EarConfig("i2s", rate_hz=192_000)
    needed = ear.sample_cycles(ear_of(artifact)) * 192_000 / 1e6
    for row in fitting(artifact, tiny, ear):
        slow = row["clock_mhz"] < needed
        assert slow or row["lacking"] is None or not row["lacking"].startswith("clock")
        if slow and row["share"] <= 1:
            assert row["lacking"] == f"clock: {needed:g} of {row['clock_mhz']:g} MHz"
    assert any((row["lacking"] or "").startswith("clock") for row in fitting(artifact, tiny, ear))


@pytest.mark.parametrize("letter", ["a", "é"])
def test_a_name_that_no_board_can_tell_is_lacking_and_still_estimated(letter: str) -> None:
    artifact = load_artifact(find("asc20-256x256-k5"))
    tiny = HardwareConfig.uniform(artifact.network.spec, preset="tiny")
    room, size = NAME_BYTES, len(letter.encode())

    def rows(letters: int) -> list[dict]:
        return fitting(replace(artifact, labels=(letter * letters, *artifact.labels[1:])), tiny, None)

    longest = rows(room // size)
    assert any(row["lacking"] is None for row in longest)
    for row, short in zip(rows(72 // size), longest, strict=True):
        told = short["lacking"] or "name of a class: 72 of 63 bytes"
        assert row == {**short, "lacking": told}
