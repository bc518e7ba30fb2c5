"""NeuronUpdate: leak, exact sum, requantisation, threshold and reset of NUMERICS.md section 4."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring
from cocotb.triggers import RisingEdge

from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import StageParams, fire, leak, synapse, threshold
from fxp_model.spec import LayerSpec, RecurrenceKind, RecurrenceSpec, ResetMode, SynapseSpec
from hw.config import StageConfig
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.events import SUMS_AFTER, group_layout, results_layout, tag_layout
from hw.rtl.neuron_update import NeuronUpdate
from tb.harness.block_bench import BlockBench, codes, layer_spec, pack_lanes, signed_lanes
from tb.harness.drivers import BlockStream, drive, random_gaps

CURRENTS = {
    "fine": (7, Rounding.RND_MIN_INF, Overflow.SAT, None),
    "coarse": (4, Rounding.RND_ZERO, Overflow.SAT_SYM, Rounding.RND_CONV),
    "wraps": (5, Rounding.TRN_ZERO, Overflow.WRAP, Rounding.RND_MIN_INF),
    "vanishes": (6, Rounding.RND_INF, Overflow.SAT_ZERO, Rounding.TRN),
}
"""Synaptic currents: fraction, and modes; the fraction of the membrane is 5."""

CASES: dict[str, dict[str, Any]] = {
    "_".join(map(str, (rounding, overflow, reset, *more, *own))): {
        "n_out": n_out,
        "update_lanes": lanes,
        "rounding": rounding,
        "overflow": overflow,
        "reset_mode": reset,
        "recurrent": recurrent,
        "leak_rounding": more[0] if more else None,
        "current": more[1] if len(more) > 1 else None,
        "own": own,
    }
    for rounding, overflow, reset, n_out, lanes, recurrent, more, own in (
        ("TRN", "WRAP", "zero", 1, 1, True, (), ()),
        ("RND", "SAT", "subtract", 10, 4, True, (), ()),
        ("RND_CONV", "SAT", "zero", 7, 7, False, (), ()),
        ("RND_CONV", "WRAP", "subtract", 9, 2, True, (), ()),
        ("TRN_ZERO", "SAT_SYM", "delayed", 9, 3, True, ("TRN_ZERO",), ("beta",)),
        ("RND_MIN_INF", "SAT_ZERO", "delayed", 8, 8, False, (), ("beta", "v_th")),
        ("RND_ZERO", "SAT", "zero", 5, 5, True, (), ()),
        ("RND_INF", "SAT", "subtract", 7, 2, True, ("RND_INF",), ("v_th",)),
        ("RND_MIN_INF", "SAT_SYM", "zero", 6, 6, True, ("RND", "fine"), ()),
        ("RND", "SAT", "delayed", 10, 4, True, (None, "coarse"), ("alpha", "beta", "v_th")),
        ("RND_CONV", "SAT_ZERO", "subtract", 5, 1, False, ("RND_MIN_INF", "wraps"), ()),
        ("RND_INF", "WRAP", "delayed", 9, 2, True, ("RND_ZERO", "vanishes"), ("alpha",)),
    )
}


def _stage(
    n_out: int,
    update_lanes: int,
    rounding: str,
    overflow: str,
    reset_mode: str,
    recurrent: bool,
    leak_rounding: str | None,
    current: str | None,
    own: Sequence[str],
) -> tuple[LayerSpec, StageParams, StageConfig]:
    """The neurons of a case; those of one group have adders for a share of their own."""
    rng = np.random.default_rng(1)
    share, kernel = QFormat(False, 0, 4), QFormat(True, 3, 7)
    spec = layer_spec(
        n_in=4,
        n_out=n_out,
        membrane=QFormat(True, 4, 5),
        weight=QFormat(True, 3, 4),
        beta=None if "beta" in own else 13,
        beta_format=share,
        v_th=None if "v_th" in own else 90,
        rounding=Rounding(rounding),
        overflow=Overflow(overflow),
        reset_mode=ResetMode(reset_mode),
        recurrence=RecurrenceSpec(RecurrenceKind.CONV, kernel, 0, 3) if recurrent else None,
        leak_rounding=None if leak_rounding is None else Rounding(leak_rounding),
        synapse=None if current is None else _synapse(share, "alpha" in own, *CURRENTS[current]),
    )
    weight = codes(rng, spec.weight, n_out, 4)
    weight[0] = spec.weight.min_raw  # so that currents may reach the full width of the format
    drawn = {"beta": (0, 16), "alpha": (6, 16), "v_th": (30, 150)}
    params = StageParams(
        weight,
        codes(rng, spec.bias, n_out),
        np.array([-400, 81, 507]) if recurrent else None,
        np.zeros(n_out, int) if recurrent else None,
        **{name: rng.integers(*drawn[name], n_out) for name in own},
    )
    return spec, params, StageConfig(n_out, update_lanes, use_dsp=update_lanes < n_out)


def _synapse(
    share: QFormat, own: bool, frac_bits: int, rounding: Rounding, overflow: Overflow, leaks: Rounding | None
) -> SynapseSpec:
    return SynapseSpec(
        current=QFormat(True, 4, frac_bits),
        alpha=None if own else 11,
        alpha_format=share,
        rounding=rounding,
        overflow=overflow,
        leak_rounding=leaks,
    )


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

    v_th, zeros = threshold(spec, params), np.zeros(n, dtype=np.int64)
    c, v, spent = zeros, zeros, zeros
    fired = 0
    for t in range(steps):
        i = (i_syn[t] << spec.input_frac_bits - spec.weight.frac_bits) + (
            params.bias << spec.input_frac_bits - spec.bias.frac_bits
        )
        if spec.recurrence is not None:
            i = i + (i_rec[t] << spec.input_frac_bits - spec.recurrence.weight.frac_bits)
        c = synapse(spec, params, c, i)
        v_mem = leak(spec, params, v, c, spent)
        y, v = fire(v_mem, v_th, spec.reset_mode)
        spent = v_th * y
        fired += int(y.sum())
        current = zeros if spec.synapse is None else c
        for group in range(groups):
            part = slice(group * lanes, (group + 1) * lanes)
            flags = (group, group == groups - 1, t == 0 or bool(last[t - 1]), bool(last[t]))
            bench.expect((t, flags, current[part].tolist(), v_mem[part].tolist(), y[part].tolist()))
        if last[t]:
            c, v, spent = zeros, zeros, zeros

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
            current = [0] * size
            if spec.synapse is not None:
                word = int(dut.probe_current.value)
                current = signed_lanes(word, spec.synapse.current.width, lanes)[:size]
            bench.see((t, flags, current, v_mem, [item.spikes >> lane & 1 for lane in range(size)]))
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

    async def follow() -> None:
        """The tags of what is taken, of what is fetched in the next cycle, and of what is fetched."""
        count, tags = 0, tag_layout(groups)
        passed: deque[tuple[int, ...] | None] = deque([None] * (SUMS_AFTER + 1))
        while True:
            await bench.edge
            t, group = divmod(count, groups)
            begins = t == 0 or bool(last[t - 1])
            takes = bool(source.valid.value and source.ready.value)
            passed.popleft()
            passed.append((group, group == groups - 1, begins, bool(last[t])) if takes else None)
            for name, tag in (("taken", passed[-1]), ("nearing", passed[1]), ("fetched", passed[0])):
                got = tags.from_bits(int(getattr(dut, name).value))
                seen = (got.group, bool(got.final), bool(got.first), bool(got.last)) if got.valid else None
                assert seen == tag, f"{name}: expected {tag}, got {seen}"
            # also before the sweep
            assert t == steps or bool(tags.from_bits(int(dut.taken.value)).first) == begins
            count += takes

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
    bench.start(follow())
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
