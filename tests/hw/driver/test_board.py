"""The manifest of a board is what the driver takes."""

import json

import pytest

from hw.board import emit_board
from hw.driver.spikeline import Spikeline
from tests.hw.driver.conftest import Case


@pytest.mark.slow
def test_the_driver_takes_the_manifest_of_a_board(case: Case) -> None:
    board = emit_board(case.own, case.config, None, "net_board", clock_hz=25_000_000)
    assert board.manifest["clock_hz"] == 25_000_000
    assert board.manifest["ports"]
    device = Spikeline(case.board(), json.loads(json.dumps(board.manifest)))
    device.check()
    assert device.run(case.samples[1]).scores.tolist() == case.scores(case.samples[1])
