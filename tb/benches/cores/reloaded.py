"""A core with reload, at its ports alone, as a netlist has no others: counters, and beats of no sample."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cocotb

from fxp_model.artifact import load_artifact
from hw.config import HardwareConfig
from hw.protocol import WORD_KEEP, Beat
from hw.registers import RELOAD_COMMIT, RELOAD_DATA, RELOAD_STATUS, STATUS
from hw.reload import image
from tb.harness.drivers import AxiLite, drive, no_gaps
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import load_plan
from tb.harness.scoreboard import MismatchError
from tb.harness.stimulus import encode, random_samples

PLAN = load_plan()
CONFIG = HardwareConfig.from_dict(PLAN["hardware"])
ARTIFACTS = [load_artifact(path) for path in (PLAN["artifact"], *PLAN["others"])]
IMAGES = [image(ARTIFACTS[0].network, CONFIG, other.network, other.sha256) for other in ARTIFACTS]
PENDING, BUSY = RELOAD_STATUS["PENDING"].mask, STATUS["BUSY"].mask


async def _load(host: AxiLite, number: int) -> None:
    """Write the artifact `number`, and commit it."""
    for word in IMAGES[number].words:
        await host.write(RELOAD_DATA, word)
    await host.write(RELOAD_COMMIT, IMAGES[number].crc32)


async def _expect(host: AxiLite, **wanted: bool) -> None:
    """Whether a network is `pending`, or the core is `busy`."""
    found = {
        "pending": bool(await host.read(RELOAD_STATUS) & PENDING),
        "busy": bool(await host.read(STATUS) & BUSY),
    }
    if found | wanted != found:
        raise MismatchError(f"state: expected {wanted}, found {found}")


@cocotb.test()
async def counters(dut: Any) -> None:
    """Counts go on from network to network, each with its own spikes and saturations."""
    host = AxiLite(dut)
    bench = NetworkBench(dut, PLAN, host)
    await bench.restart()
    totals: Counter[str] = Counter()
    for index, number in enumerate((0, *range(1, len(ARTIFACTS)), 0)):
        if index:
            await _load(host, number)
            while await host.read(RELOAD_STATUS) & PENDING:
                pass
            bench.replace(ARTIFACTS[number].network)
        before = totals.copy()
        samples = random_samples(bench.rng, bench.network.spec, 4, max_steps=4)
        await bench.play([word for sample in samples[2:] for word in encode(bench.rng, sample)])
        bench.check_results()
        counted = bench.counters()
        assert counted["LAYER0_EVENTS"] > 0, "the counters of the stages were not compared"
        last = counted.pop("LAST_SAMPLE_CYCLES")
        totals.update(counted)
        for name, count in {**totals, "LAST_SAMPLE_CYCLES": last}.items():
            await bench.expect(bench.registers[name], count)
        assert totals["LAYER0_SPIKES"] > before["LAYER0_SPIKES"]


@cocotb.test()
async def padding(dut: Any) -> None:
    """A beat without a word and without TLAST begins no sample; with TLAST it is a marker."""
    host = AxiLite(dut)
    bench = NetworkBench(dut, PLAN, host)
    await bench.restart()
    nothing, marker = (Beat(int(bench.rng.integers(1 << 62)), tlast, 0) for tlast in (False, True))
    dut.m_axis_tready.value = 1

    async def send(*beats: Beat) -> None:
        await drive(bench.source, beats, no_gaps, bench.rng)
        for _ in range(4):  # until the host can see it
            await bench.edge

    async def answered(samples: int) -> None:
        while len(bench.scoreboard.results) < samples * (bench.network.spec.n_out + 1):
            await bench.edge

    words = encode(bench.rng, random_samples(bench.rng, bench.network.spec, 4, max_steps=4)[-1])
    sample = [word._replace(tkeep=WORD_KEEP) for word in words]
    await send(nothing)
    await _expect(host, busy=False)
    await send(*sample, nothing, nothing)
    await answered(1)
    await _expect(host, busy=False)
    await send(nothing)
    await _load(host, 1)
    while await host.read(RELOAD_STATUS) & PENDING:  # for ever, if a sample had begun
        pass
    bench.replace(ARTIFACTS[1].network)

    # within a sample nothing has changed
    await send(sample[0], nothing)
    await _expect(host, busy=True)
    await _load(host, 0)
    await _expect(host, pending=True, busy=True)
    await send(nothing, *sample[1:])
    await answered(1)
    while await host.read(RELOAD_STATUS) & PENDING:
        pass
    bench.check_results()
    bench.replace(ARTIFACTS[0].network)

    # the cycles of a sample count from its first word; and with TLAST there is a step
    await send(nothing, nothing, *sample)
    await answered(1)
    await send(marker, nothing)
    await answered(2)
    await _expect(host, busy=False)
    assert len(bench.decoder.samples) == 2
    bench.check_results()
    counted = bench.counters()
    await bench.expect(bench.registers["LAST_SAMPLE_CYCLES"], counted["LAST_SAMPLE_CYCLES"])
