"""A whole board, as far as its pins."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fxp_model.artifact import Artifact, save_artifact
from hw.board import emit_board
from hw.config import EVENTS_PER_CYCLE, HardwareConfig
from hw.ear import EarConfig, EmittedDevice, ear_of
from hw.rtl.board.uart import LEAST_CYCLES
from tb.benches.board import board as bench
from tb.benches.board import hearing, step_hearing
from tb.harness.ears import hearing_artifact
from tb.harness.runner import Design, Workspace, missing_tool
from tb.harness.stimulus import random_hardware, random_network

CLOCK_HZ, BAUD = 4_000_000, 1_000_000
NETWORK = 31
"""Seed of a network with an ear, whose answers to the sound differ."""
STEPPED = 86
"""Seed of one that has many words for it, when it answers per step."""
RATES = {"i2s": 8000, "pdm": 16_000}
"""Samples per second of the ear behind each microphone."""


def answering_artifact(folder: Path, clips: int) -> Artifact:
    """A network of a few neurons, without an ear."""
    network = random_network(8, max_neurons=8)
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


@pytest.mark.parametrize("events", EVENTS_PER_CYCLE)
def test_a_board_answers(events: int, sim: str, workspace: Workspace, tmp_path: Path) -> None:
    artifact = answering_artifact(tmp_path / "tiny", 2)
    config = HardwareConfig.uniform(artifact.network.spec, events_per_cycle=events)
    board = emit_board(artifact, config, None, "board", clock_hz=CLOCK_HZ, baud=BAUD)
    plan = {"artifact": str(tmp_path / "tiny"), "seed": 1}
    figures = workspace.check(Design("board", board.verilog), sim, bench.__name__, plan, "board")
    assert figures["answers"] == {"clips": 2, "lines": 2}


def spoken(
    folder: Path, microphone: str, seed: int = NETWORK, stride: int | None = None
) -> tuple[EmittedDevice, dict[str, Any]]:
    """The device of a board with an ear, and the plan of a bench that speaks to it."""
    artifact = hearing_artifact(folder / "heard", seed, RATES[microphone], stride)
    ear, own = ear_of(artifact), EarConfig(microphone, settles=False)
    clock_hz = own.sample_cycles(ear) * ear.rate_hz
    time_s = np.arange((8 + hearing.CLIPPED) * ear.samples_per_frame) / ear.rate_hz
    sound = 20_000 * np.sin(2 * np.pi * (300 + 9000 * time_s) * time_s) * (1 + np.sin(100 * time_s)) / 2
    np.savez(folder / "sound.npz", pcm=np.rint(sound).astype(np.int16))
    config = random_hardware(artifact.network, seed)
    board = emit_board(artifact, config, own, "device", clock_hz=clock_hz, baud=clock_hz // LEAST_CYCLES)
    plan = {
        "artifact": str(folder / "heard"),
        "ear": asdict(own),
        "sound": str(folder / "sound.npz"),
        "seed": 1,
    }
    return board, plan


def test_a_board_hears(workspace: Workspace, tmp_path: Path) -> None:
    """I2S, under Verilator only, as a device with an ear; PDM is at the pins of whole boards."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    board, plan = spoken(tmp_path, "i2s")
    design = Design("device", board.verilog)
    figures = workspace.check(design, "verilator", hearing.__name__, plan, "hearing")
    assert figures["hears"] == {"answers": 4}


def test_a_board_says_words(workspace: Workspace, tmp_path: Path) -> None:
    """With answers per step."""
    missing = missing_tool("verilator")
    if missing is not None:
        pytest.skip(missing)
    board, plan = spoken(tmp_path, "i2s", STEPPED, stride=1)
    design = Design("device", board.verilog)
    figures = workspace.check(design, "verilator", step_hearing.__name__, plan, "saying")
    assert figures["says"]["words"] > 1
