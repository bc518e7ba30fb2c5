"""A whole board, as far as its pins."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fxp_model.artifact import Artifact, save_artifact
from hw.board import emit_board
from hw.config import HardwareConfig
from tb.benches.board import board as bench
from tb.harness.runner import Design, Workspace
from tb.harness.stimulus import random_network

CLOCK_HZ, BAUD = 4_000_000, 1_000_000


def answering_artifact(folder: Path, clips: int) -> Artifact:
    """A network of a few neurons, without an ear."""
    network = random_network(3, max_neurons=8)
    layer = network.spec.layers[0]
    shape = 5, clips, layer.n_in
    return save_artifact(
        folder,
        network=network,
        labels=tuple(f"Wort {i} ä" for i in range(network.spec.n_out)),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=np.random.default_rng(0).integers(0, layer.max_input + 1, shape, dtype=np.uint8),
    )


def test_a_board_answers(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    artifact = answering_artifact(tmp_path / "tiny", 2)
    config = HardwareConfig.uniform(artifact.network.spec)
    board = emit_board(artifact, config, None, "board", clock_hz=CLOCK_HZ, baud=BAUD)
    plan = {"artifact": str(tmp_path / "tiny"), "seed": 1}
    figures = workspace.check(Design("board", board.verilog), sim, bench.__name__, plan, "board")
    assert figures["answers"] == {"clips": 2, "lines": 2}
