"""The core between third-party AXI models on all its interfaces: cocotbext-axi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from fxp_model.artifact import load_artifact
from fxp_model.network import run
from hw.protocol import encode_result, encode_sample
from hw.registers import DROPPED_BEATS, SAMPLES
from tb.harness.plan import load_plan
from tb.harness.scoreboard import MismatchError
from tb.harness.stimulus import random_samples

PLAN = load_plan()


def _pauses(seed: int) -> Iterator[int]:
    """Random idle cycles."""
    rng = np.random.default_rng(seed)
    while True:
        yield int(rng.random() < 0.3)


@cocotb.test()
async def frames(dut: Any) -> None:
    """A sample is an input frame, its scores and class are an output frame."""
    network = load_artifact(PLAN["artifact"]).network
    rng = np.random.default_rng(PLAN["seed"])
    Clock(dut.aclk, 10, unit="ns").start()
    options: dict[str, Any] = {"clock": dut.aclk, "reset": dut.aresetn, "reset_active_level": False}
    source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis"), **options)
    sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis"), **options)
    host = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), **options)
    source.set_pause_generator(_pauses(1))
    sink.set_pause_generator(_pauses(2))
    dut.aresetn.value = 0
    await ClockCycles(dut.aclk, 3)
    dut.aresetn.value = 1

    samples = random_samples(rng, network.spec, PLAN["samples"])
    assert samples, "nothing to compare"
    for sample in samples:
        words = b"".join(beat.tdata.to_bytes(4, "little") for beat in encode_sample(sample))
        await source.send(AxiStreamFrame(words))
    for index, sample in enumerate(samples):
        frame = await sink.recv()
        received = np.frombuffer(bytes(frame.tdata), dtype="<u4").tolist()
        expected = [beat.tdata for beat in encode_result(run(network, sample[:, np.newaxis]).scores[0])]
        if received != expected:
            raise MismatchError(f"sample {index}: expected {expected}, got {received}")
    await ClockCycles(dut.aclk, 100)
    assert sink.empty(), "an unexpected frame"
    assert await host.read_dword(SAMPLES.offset) == len(samples)
    assert await host.read_dword(DROPPED_BEATS.offset) == 0
