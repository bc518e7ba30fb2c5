"""The registers of a whole core, under a third-party master: cocotbext-axi."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, TypeVar

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly, RisingEdge

from fxp_model import __version__
from fxp_model.network import run
from hw.config import HardwareConfig
from hw.estimates.latency import clip_cycles, event_counts
from hw.protocol import END_OF_STEP, Beat, encode_sample, packed
from hw.registers import (
    ADDRESS_BITS,
    CONTROL,
    IDENTITY,
    IDENTITY_WORD,
    IRQ_ENABLE,
    IRQ_STATUS,
    STATUS,
    VERSION,
    Access,
    Register,
    hash_words,
    version_word,
)
from tb.harness.drivers import AxiLite, Host, accept, drive, no_gaps, random_gaps, reset
from tb.harness.master import Master
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import load_plan
from tb.harness.stimulus import encode, random_samples, scattered

PLAN = load_plan()
H = TypeVar("H", bound=Host)
BUSY, IRQ = STATUS["BUSY"].mask, STATUS["IRQ"].mask
SETTLED = 12
"""Cycles after which a reset has acted, and everything is counted."""
SOFT_RESET, CLEAR = CONTROL["SOFT_RESET"].mask, CONTROL["CLEAR"].mask


async def _begin(dut: Any, of: Callable[[Any], H]) -> tuple[NetworkBench, H]:
    """The bench after a reset, and its host: the third-party one, or one with known cycles."""
    host = of(dut)
    bench = NetworkBench(dut, PLAN, host)
    await bench.restart()
    return bench, host


@cocotb.test()
async def identity(dut: Any) -> None:
    """State of the registers before anything has run; accesses outside the map are refused."""
    bench, host = await _begin(dut, Master)
    await bench.expect(IDENTITY, IDENTITY_WORD)
    await bench.expect(VERSION, version_word(__version__))
    for index, word in enumerate(hash_words(PLAN["sha256"])):
        await bench.expect(bench.registers[f"ARTIFACT_HASH{index}"], word)
    by_offset = {register.offset: register for register in bench.registers.values()}
    far = bench.rng.integers(0x200, 1 << ADDRESS_BITS, 30) & ~3
    for offset in (*range(0, 0x200, 4), *far.tolist()):
        register = by_offset.get(offset)
        assert await host.refuses_read(offset) == (register is None), hex(offset)
        if register is None or register.access is Access.RO:
            assert await host.refuses_write(offset), hex(offset)
    for register in list(bench.registers.values())[list(bench.registers).index("SAMPLES") :]:
        await bench.expect(register, 0)
    await bench.expect(STATUS, 0)

    await host.write(IRQ_ENABLE, 0xFFFFFFFF)
    await bench.expect(IRQ_ENABLE, IRQ_ENABLE["SAMPLE"].mask)
    await bench.expect(CONTROL, 0)
    await bench.restart()
    await bench.expect(IRQ_ENABLE, 0)


@cocotb.test()
async def interrupts(dut: Any) -> None:
    """One interrupt per sample, with the cycles of the formula; none that is not enabled."""
    bench, host = await _begin(dut, Master)
    rng, spec, network = bench.rng, bench.network.spec, bench.network
    config = HardwareConfig.from_dict(PLAN["hardware"])
    dut.m_axis_tready.value = 1
    await host.write(IRQ_ENABLE, 1)
    for number, sample in enumerate(random_samples(rng, spec, 6)):
        await drive(bench.source, packed(encode_sample(sample), bench.slots), no_gaps, rng)
        assert not dut.irq.value
        await bench.expect(STATUS, BUSY)
        await RisingEdge(dut.irq)
        alone = sample[:, np.newaxis]
        events = event_counts(network, run(network, alone), alone)
        predicted = clip_cycles(spec, config, events, [len(sample)])
        await bench.expect(bench.registers["SAMPLES"], number + 1)
        await bench.expect(bench.registers["LAST_SAMPLE_CYCLES"], int(predicted[0]))
        await bench.expect(STATUS, IRQ)
        await host.write(IRQ_STATUS, 0)
        assert dut.irq.value, "a bit written as 0 was cleared"
        await host.write(IRQ_STATUS, 1)
        await bench.expect(IRQ_STATUS, 0)
        assert not dut.irq.value
    await host.write(IRQ_ENABLE, 0)
    await drive(bench.source, packed(encode_sample(sample), bench.slots), no_gaps, rng)
    while await host.read(STATUS) & BUSY:
        pass
    await bench.expect(IRQ_STATUS, 1)
    assert not dut.irq.value
    await bench.check()


@cocotb.test()
async def soft_reset(dut: Any) -> None:
    """Reset by the host during traffic: the core is clean afterwards, and counters continue."""
    bench, host = await _begin(dut, Master)
    rng, spec = bench.rng, bench.network.spec
    samples = stalls_in = stalls_out = 0
    for round_ in range(6):
        await host.write(IRQ_ENABLE, 1)
        words = [word for sample in random_samples(rng, spec, 16, 8) for word in encode(rng, sample)]
        beats = scattered(rng, words, bench.slots)
        gaps = random_gaps(rng) if round_ % 2 else no_gaps
        acceptor = cocotb.start_soon(accept(bench.sink, gaps))
        driver = cocotb.start_soon(drive(bench.source, beats, gaps, rng))
        for _ in range(int(rng.integers(len(beats)))):
            await bench.edge
        asked = cocotb.start_soon(host.write(CONTROL, SOFT_RESET))
        while not dut.control.restarts.value:
            await bench.edge
        await ReadOnly()
        samples += sum(tlast for _, tlast in bench.timing.outputs)
        stalls_in += bench.timing.stalls_in
        stalls_out += bench.timing.stalls_out
        bench.cut()
        await asked
        await driver
        while await host.read(STATUS) & BUSY:
            pass
        bench.check_results()
        samples += len(bench.decoder.samples)
        stalls_in += bench.timing.stalls_in
        stalls_out += bench.timing.stalls_out
        expected = {"SAMPLES": samples, "STALLS_IN": stalls_in, "STALLS_OUT": stalls_out}
        expected["LAST_SAMPLE_CYCLES"] = bench.counters()["LAST_SAMPLE_CYCLES"]
        for name, count in expected.items():
            await bench.expect(bench.registers[name], count)
        await bench.expect(IRQ_ENABLE, 1)
        acceptor.cancel()
        dut.m_axis_tready.value = 0
        bench.cut()
    assert samples > 0
    assert bench.tally.spikes_fired > 0

    await host.write(CONTROL, CLEAR)
    await bench.expect(IRQ_ENABLE, 1)
    await bench.play([beat for sample in random_samples(rng, spec, 5) for beat in encode(rng, sample)])
    await bench.check()


@cocotb.test()
async def soft_reset_of_a_result(dut: Any) -> None:
    """Reset by the host while a beat waits at the output: it is sent before the reset, or not at all.

    The sink becomes ready `later` cycles after the reset is asked for. What is no longer offered is not
    counted.
    """
    bench, host = await _begin(dut, Master)
    sample = packed(encode_sample(random_samples(bench.rng, bench.network.spec, 1)[0]), bench.slots)

    async def takes(later: int) -> None:
        for _ in range(later):
            await bench.edge
        dut.m_axis_tready.value = 1

    lost = 0
    for sent, later in product(range(bench.network.spec.n_out + 1), range(10)):
        await bench.restart()
        await host.write(IRQ_ENABLE, 1)
        await drive(bench.source, sample, no_gaps, bench.rng)
        left = sent
        while left or not dut.m_axis_tvalid.value:
            dut.m_axis_tready.value = int(left > 0)
            await bench.edge
            left -= bool(dut.m_axis_tready.value and dut.m_axis_tvalid.value)
        dut.m_axis_tready.value = 0
        taker = cocotb.start_soon(takes(later))
        asked = cocotb.start_soon(host.write(CONTROL, SOFT_RESET))
        while not dut.control.soft_reset.value:
            await bench.edge
        await ReadOnly()
        ended, stalls = sum(tlast for _, tlast in bench.timing.outputs), bench.timing.stalls_out
        bench.cut()
        await asked
        await taker
        for _ in range(SETTLED):
            await bench.edge
        lost += not ended
        await bench.expect(bench.registers["SAMPLES"], ended)
        await bench.expect(bench.registers["STALLS_OUT"], stalls)
        await bench.expect(STATUS, IRQ * ended)
        assert not bench.timing.outputs
    assert lost > 0, "no reset discarded a sample"


@cocotb.test()
async def full_of_samples(dut: Any) -> None:
    """As many samples as the core can hold, each of one silent step; the time of each is kept."""
    bench, _ = await _begin(dut, Master)
    end = Beat(END_OF_STEP, tlast=True)
    driver = cocotb.start_soon(drive(bench.source, [end] * 200, no_gaps, bench.rng))
    for _ in range(2000):
        await bench.edge
    waiting = len(bench.decoder.samples)
    assert waiting > 16 * len(bench.network.spec.layers)
    assert not driver.done()
    ended = bench.registers["SAMPLES"]
    for sample in range(200):
        while sum(tlast for _, tlast in bench.timing.outputs) <= sample:
            dut.m_axis_tready.value = 1
            await bench.edge
        dut.m_axis_tready.value = 0
        await bench.expect(ended, sample + 1)
        firsts = [cycle for cycle, _ in bench.timing.inputs]
        lasts = [cycle for cycle, tlast in bench.timing.outputs if tlast]
        took = lasts[sample] - firsts[sample] + 1
        await bench.expect(bench.registers["LAST_SAMPLE_CYCLES"], took)
    await driver
    await bench.check()


@cocotb.test()
async def strobes(dut: Any) -> None:
    """Bytes without a strobe keep their value, or count as zeros; a write without a strobe does nothing."""
    bench, host = await _begin(dut, AxiLite)
    await host.write(IRQ_ENABLE, 0xFFFFFFFF, 0b1110)
    await bench.expect(IRQ_ENABLE, 0)
    await host.write(IRQ_ENABLE, 0xFFFFFFFF, 0b0001)
    await host.write(IRQ_ENABLE, 0, 0b1110)
    await host.write(IRQ_ENABLE, 0, 0)
    await bench.expect(IRQ_ENABLE, 1)
    await bench.play(encode(bench.rng, random_samples(bench.rng, bench.network.spec, 5)[-1]))
    for strobe in (0, 0b1110):
        await host.write(IRQ_STATUS, 0xFFFFFFFF, strobe)
        await host.write(CONTROL, 0xFFFFFFFF, strobe)
    await bench.expect(IRQ_STATUS, 1)
    await bench.check()
    await host.write(IRQ_STATUS, 0xFFFFFFFF, 0b0001)
    await bench.expect(IRQ_STATUS, 0)
    await host.write(CONTROL, 0xFFFFFFFF, 0b0001)
    await bench.expect(bench.registers["SAMPLES"], 0)


@cocotb.test()
async def writes_at_the_end_of_a_sample(dut: Any) -> None:
    """A sample that ends while its interrupt is cleared keeps it; CLEAR discards it wholly or not at all.

    The sample ends `late` cycles after the write is sent. Which of them count follows from the registers in
    the path: the end of a sample is known one cycle after its TLAST; a write is transferred in the cycle
    after it is sent and acts in the next one, and CLEAR clears two cycles later.
    """
    bench, host = await _begin(dut, AxiLite)
    beats = packed(encode_sample(random_samples(bench.rng, bench.network.spec, 1)[0]), bench.slots)

    async def ended(write: Register, word: int, after: int) -> int:
        """The cycles from the start of a sample to its end, with a write `after` cycles."""
        await bench.restart()
        dut.m_axis_tready.value = 1
        await host.address(write)
        began = bench.now
        driver = cocotb.start_soon(drive(bench.source, beats, no_gaps, bench.rng))
        while bench.now < began + after:
            await bench.edge
        await host.put(word)
        await driver
        while not bench.timing.outputs or not bench.timing.outputs[-1][1]:
            await bench.edge
        await host.read(STATUS)
        return bench.timing.outputs[-1][0] - began

    cycles = await ended(IRQ_ENABLE, 0, 0)
    for late in range(-3, 6):
        assert await ended(IRQ_STATUS, 1, cycles - late) == cycles
        await bench.expect(IRQ_STATUS, int(late >= 1))
        assert await ended(CONTROL, CLEAR, cycles - late) == cycles
        counts = bench.counters() if late >= 4 else {"SAMPLES": 0, "LAST_SAMPLE_CYCLES": 0}
        for name in ("SAMPLES", "LAST_SAMPLE_CYCLES"):
            await bench.expect(bench.registers[name], counts[name])


@cocotb.test()
async def host_after_a_reset(dut: Any) -> None:
    """`restart` checks that a core is quiet during reset; a write that starts after it is not lost."""
    bench, host = await _begin(dut, AxiLite)
    sample = encode_sample(random_samples(bench.rng, bench.network.spec, 1)[0])
    for cycles in (1, 2, 5):
        await drive(bench.source, packed(sample, bench.slots), no_gaps, bench.rng)
        while not dut.m_axis_tvalid.value:
            await bench.edge
        await bench.restart(cycles)
        for later in range(4):
            await reset(dut, cycles)
            for _ in range(later):
                await bench.edge
            await host.write(IRQ_ENABLE, 1)
            await bench.expect(IRQ_ENABLE, 1)
        await bench.play(sample)
        await bench.check()
