"""SynapseArray: exact sums of the events of a step, in registers and in RAM, one word or several."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.fixed import QFormat
from fxp_model.network import StageParams
from fxp_model.spec import LayerSpec
from hw.config import StageConfig
from hw.rtl.events import SUMS_AFTER, event_layout, group_layout
from hw.rtl.synapse_array import SynapseArray
from tb.harness.block_bench import BlockBench, codes, layer_spec, signed_lanes
from tb.harness.drivers import BlockStream, accept_runs, drive, random_gaps
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "one_word_spikes": {"n_in": 9, "n_out": 7, "input_bits": 1, "lanes": 7, "update_lanes": 3},
    "one_word_counts": {"n_in": 5, "n_out": 12, "input_bits": 4, "lanes": 12, "update_lanes": 4},
    "words_counts": {"n_in": 6, "n_out": 22, "input_bits": 8, "lanes": 8, "update_lanes": 4},
    "one_word_pairs": {"n_in": 9, "n_out": 7, "input_bits": 1, "lanes": 7, "update_lanes": 3, "events": 2},
    "words_pairs": {"n_in": 6, "n_out": 22, "input_bits": 4, "lanes": 8, "update_lanes": 4, "events": 2},
    "adders": {"n_in": 5, "n_out": 3, "input_bits": 7, "lanes": 3, "update_lanes": 3, "use_dsp": False},
    "pairs_adders": {
        "n_in": 5,
        "n_out": 3,
        "input_bits": 4,
        "lanes": 3,
        "update_lanes": 3,
        "use_dsp": False,
        "events": 2,
    },
    "words_spikes": {"n_in": 1, "n_out": 5, "input_bits": 1, "lanes": 2, "update_lanes": 1},
}


def _stage(
    n_in: int,
    n_out: int,
    input_bits: int,
    lanes: int,
    update_lanes: int,
    events: int = 1,
    use_dsp: bool = True,
) -> tuple[LayerSpec, StageParams, StageConfig]:
    spec = layer_spec(n_in=n_in, n_out=n_out, input_bits=input_bits, weight=QFormat(True, 3, 2))
    weight = codes(np.random.default_rng(1), spec.weight, n_out, n_in)
    weight[0], weight[-1] = spec.weight.min_raw, spec.weight.max_raw  # the widest sums
    return spec, StageParams(weight, np.zeros(n_out, int)), StageConfig(lanes, update_lanes, events, use_dsp)


def component(**case: Any) -> wiring.Component:
    return SynapseArray(*_stage(**case))


@cocotb.test()
async def sums(dut: Any) -> None:
    bench = BlockBench(dut)
    spec, params, config = _stage(**bench.case)
    rng, bits = bench.rng, SynapseArray.accumulator_bits(spec, params, reload=False)
    inputs = event_layout(spec.n_in, spec.input_bits, config.events_per_cycle)
    x = np.zeros(spec.n_in, dtype=np.int64)

    def pack(**fields: int) -> int:
        return inputs.const(fields).as_bits()

    def predict(raw: int) -> None:
        nonlocal x
        item = inputs.from_bits(raw)
        if not item.marker:
            x[item.address] += item.count if spec.input_bits > 1 else 1
            if config.events_per_cycle == 2 and item.pair:
                x[item.second_address] += item.second_count if spec.input_bits > 1 else 1
            return
        current = (params.weight @ x).tolist()
        for low in range(0, spec.n_out, config.update_lanes):
            bench.expect((item.last, current[low : low + config.update_lanes]))
        x = np.zeros_like(x)

    async def watch() -> None:
        """See the `last` of a group when it is taken, and its sums when they arrive."""
        group, coming = 0, deque([-1] * SUMS_AFTER)
        while True:
            await bench.edge
            last = coming.popleft()
            if last >= 0:
                n = min(config.update_lanes, spec.n_out - group * config.update_lanes)
                group = (group + 1) % config.groups(spec.n_out)
                bench.see((last, signed_lanes(int(dut.sums.value), bits, config.update_lanes)[:n]))
            taken = sink.valid.value and sink.ready.value
            coming.append(group_layout().from_bits(sink.read()).last if taken else -1)

    await bench.reset(i__valid=0, o__ready=0)
    items = []
    for step in range(120):
        density = (0.0, 0.3, 1.0)[step % 3]
        events = []
        for address in rng.permutation(spec.n_in)[rng.random(spec.n_in) < density].tolist():
            # at the end, the largest sums of all
            count = int(rng.integers(1, spec.max_input + 1)) if step < 110 else spec.max_input
            events.append({"address": address} | ({"count": count} if spec.input_bits > 1 else {}))
        while events:
            fields = events.pop()
            if config.events_per_cycle == 2:
                # without a second event, its fields must be ignored
                fields["pair"] = int(len(events) > 0 and rng.random() < 0.7)
                second = events.pop() if fields["pair"] else fields
                fields |= {f"second_{name}": second[name] for name in ("address", "count") if name in second}
            items.append(pack(**fields))
        items.append(pack(marker=1, last=int(rng.integers(2)), address=int(rng.integers(spec.n_in))))
    source, sink = BlockStream(dut, "i"), BlockStream(dut, "o")
    bench.start(watch_stream(source, predict))
    bench.start(watch_stream(sink, int))
    bench.start(watch())
    bench.start(accept_runs(sink, config.groups(spec.n_out), random_gaps(rng)))
    await drive(source, items, random_gaps(rng), rng)
    await bench.finish()
