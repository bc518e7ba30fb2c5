"""SynapseArray: exact sums of the events of a step, in registers and in RAM, one word or several."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.fixed import QFormat
from fxp_model.network import StageParams
from fxp_model.spec import LayerSpec
from hw.config import StageConfig
from hw.rtl.events import currents_layout, event_layout
from hw.rtl.synapse_array import SynapseArray
from tb.block_bench import BlockBench, codes, layer_spec, signed_lanes

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
    outputs = currents_layout(config.update_lanes, bits)
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

    group = 0

    def interpret(raw: int) -> tuple[int, list[int]]:
        nonlocal group
        item = outputs.from_bits(raw)
        n = min(config.update_lanes, spec.n_out - group * config.update_lanes)
        group = (group + 1) % config.groups(spec.n_out)
        return item.last, signed_lanes(item.sums, bits, config.update_lanes)[:n]

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
                # without a second event, what stands in its place means nothing
                fields["pair"] = int(len(events) > 0 and rng.random() < 0.7)
                second = events.pop() if fields["pair"] else fields
                fields |= {f"second_{name}": second[name] for name in ("address", "count") if name in second}
            items.append(pack(**fields))
        items.append(pack(marker=1, last=int(rng.integers(2)), address=int(rng.integers(spec.n_in))))
    await bench.stream(items, predict, interpret, config.groups(spec.n_out))
    await bench.finish()
