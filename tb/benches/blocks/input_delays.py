"""InputDelays: the channels that were active d steps ago, with their counts, and none of an earlier sample.

A step that waits for nothing is offered in the cycle of the formula.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.network import StageParams, delayed_inputs
from hw.config import StageConfig
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import COUNTS_AFTER, event_layout
from hw.rtl.input_delays import InputDelays
from hw.rtl.spike_queue import SpikeQueue
from tb.harness.block_bench import BlockBench, layer_spec
from tb.harness.drivers import BlockStream, accept, drive, no_gaps, random_gaps
from tb.harness.monitors import watch_stream
from tb.harness.scoreboard import MismatchError

CASES: dict[str, dict[str, Any]] = {
    "one": {"steps": [3], "bits": 3, "events": 1},
    "none": {"steps": [0, 0, 0], "bits": 2, "events": 1},
    "counts": {"steps": [0, 1, 2, 3, 13, 14, 15, 16, 17, 40, 0, 5, 1], "bits": 4, "events": 1},
    "pairs": {"steps": [0, 1, 2, 3, 12, 13, 1, 0, 5, 1, 0], "bits": 8, "events": 2},
    "spikes": {"steps": [0, 1, 2, 33, 0, 5], "bits": 1, "events": 1},
    "pairs_of_spikes": {"steps": [2, 0, 1, 7, 2], "bits": 1, "events": 2},
}


def component(steps: list[int], bits: int, events: int) -> wiring.Component:
    spec = layer_spec(n_in=len(steps), input_bits=bits, max_input_delay=max(steps))
    return InputDelays(spec, params(steps), StageConfig(1, 1, events))


def params(steps: list[int]) -> StageParams:
    return StageParams(np.zeros((1, len(steps)), int), np.zeros(1, int), input_delay_steps=np.array(steps))


@cocotb.test()
async def counts_of_earlier_steps(dut: Any) -> None:
    bench = BlockBench(dut)
    rng, steps, bits, most = (bench.rng, *(bench.case[key] for key in ("steps", "bits", "events")))
    n, limit, taken = len(steps), (1 << bits) - 1, most if bits == 1 else 1
    inputs, outputs = event_layout(n, bits, taken), event_layout(n, 1, most)
    now, summed, again = 0, 0, 0
    closed: list[int] = []
    waits: list[int] = []

    def offer(sample: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
        """Transfers of a sample, its channels in any order, some counts in parts; expect its delayed form."""
        nonlocal summed, again
        items = []
        for t, step in enumerate(sample):
            parts: list[tuple[int, int]] = []
            for channel in rng.permutation(np.flatnonzero(step)).tolist():
                left = int(step[channel])
                while left:
                    part = int(rng.integers(1, left + 1)) if rng.random() < 0.5 else left
                    again += part < left
                    # the next part may be next to this one, or later
                    parts.insert(int(rng.integers(max(0, len(parts) - 1), len(parts) + 1)), (channel, part))
                    left -= part
            while parts:
                pair = taken == 2 and len(parts) > 1 and rng.random() < 0.7
                fields = _event("", bits, *parts.pop(0)) | ({"pair": 0} if taken == 2 else {})
                if pair:
                    fields |= {"pair": 1} | _event("second_", bits, *parts.pop(0))
                items.append(inputs.const(fields).as_bits())
            items.append(inputs.const({"marker": 1, "last": t == len(sample) - 1}).as_bits())
        late = delayed_inputs(params(steps), sample[:, np.newaxis])[:, 0]
        summed += int(late.sum())
        for t, step in enumerate(late):
            events = [(channel, int(step[channel])) for channel in np.flatnonzero(step).tolist()]
            for first in range(0, len(events), most):
                bench.expect(tuple(events[first : first + most]))
            bench.expect(("marker", t == len(late) - 1))
        return items

    async def watch() -> None:
        """See every transfer with its counts, and how long each step takes."""
        nonlocal now
        sent: list[tuple[int, Any]] = []
        first = True
        while True:
            await bench.edge
            now += 1
            if sent and sent[0][0] == now - COUNTS_AFTER:
                bench.see(_seen(dut, bits, most, sent.pop(0)[1]))
            item = outputs.from_bits(int(dut.o__payload.value))
            if dut.o__valid.value and first:
                waits.append(now - closed.pop(0))
                first = False
            if dut.o__valid.value and dut.o__ready.value:
                sent.append((now, item))
                first = bool(item.marker)
            entered = dut.i__valid.value and dut.i__ready.value
            if entered and inputs.from_bits(int(dut.i__payload.value)).marker:
                closed.append(now)

    await bench.reset(i__valid=0, o__ready=0)
    source, sink = BlockStream(dut, "i"), BlockStream(dut, "o")
    bench.start(watch_stream(source, int))
    bench.start(watch_stream(sink, int))
    bench.start(watch())
    latency = InputDelays.LATENCY + SpikeQueue.latency(most) + EventEncoder.LATENCY + 1
    for turn, length in enumerate((1, 3, 60, 1, 2, 25, 80, 4, 1, 1, 50)):
        density = rng.choice([0.1, 0.5, 0.9])
        sample = rng.integers(1, limit + 1, (length, n)) * (rng.random((length, n)) < density)
        if turn == 0:
            sample[:] = limit
        acceptor = cocotb.start_soon(accept(sink, no_gaps if turn % 2 else random_gaps(rng)))
        await drive(source, offer(sample), no_gaps if turn % 3 else random_gaps(rng), rng)
        acceptor.cancel()
        dut.o__ready.value = int(turn % 4 > 0)
        for _ in range(int(rng.integers(200))):
            await bench.edge
    dut.o__ready.value = 1
    await bench.finish()
    assert summed > 0, "nothing was delayed"
    assert bits == 1 or again > 0, "no count came in parts"
    if min(waits) != latency:
        raise MismatchError(f"latency: expected {latency} cycles, got {min(waits)}")
    assert max(waits) > 2 * latency, "no step waited"


def _event(slot: str, bits: int, address: int, count: int) -> dict[str, int]:
    return {f"{slot}address": address} | ({f"{slot}count": count} if bits > 1 else {})


def _seen(dut: Any, bits: int, most: int, item: Any) -> tuple[Any, ...]:
    if item.marker:
        return "marker", bool(item.last)
    addresses = [item.address] + ([item.second_address] if most == 2 and item.pair else [])
    counts = [int(getattr(dut, f"counts__{slot}").value) if bits > 1 else 1 for slot in range(len(addresses))]
    return tuple(zip(addresses, counts, strict=True))
