"""Leak, recurrence, threshold and reset of all neurons of a stage, once per time step."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeGuard

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from fxp_model.fixed import Overflow, Rounding, signed_width
from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, ReadoutMode, ReadoutSpec, RecurrenceKind, ResetMode
from hw.config import StageConfig
from hw.rtl.arithmetic import beyond, fitted, lanes_of, pack, rounded, scaled, times
from hw.rtl.banks import RAM_STYLE, RELOAD, Part, connect_reload, parameter_memory
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.events import DELAYED_AFTER, SUMS_AFTER, group_layout, index_shape, results_layout, tag_layout
from hw.rtl.recurrent_synapses import RecurrentSynapses
from hw.rtl.synapse_array import SynapseArray


def fires(spec: IntegratorSpec) -> TypeGuard[LayerSpec | ReadoutSpec]:
    """Whether the neurons of a stage have a threshold, and so spike and reset."""
    return isinstance(spec, LayerSpec) or (
        isinstance(spec, ReadoutSpec) and spec.mode is ReadoutMode.SPIKE_COUNT
    )


SMALL_MEMORY = 64
"""Words up to which LUT RAM is better than block RAM, which is slower and would be almost empty."""


def half_lsb(spec: IntegratorSpec) -> int:
    """Half an lsb, which rounding to nearest adds to the exact sum; 0 for the other modes."""
    return 1 << spec.rounded_bits >> 1 if spec.rounding is Rounding.RND else 0


class NeuronUpdate(wiring.Component):
    """Sweeps the neurons of a stage: v = Q(beta * v + i_syn + i_rec), spikes, reset.

    The stage has arithmetic for `update_lanes` neurons per cycle. A sweep starts when the groups of a step
    are offered and `hold` is low; then it runs without a stall, so the pipeline needs no enable. A group is
    fetched when its sums arrive. A sweep may start while the last groups of the previous sweep are still in
    the pipeline: everything it reads of a neuron has been written `distance` cycles after the previous start.

    Latency: a group is fetched `SUMS_AFTER` cycles after its transfer; its results follow the transfer by
    `LATENCY` cycles.
    Throughput: one group per cycle; sweeps at least `distance` cycles apart.

    Parameters
    ----------
    spec : IntegratorSpec
        A hidden layer or the readout.
    params : StageParams
    config : StageConfig
    reload : bool
        Bias and threshold can be reloaded.

    Members
    -------
    i : In stream of `group_layout`
        All groups of a step without a gap, as `SynapseArray` offers them.
    sums : In(update_lanes * sum_bits)
        Currents of the group taken `SUMS_AFTER` cycles ago.
    hold : In(1)
        While high, no sweep starts.
    taken : Out(tag_layout)
        Group that is taken, if any; `first` is that of the next sweep when none runs.
    nearing, fetched : Out(tag_layout)
        Group that is fetched in the next cycle, and in this one, if any.
    recurrent : In(update_lanes * current_bits), only with a recurrence
        i_rec of the group fetched two cycles earlier.
    results : Out(results_layout)
        Results of one group.
    fired : Out(update_lanes), no bits where neurons do not fire
        Neurons that fire in this cycle: `results.spikes` of valid results and existing neurons only.
    saturated : Out(update_lanes), no bits where Q wraps
        Neurons whose membrane Q clamps in this cycle.
    reload : In(RELOAD), only if `reload`

    For benches, plain nets of the same content: `probe_valid`, `probe_group`, `probe_v_mem` and, where
    neurons fire, `probe_spikes`.
    """

    LATENCY = SUMS_AFTER + 4

    @classmethod
    def distance(cls, spec: IntegratorSpec, config: StageConfig) -> int:
        """Least number of cycles between the starts of two sweeps, at least G.

        A membrane can be read one cycle after it is written, and a convolution reads spikes
        `ConvEngine.ahead` cycles before membranes. The wait of a dense recurrence depends on its events.
        """
        groups, written = config.groups(spec.n_out), cls.LATENCY - SUMS_AFTER
        recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
        if recurrence is None or recurrence.kind is not RecurrenceKind.CONV:
            return max(groups, written + 1)
        ahead = ConvEngine.ahead(recurrence.kernel_size, spec.n_out, config.update_lanes)
        return max(groups, written + DELAYED_AFTER + ahead)

    def __init__(
        self, spec: IntegratorSpec, params: StageParams, config: StageConfig, reload: bool = False
    ) -> None:
        config.check("stage", spec.n_in, spec.n_out)
        self._spec, self._params, self._config, self._reload = spec, params, config, reload
        self._recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
        self._sum_bits = SynapseArray.accumulator_bits(spec, params, reload)
        if isinstance(spec, LayerSpec) and spec.recurrence is not None:
            assert params.recurrent is not None
            if spec.recurrence.kind is RecurrenceKind.CONV:
                taps = spec.recurrence.weight if reload else None
                self._current_bits = ConvEngine.current_bits(params.recurrent.tolist(), taps)
            else:
                self._current_bits = RecurrentSynapses.current_bits(spec, params, reload)
        self._lanes, self._groups = lanes, groups = config.update_lanes, config.groups(spec.n_out)
        ports = {
            "i": In(stream.Signature(group_layout())),
            "sums": In(lanes * self._sum_bits),
            "hold": In(1),
            "taken": Out(tag_layout(groups)),
            "nearing": Out(tag_layout(groups)),
            "fetched": Out(tag_layout(groups)),
            "results": Out(results_layout(lanes, spec.membrane.width, groups, fires(spec))),
            "fired": Out(lanes if fires(spec) else 0),
            "saturated": Out(lanes if spec.overflow is Overflow.SAT else 0),
        }
        if self._recurrence is not None:
            ports |= {"recurrent": In(lanes * self._current_bits)}
        if reload:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    @staticmethod
    def bias_rows(spec: IntegratorSpec, params: StageParams, config: StageConfig) -> tuple[int, list[int]]:
        """Bits of a bias including its rounding term, and the words of the bias memory, group by group."""
        lanes = config.update_lanes
        added = half_lsb(spec) >> spec.sum_frac_bits - spec.bias.frac_bits
        bits = signed_width(spec.bias.min_raw + added, spec.bias.max_raw + added)
        codes = (params.bias + added).tolist()
        return bits, [pack(codes[low : low + lanes], bits) for low in range(0, spec.n_out, lanes)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Take .. fetch | leak, scale | sum | requantise | compare, reset, write back: a group per cycle.
        tags = self._take(m)
        fetched, leaking, done = tags[SUMS_AFTER], tags[SUMS_AFTER + 1], tags[-1]
        write, operands = self._fetch(m, fetched)
        integrated = [self._integrate(m, lane, leaking.first, *own) for lane, own in enumerate(operands)]
        v_new, clamped = zip(*integrated, strict=True)
        spikes, v_kept = self._fire(m, v_new) if fires(self._spec) else (None, v_new)
        m.d.comb += [
            write.en.eq(done.valid),
            write.addr.eq(done.group),
            write.data.eq(Cat(v[: self._spec.membrane.width] for v in v_kept)),
        ]
        self._give_results(m, done, v_new, spikes)
        self._count(m, done, spikes, clamped)
        return m

    def _take(self, m: Module) -> list[View[StructLayout]]:
        """Take the groups of a step one after another; return the tags of this and the last `LATENCY` cycles.

        The membranes of the previous sample are not cleared but ignored: `first` makes them zeros.
        """
        groups = self._groups
        group = Signal(index_shape(groups))
        start = Signal(init=1)  # group is 0
        first = Signal(init=1)
        take = Signal()
        wait = Signal()
        m.d.comb += [
            self.i.ready.eq(~start | ~(wait | self.hold)),
            take.eq(self.i.valid & self.i.ready),
        ]
        # If a sweep is shorter than its distance to the next, a start is remembered for that distance.
        distance = self.distance(self._spec, self._config)
        if distance > groups:
            recent = Signal(distance - 1)
            now = Cat(take & start, recent)[: distance - 1]
            m.d.sync += [recent.eq(now), wait.eq(now.any())]

        tags = [Signal(tag_layout(groups), name=f"tag_{index}") for index in range(self.LATENCY + 1)]
        m.d.comb += [
            tags[0].valid.eq(take),
            tags[0].group.eq(group),
            tags[0].final.eq(group == groups - 1),
            tags[0].first.eq(first),
            tags[0].last.eq(self.i.payload.last),
        ]
        for before, after in pairwise(tags):
            m.d.sync += after.eq(before)
        m.d.comb += [
            self.taken.eq(tags[0]),
            self.nearing.eq(tags[SUMS_AFTER - 1]),
            self.fetched.eq(tags[SUMS_AFTER]),
        ]

        with m.If(take):
            m.d.sync += [group.eq(Mux(tags[0].final, 0, group + 1)), start.eq(tags[0].final)]
            with m.If(tags[0].final):
                m.d.sync += first.eq(self.i.payload.last)
        return tags

    def _fetch(
        self, m: Module, fetched: View[StructLayout]
    ) -> tuple[memory.WritePort, list[tuple[Value, Value, Value]]]:
        """Membrane, current and bias of each lane, one cycle later; and the write port of the membranes."""
        spec, lanes, v_bits = self._spec, self._lanes, self._spec.membrane.width
        attrs = {RAM_STYLE: "distributed"} if self._groups <= SMALL_MEMORY else {}
        m.submodules.v_mem = v_mem = memory.Memory(
            shape=unsigned(lanes * v_bits), depth=max(2, self._groups), init=[], attrs=attrs
        )
        read = v_mem.read_port()
        write = v_mem.write_port()
        # Rounding to nearest adds half an lsb to the exact sum. It is part of the bias: in its codes, or as
        # constant bits below them.
        places = spec.sum_frac_bits - spec.bias.frac_bits
        below = half_lsb(spec) % (1 << places)
        b_bits, rows = self.bias_rows(spec, self._params, self._config)
        bias = parameter_memory(lanes * b_bits, rows, self._reload)
        m.submodules.bias = bias
        bias_read = bias.read_port()
        sums = Signal(self.sums.shape(), reset_less=True)
        m.d.sync += sums.eq(self.sums)
        for port in (read, bias_read):
            m.d.comb += port.addr.eq(fetched.group)
        if self._reload:
            m.d.comb += bias_read.addr.eq(Cat(fetched.group, self.reload.bank))
            connect_reload(m, bias, self.reload, Part.BIAS)

        codes = lanes_of(bias_read.data[: lanes * b_bits], b_bits)
        operands = (
            lanes_of(read.data, v_bits),
            lanes_of(sums, self._sum_bits),
            [Cat(Const(below, places), code).as_signed() for code in codes],
        )
        return write, list(zip(*operands, strict=True))

    def _integrate(
        self, m: Module, lane: int, first: Value, v: Value, current: Value, offset: Value
    ) -> tuple[Signal, Signal]:
        """Leak and scale | sum | requantise, for a lane: its membrane three cycles later; whether clamped."""
        spec = self._spec
        frac_bits = spec.sum_frac_bits
        # Zeroing behind the product uses the reset of a register; before it, a gate per bit.
        kept = Signal(signed(len(v) + spec.beta_format.width), name=f"kept_{lane}", reset_less=True)
        fed_value = scaled(current, frac_bits - spec.weight.frac_bits) + offset
        fed = Signal(signed(len(fed_value)), name=f"fed_{lane}", reset_less=True)
        m.d.sync += [kept.eq(Mux(first, 0, times(v, spec.beta))), fed.eq(fed_value)]

        terms = [scaled(kept, frac_bits - spec.beta_format.frac_bits - spec.membrane.frac_bits), fed]
        if self._recurrence is not None:
            recurrent = lanes_of(self.recurrent, self._current_bits)[lane]
            terms.append(scaled(recurrent, frac_bits - self._recurrence.weight.frac_bits))
        sum_bits = signed_width(*(limit + half_lsb(spec) for limit in spec.sum_range))
        total = Signal(signed(sum_bits), name=f"total_{lane}", reset_less=True)
        m.d.sync += total.eq(sum(terms[1:], terms[0]))

        v_new = Signal(signed(spec.membrane.width), name=f"v_new_{lane}", reset_less=True)
        rounding = Rounding.TRN if half_lsb(spec) else spec.rounding
        clamped = Signal(name=f"clamped_{lane}", reset_less=True)
        value = rounded(total, frac_bits, spec.membrane, rounding)
        m.d.sync += [
            v_new.eq(fitted(value, spec.membrane, spec.overflow)),
            clamped.eq(beyond(value, spec.membrane)),
        ]
        return v_new, clamped

    def _fire(self, m: Module, v_new: Sequence[Value]) -> tuple[Signal, list[Value]]:
        """Compare, reset: which lanes fire, and their membranes after the reset."""
        spec = self._spec
        assert fires(spec)
        spikes = Signal(self._lanes)
        v_th = self._threshold(m, spec.v_th)
        above = [v - v_th for v in v_new]
        m.d.comb += spikes.eq(Cat(~difference[-1] for difference in above))
        zero = spec.reset_mode is ResetMode.ZERO
        width = spec.membrane.width
        v_kept = [
            Mux(spikes[lane], 0 if zero else above[lane][:width].as_signed(), v)
            for lane, v in enumerate(v_new)
        ]
        return spikes, v_kept

    def _threshold(self, m: Module, v_th: int) -> Value | int:
        """The threshold in use: a constant, or the one of the bank."""
        if not self._reload:
            return v_th
        width = self._spec.membrane.width
        banks = parameter_memory(width, [v_th], reload=True)
        m.submodules.v_th = banks
        read = banks.read_port(domain="comb")
        connect_reload(m, banks, self.reload, Part.V_TH)
        used = Signal(signed(width), reset_less=True)
        m.d.comb += read.addr.eq(Cat(Const(0, 1), self.reload.bank))
        m.d.sync += used.eq(read.data)
        return used

    def _give_results(
        self, m: Module, done: View[StructLayout], v_new: Sequence[Value], spikes: Signal | None
    ) -> None:
        """Results of the group that is `done`, and the same for the benches."""
        probe_valid = Signal()
        probe_group = Signal(index_shape(self._groups))
        probe_v_mem = Signal(self._lanes * self._spec.membrane.width)
        m.d.comb += [
            probe_valid.eq(done.valid),
            probe_group.eq(done.group),
            probe_v_mem.eq(Cat(v_new)),
        ]
        m.d.comb += [self.results.tag.eq(done), self.results.v_mem.eq(probe_v_mem)]
        if spikes is not None:
            probe_spikes = Signal(self._lanes)
            m.d.comb += [probe_spikes.eq(spikes), self.results.spikes.eq(spikes)]

    def _count(
        self, m: Module, done: View[StructLayout], spikes: Signal | None, clamped: Sequence[Signal]
    ) -> None:
        """Neurons that fire, and that are clamped; lanes beyond the last neuron do not count."""
        lanes = self._lanes
        real = Signal(lanes)
        used = self._spec.n_out - (self._groups - 1) * lanes
        with m.If(done.valid):
            m.d.comb += real.eq(Mux(done.final, (1 << used) - 1, (1 << lanes) - 1))
        if spikes is not None:
            m.d.comb += self.fired.eq(spikes & real)
        if self._spec.overflow is Overflow.SAT:
            m.d.comb += self.saturated.eq(Cat(clamped) & real)
