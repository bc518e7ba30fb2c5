"""A recording at the pins of a microphone, and what a golden receiver makes of the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge
from numpy.typing import NDArray

from fxp_model.ear.delta_sigma import recorded
from fxp_model.ear.gain import PCM, widened
from fxp_model.ear.i2s import FRAME, receive
from fxp_model.ear.pdm import SAMPLE_HZ, PdmDecimator
from fxp_model.ear.spec import EarSpec
from hw.ear import EarConfig
from tb.harness.i2s_microphone import I2sMicrophone
from tb.harness.pdm_microphone import PdmMicrophone

Samples = Callable[[], NDArray[np.int64]]
"""Those that a golden receiver has delivered of all that was on the line so far."""


def play(
    dut: Any, own: EarConfig, ear: EarSpec, pcm: NDArray[np.integer], rng: np.random.Generator
) -> Samples:
    """Play 16-bit `pcm` (n,) at the rate of the microphone, I2S or PDM, at the pins of `dut`, from its reset
    on.
    """
    return {"i2s": _i2s, "pdm": _pdm}[own.microphone](dut, own, ear, pcm, rng)


def _i2s(
    dut: Any, own: EarConfig, ear: EarSpec, pcm: NDArray[np.integer], rng: np.random.Generator
) -> Samples:
    dut.sd.value, dut.right.value = 0, 0
    spec = own.i2s
    words = widened(pcm).tolist()
    microphone = I2sMicrophone(
        dut.sck, dut.ws, dut.sd, words, False, (1, 9), rng, startup_words=spec.settle_frames - 1
    )
    line = _heard(dut, microphone.run, dut.sck, dut.sd)

    def samples() -> NDArray[np.int64]:
        whole = len(line) // FRAME * FRAME
        return receive(spec, np.reshape(line[:whole], (-1, FRAME))).samples

    return samples


def _pdm(
    dut: Any, own: EarConfig, ear: EarSpec, pcm: NDArray[np.integer], rng: np.random.Generator
) -> Samples:
    dut.pdm_data.value, dut.select.value = 0, 0
    spec = own.pdm(ear)
    bits = recorded(np.pad(pcm, (spec.dropped, 0)) / -PCM.min_raw, SAMPLE_HZ, spec.pdm_hz)
    microphone = PdmMicrophone(dut.pdm_clk, dut.pdm_data, 0, 5, rng)
    line = _heard(dut, lambda: microphone.play(bits.tolist()), dut.pdm_clk, dut.pdm_data)
    return lambda: PdmDecimator(spec).step(line)


def _heard(dut: Any, run: Callable[[], Any], clock: Any, data: Any) -> list[int]:
    """Let a microphone run after the reset; the line at each rise of its clock."""
    line = list[int]()

    async def start() -> None:
        await RisingEdge(dut.aresetn)
        cocotb.start_soon(run())
        while True:
            await RisingEdge(clock)
            line.append(int(data.value))

    cocotb.start_soon(start())
    return line
