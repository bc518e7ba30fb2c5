"""NeuronUpdate: leak, exact sum, requantisation, threshold and reset of NUMERICS.md section 4."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import RisingEdge

from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import StageParams, fire, leak
from fxp_model.spec import LayerSpec, RecurrenceKind, RecurrenceSpec, ResetMode
from hw.config import StageConfig
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.events import SUMS_AFTER, group_layout, results_layout, tag_layout
from hw.rtl.neuron_update import NeuronUpdate
from tb.harness.block_bench import BlockBench, codes, layer_spec, pack_lanes, signed_lanes
from tb.harness.drivers import BlockStream, drive, random_gaps

CASES: dict[str, dict[str, Any]] = {
    f"{rounding.value}_{overflow.value}_{reset.value}": {
        "n_out": n_out,
        "update_lanes": lanes,
        "rounding": rounding.value,
        "overflow": overflow.value,
        "reset_mode": reset.value,
        "recurrent": recurrent,
    }
    for rounding, overflow, reset, n_out, lanes, recurrent in (
        (Rounding.TRN, Overflow.WRAP, ResetMode.ZERO, 1, 1, True),
        (Rounding.RND, Overflow.SAT, ResetMode.SUBTRACT, 10, 4, True),
        (Rounding.RND_CONV, Overflow.SAT, ResetMode.ZERO, 7, 7, False),
        (Rounding.RND_CONV, Overflow.WRAP, ResetMode.SUBTRACT, 9, 2, True),
    )
}


def _stage(
    n_out: int, update_lanes: int, rounding: str, overflow: str, reset_mode: str, recurrent: bool
) -> tuple[LayerSpec, StageParams, StageConfig]:
    rng = np.random.default_rng(1)
    kernel = QFormat(True, 3, 5)
    spec = layer_spec(
        n_in=4,
        n_out=n_out,
        membrane=QFormat(True, 4, 5),
        weight=QFormat(True, 3, 4),
        beta=13,
        beta_format=QFormat(False, 0, 4),
        v_th=90,
        rounding=Rounding(rounding),
        overflow=Overflow(overflow),
        reset_mode=ResetMode(reset_mode),
        recurrence=RecurrenceSpec(RecurrenceKind.CONV, kernel, 0, 3) if recurrent else None,
    )
    weight = codes(rng, spec.weight, n_out, 4)
    weight[0] = spec.weight.min_raw  # so that currents may reach the full width of the format
    params = StageParams(
        weight,
        codes(rng, spec.bias, n_out),
        np.array([-100, 20, 127]) if recurrent else None,
        np.zeros(n_out, int) if recurrent else None,
    )
    return spec, params, StageConfig(n_out, update_lanes)


def component(**case: Any) -> wiring.Component:
    return NeuronUpdate(*_stage(**case))


@cocotb.test()
async def updates(dut: Any) -> None:
    bench = BlockBench(dut)
    spec, params, config = _stage(**bench.case)
    rng, n, lanes, groups = bench.rng, spec.n_out, config.update_lanes, config.groups(spec.n_out)
    outputs = results_layout(lanes, spec.membrane.width, groups, spiking=True)
    rec_bits = 0 if params.recurrent is None else ConvEngine.current_bits(params.recurrent.tolist())
    rec_limit = (1 << rec_bits - 1) - 1 if rec_bits else 0
    steps = 200
    i_syn = rng.integers(-(4 << spec.weight.width - 1), 4 << spec.weight.width - 1, (steps, n))
    i_syn[rng.random(steps) < 0.3] = 0
    i_rec = rng.integers(-rec_limit - 1, rec_limit + 1, (steps, n)) if rec_bits else np.zeros((steps, n), int)
    last = rng.random(steps) < 0.1

    v = np.zeros(n, dtype=np.int64)
    fired = 0
    for t in range(steps):
        current = (i_syn[t] << spec.sum_frac_bits - spec.weight.frac_bits) + (
            params.bias << spec.sum_frac_bits - spec.bias.frac_bits
        )
        if spec.recurrence is not None:
            current = current + (i_rec[t] << spec.sum_frac_bits - spec.recurrence.weight.frac_bits)
        v_mem = leak(spec, v, current)
        y, v = fire(v_mem, spec.v_th, spec.reset_mode)
        fired += int(y.sum())
        for group in range(groups):
            part = slice(group * lanes, (group + 1) * lanes)
            flags = (group, group == groups - 1, t == 0 or bool(last[t - 1]), bool(last[t]))
            bench.expect((t, flags, v_mem[part].tolist(), y[part].tolist()))
        if last[t]:
            v = np.zeros(n, dtype=np.int64)

    async def watch() -> None:
        count = 0
        while True:
            await bench.edge
            if not dut.probe_valid.value:
                continue
            item = outputs.from_bits(int(dut.results.value))
            t, group = divmod(count, groups)
            size = min(lanes, n - group * lanes)
            tag = item.tag
            flags = (tag.group, bool(tag.final), bool(tag.first), bool(tag.last))
            v_mem = signed_lanes(item.v_mem, spec.membrane.width, lanes)[:size]
            bench.see((t, flags, v_mem, [item.spikes >> lane & 1 for lane in range(size)]))
            count += 1

    async def feed() -> None:
        """i_syn is at the input `SUMS_AFTER` cycles after its group is taken, garbage otherwise."""
        taken = 0
        coming: deque[int | None] = deque([None] * (SUMS_AFTER - 1))
        while True:
            await bench.edge
            garbage = int(rng.integers(1 << min(lanes * spec.accumulator_bits, 62)))
            current = coming.popleft()
            dut.sums.value = garbage if current is None else current
            coming.append(None)
            if source.valid.value and source.ready.value:
                t, group = divmod(taken, groups)
                coming[-1] = pack_lanes(i_syn[t, group * lanes : (group + 1) * lanes], spec.accumulator_bits)
                taken += 1

    async def recur() -> None:
        """i_rec is at the input two cycles after its group is fetched, garbage otherwise."""
        fetched, pending = 0, None
        while True:
            await bench.edge
            dut.recurrent.value = (
                int(rng.integers(1 << min(lanes * rec_bits, 62))) if pending is None else pending
            )
            pending = None
            if tag_layout(groups).from_bits(int(dut.fetched.value)).valid:
                t, group = divmod(fetched, groups)
                pending = pack_lanes(i_rec[t, group * lanes : (group + 1) * lanes], rec_bits)
                fetched += 1

    starts: list[int] = []

    async def count_starts() -> None:
        cycle = 0
        while True:
            await bench.edge
            tag = tag_layout(groups).from_bits(int(dut.fetched.value))
            if tag.valid and tag.group == 0:
                starts.append(cycle)
            cycle += 1

    async def hesitate() -> None:
        while True:
            dut.hold.value = int(rng.random() < 0.3)
            await bench.edge

    await bench.reset(i__valid=0, hold=0)
    source, gaps = BlockStream(dut, "i"), random_gaps(rng)
    bench.start(feed())
    bench.start(watch())
    bench.start(hesitate())
    bench.start(count_starts())
    if rec_bits:
        bench.start(recur())
    for t in range(steps):
        item = group_layout().const({"last": int(last[t])}).as_bits()
        for _ in range(gaps() if t % 3 else 0):
            await RisingEdge(dut.clk)
        # the groups of a step follow each other without a gap
        await drive(source, [item] * groups, lambda: 0, rng)
    await bench.finish()
    assert min(np.diff(starts)) == NeuronUpdate.distance(spec, config), "no sweep followed another at once"
    assert fired > 0, "no neuron fired"
