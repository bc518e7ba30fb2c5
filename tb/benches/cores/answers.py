"""A core with answers per step: streams with and without an end, its registers, and where these wrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ReadOnly
from numpy.typing import NDArray

from fxp_model.detector import Detector, DetectorSpec
from fxp_model.network import run
from hw.config import HardwareConfig
from hw.estimates.latency import answer_cycles, event_counts
from hw.protocol import END_OF_STEP, Beat, encode_sample, packed
from hw.registers import (
    CONTROL,
    DETECT_HOLD,
    DETECT_MARGIN,
    DETECT_REFRACTORY,
    DETECT_SILENT,
    DETECTED,
    STATUS,
)
from tb.harness.cores import COUNTERS
from tb.harness.drivers import AxiLite, accept, drive, no_gaps, random_gaps
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import Figures, load_plan
from tb.harness.scoreboard import MismatchError
from tb.harness.stimulus import corrupt, encode, random_samples, scattered

PLAN = load_plan()
FIGURES = Figures()
MASK = (1 << 32) - 1
BUSY, CLEAR = STATUS["BUSY"].mask, CONTROL["CLEAR"].mask


def _encoded(bench: NetworkBench) -> list[Beat]:
    """Words of some samples."""
    samples = random_samples(bench.rng, bench.network.spec, PLAN["samples"])
    return [word for sample in samples for word in encode(bench.rng, sample)]


def _some_wrong(bench: NetworkBench, words: Sequence[Beat]) -> list[Beat]:
    """`words` with malformed ones among them."""
    spec = bench.network.spec
    return corrupt(bench.rng, words, spec.n_in, spec.layers[0].max_input, rate=0.1)


def _endless(words: Sequence[Beat]) -> list[Beat]:
    """`words` without the end of any sample."""
    return [Beat(word.tdata | (END_OF_STEP if word.tlast else 0)) for word in words]


async def _begin(dut: Any, host: AxiLite | None = None) -> NetworkBench:
    bench = NetworkBench(dut, PLAN, host)
    await bench.restart()
    return bench


@cocotb.test()
async def endless(dut: Any) -> None:
    """A stream without TLAST, with malformed words, idle input and backpressure; then some that end."""
    bench = await _begin(dut)
    rng = bench.rng
    for ends in (False, False, True, False):
        words = _encoded(bench)
        words = _some_wrong(bench, words if ends else _endless(words))
        await bench.play(words, random_gaps(rng), accept(bench.sink, random_gaps(rng)))
    assert bench.decoder.unfinished is not None
    await bench.check()
    assert bench.tally.answers > 0
    FIGURES.add("endless", bench.figures())


@cocotb.test()
async def cycles(dut: Any) -> None:
    """Those of each answer equal the formula, at full rate, also where steps are silent and short."""
    bench = await _begin(dut)
    rng, spec = bench.rng, bench.network.spec
    config = HardwareConfig.from_dict(PLAN["hardware"])
    words = [word for sample in random_samples(rng, spec, PLAN["samples"]) for word in encode_sample(sample)]
    await bench.play([*_endless(words), *[Beat(END_OF_STEP)] * 40])
    await bench.check()
    FIGURES.add("cycles", {**bench.figures(), **bench.check_timing(config)})


@cocotb.test()
async def apart(dut: Any) -> None:
    """Cycles of the answers to steps that are far apart, as in real time, by the formula."""
    bench = await _begin(dut)
    spec, network = bench.network.spec, bench.network
    dut.m_axis_tready.value = 1
    sample = max(random_samples(bench.rng, spec, 6), key=len)[: 8 * spec.readout.stride]
    steps = np.split(np.array(_endless(encode_sample(sample)), dtype=object), _ends(sample))
    for words in steps[: len(sample)]:
        beats = packed([Beat(*word) for word in words], bench.slots)
        await drive(bench.source, beats, no_gaps, bench.rng)
        for _ in range(1500):
            await bench.edge
    alone = sample[:, np.newaxis]
    events = event_counts(network, run(network, alone), alone)
    predicted = answer_cycles(spec, HardwareConfig.from_dict(PLAN["hardware"]), events)[:, 0]
    took = bench.timing.per_answer()
    assert len(took["last_out"]) == len(sample) // spec.readout.stride > 0
    for answer, cycles in enumerate(took["last_out"] - took["last_in"] + 1):
        golden = predicted[(answer + 1) * spec.readout.stride - 1]
        if cycles != golden:
            raise MismatchError(f"cycles: answer {answer}: predicted {golden}, took {cycles}")
    await bench.check()
    FIGURES.add("apart", {"answers": bench.tally.answers, "cycles": predicted.tolist()})


def _ends(sample: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of words up to the end of each step."""
    return np.cumsum(np.count_nonzero(sample, axis=1) + 1)


@cocotb.test()
async def held_back(dut: Any) -> None:
    """As many steps as the core can hold while its output waits; the cycles of each answer are kept."""
    bench = await _begin(dut)
    stride, rng = bench.network.spec.readout.stride, bench.rng
    steps = [Beat(END_OF_STEP)] * 300
    driver = cocotb.start_soon(drive(bench.source, scattered(rng, steps, bench.slots), no_gaps, rng))
    for _ in range(4000):
        await bench.edge
    waiting = len(bench.decoder.places)
    assert waiting > 16 * len(bench.network.spec.layers)
    assert not driver.done()
    count, last = bench.registers["SAMPLES"], bench.registers["LAST_SAMPLE_CYCLES"]
    for answer in range(len(steps) // stride):
        dut.m_axis_tready.value = 1
        while sum(tlast for _, tlast in bench.timing.outputs) <= answer:
            await bench.edge
            if bench.sink.valid.value and bench.sink.read().tlast:
                dut.m_axis_tready.value = 0
        dut.m_axis_tready.value = 0
        await bench.expect(count, answer + 1)
        took = bench.timing.outputs[-1][0] - bench.timing.asked[answer] + 1
        await bench.expect(last, took)
    await driver
    await bench.expect(STATUS, 0)
    await bench.check()
    FIGURES.add("held_back", {"answers": bench.tally.answers, "waiting": waiting})


@cocotb.test()
async def wraps(dut: Any) -> None:
    """Time and counters pass 2**32 amid a stream: cycles and differences stay right."""
    bench = await _begin(dut)
    rng, spec = bench.rng, bench.network.spec
    await bench.host.write(CONTROL, CLEAR)
    for _ in range(3):  # until they are cleared
        await bench.edge
    before = {name: MASK - int(rng.integers(1, 4)) for name in COUNTERS}
    for name, count in before.items():
        getattr(dut.control, name).total.value = count
    shared = bench.slots == 2 and spec.readout.stride == 1
    time = dut.control.timer.now if shared else dut.control.timer.write__data
    time.value = MASK - 40
    await bench.edge
    words = _some_wrong(bench, _endless(_encoded(bench)))
    await bench.play(words, random_gaps(rng), accept(bench.sink, random_gaps(rng)))
    if not int(time.value) < MASK - 40:
        raise MismatchError("time: did not pass 2**32")
    bench.check_results()
    expected = bench.counters()
    for name, count in before.items():
        name = name.upper()
        expected[name] = expected[name] + count & MASK
        if spec.readout.stride == 1 and expected[name] > 1 << 31:
            raise MismatchError(f"{name}: did not pass 2**32")
    for name, count in expected.items():
        await bench.expect(bench.registers[name], count)


@cocotb.test()
async def words(dut: Any) -> None:
    """What the host finds was said, by the golden detector, whose numbers change between answers."""
    host = AxiLite(dut)
    bench = await _begin(dut, host)
    rng = bench.rng
    await bench.expect(DETECTED, 0)
    await host.write(DETECT_MARGIN, 0x01020304)
    await host.write(DETECT_MARGIN, 0xAABBCCDD, 0b0110)  # bytes without a strobe keep their value
    await bench.expect(DETECT_MARGIN, 0x01BBCC04)
    detector, last, count, answered = Detector(DetectorSpec(margin=0, hold=1, refractory=0)), 0, 0, 0
    for round_ in range(3):
        silent = int(rng.integers(bench.network.spec.n_out)) if round_ % 2 else None
        detector.spec = spec = DetectorSpec(
            margin=round_ % 3, hold=(1, 2, 3)[round_ % 3], refractory=round_ % 4, silent=silent
        )
        await host.write(DETECT_MARGIN, spec.margin)
        await host.write(DETECT_HOLD, spec.hold)
        await host.write(DETECT_REFRACTORY, spec.refractory)
        await host.write(DETECT_SILENT, DETECT_SILENT["NONE"].mask if silent is None else silent)
        await bench.expect(DETECT_HOLD, spec.hold)
        await bench.play(_endless(_encoded(bench)), no_gaps, accept(bench.sink, random_gaps(rng)))
        for label, margin in _answers(bench)[answered:]:
            answered += 1
            heard = detector.step(label, margin)
            last, count = (last, count) if heard is None else (heard, count + 1)
        await bench.expect(DETECTED, count << 16 | last)
    bench.check_results()
    assert count > 0, "no word was said"
    await host.write(CONTROL, CLEAR)
    for _ in range(3):
        await bench.edge
    await bench.expect(DETECTED, 0)


@cocotb.test()
async def restarted(dut: Any) -> None:
    """Reset by the host amid a stream: the next step is the first of another, and its answers are timed."""
    host = AxiLite(dut)
    bench = await _begin(dut, host)
    rng, answers = bench.rng, 0
    cocotb.start_soon(accept(bench.sink, no_gaps))
    for _ in range(4):
        beats = scattered(rng, _endless(_encoded(bench)), bench.slots)
        driver = cocotb.start_soon(drive(bench.source, beats, no_gaps, rng))
        for _ in range(int(rng.integers(len(beats) // 2))):
            await bench.edge
        asked = cocotb.start_soon(host.write(CONTROL, CONTROL["SOFT_RESET"].mask))
        while not dut.control.restarts.value:
            await bench.edge
        await ReadOnly()
        bench.cut()
        await asked
        await driver
        while await host.read(STATUS) & BUSY:
            pass
        bench.check_results()
        await bench.expect(bench.registers["LAST_SAMPLE_CYCLES"], bench.counters()["LAST_SAMPLE_CYCLES"])
        answers += bench.tally.answers
    assert answers > 0


@cocotb.test()
async def ended(dut: Any) -> None:
    """Sequences that end in a beat of any kind: their last answer is timed, and then nothing is in flight."""
    host = AxiLite(dut)
    bench = await _begin(dut, host)
    rng = bench.rng
    dut.m_axis_tready.value = 1
    for sample in random_samples(rng, bench.network.spec, PLAN["samples"]):
        beats = scattered(rng, encode(rng, sample), bench.slots)
        await drive(bench.source, beats, no_gaps, rng)
        for _ in range(4000):
            if not await host.read(STATUS) & BUSY:
                break
        await bench.expect(STATUS, 0)
        await bench.expect(bench.registers["LAST_SAMPLE_CYCLES"], bench.counters()["LAST_SAMPLE_CYCLES"])
    await bench.check()
    assert bench.tally.answers > 0


def _answers(bench: NetworkBench) -> list[tuple[int, int]]:
    """Class and margin of each answer to what the core took."""
    unfinished = bench.decoder.unfinished
    assert unfinished is not None
    answers = run(bench.network, unfinished.counts[:, np.newaxis]).answers
    assert answers is not None
    return [*zip(answers.classes[:, 0].tolist(), answers.margins[:, 0].tolist(), strict=True)]
