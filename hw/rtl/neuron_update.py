"""Leak, recurrence, threshold and reset of all neurons of a stage, once per time step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from fxp_model.fixed import Overflow, signed_width
from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec, LayerSpec, RecurrenceKind, ResetMode, fires
from hw.config import StageConfig
from hw.rtl.arithmetic import beyond, fitted, lanes_of, pack, scaled
from hw.rtl.banks import RAM_STYLE, RELOAD, Part, connect_reload, parameter_memory
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.events import DELAYED_AFTER, SUMS_AFTER, group_layout, index_shape, results_layout, tag_layout
from hw.rtl.leaky_sum import LeakySum, rounding_term
from hw.rtl.pipeline import delayed
from hw.rtl.recurrent_synapses import RecurrentSynapses
from hw.rtl.synapse_array import SynapseArray

SMALL_MEMORY = 64
"""Words up to which LUT RAM is better than block RAM, which is slower and would be almost empty."""


class Codes(NamedTuple):
    """A memory of codes, one for each neuron: bits of a code, and a word for each group."""

    bits: int
    rows: list[int]


def neuron_codes(spec: IntegratorSpec, params: StageParams, config: StageConfig) -> dict[Part, Codes]:
    """The memories that `NeuronUpdate` has of its neurons' parameters; a bias includes its rounding term."""
    lanes = config.update_lanes
    added = rounding_term(spec.input_sum) >> spec.input_frac_bits - spec.bias.frac_bits
    limits = spec.bias.min_raw + added, spec.bias.max_raw + added
    found = {Part.BIAS: (signed_width(*limits), params.bias + added)}
    if params.beta is not None:
        found[Part.BETA] = spec.beta_format.width, params.beta
    if params.alpha is not None and spec.synapse is not None:
        found[Part.ALPHA] = spec.synapse.alpha_format.width, params.alpha
    if params.v_th is not None:
        found[Part.V_TH] = spec.membrane.width - 1, params.v_th
    groups = range(0, spec.n_out, lanes)
    return {
        part: Codes(bits, [pack(codes[low : low + lanes].tolist(), bits) for low in groups])
        for part, (bits, codes) in found.items()
    }


class NeuronUpdate(wiring.Component):
    """Sweeps the neurons of a stage: v = Q(beta * v + i_syn + i_rec), spikes, reset.

    The stage has arithmetic for `update_lanes` neurons per cycle. A sweep starts when the groups of a step
    are offered and `hold` is low; then it runs without a stall, so the pipeline needs no enable. A group is
    fetched when its sums arrive. A sweep may start while the last groups of the previous sweep are still in
    the pipeline: everything it reads of a neuron has been written `distance` cycles after the previous start.

    A synaptic current, c = Q(alpha * c + i_syn + i_rec), passes the same stages, two cycles before the
    membrane, v = Q(beta * v + c): so only spikes and results come later.

    Latency: a group is fetched `SUMS_AFTER` cycles after its transfer; its results follow the transfer by
    `latency` cycles.
    Throughput: one group per cycle; sweeps at least `distance` cycles apart.

    Parameters
    ----------
    spec : IntegratorSpec
        A hidden layer or the readout.
    params : StageParams
    config : StageConfig
    reload : bool
        The codes of its neurons, or their one threshold, can be reloaded.

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
        Neurons whose membrane Q changes in this cycle, as it is out of range.
    reload : In(RELOAD), only if `reload`

    For benches, plain nets of the same content: `probe_valid`, `probe_group`, `probe_v_mem`, where neurons
    fire `probe_spikes`, and where they have a synaptic current `probe_current`.
    """

    WRITTEN_AFTER = 4
    """Cycles from the fetch of a state until it is written."""
    CURRENT = 2
    """Cycles from the fetch of a current to that of its membrane."""

    @classmethod
    def latency(cls, spec: IntegratorSpec) -> int:
        """Cycles from the transfer of a group to its results."""
        return SUMS_AFTER + cls.WRITTEN_AFTER + (0 if spec.synapse is None else cls.CURRENT)

    @classmethod
    def distance(cls, spec: IntegratorSpec, config: StageConfig) -> int:
        """Least number of cycles between the starts of two sweeps, at least G.

        A state can be read one cycle after it is written, and a convolution reads spikes
        `ConvEngine.ahead` cycles before the fetch. The wait of a dense recurrence depends on its events.
        """
        groups, written = config.groups(spec.n_out), cls.latency(spec) - SUMS_AFTER
        recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
        if recurrence is None or recurrence.kind is not RecurrenceKind.CONV:
            return max(groups, cls.WRITTEN_AFTER + 1)
        ahead = ConvEngine.ahead(recurrence.kernel_size, spec.n_out, config.update_lanes)
        return max(groups, written + DELAYED_AFTER + ahead)

    def __init__(
        self, spec: IntegratorSpec, params: StageParams, config: StageConfig, reload: bool = False
    ) -> None:
        config.check("stage", spec.n_in, spec.n_out)
        self._spec, self._params, self._config, self._reload = spec, params, config, reload
        self._recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
        self._spends = fires(spec) and spec.reset_mode is ResetMode.DELAYED
        self._codes = neuron_codes(spec, params, config)
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
            "saturated": Out(0 if spec.overflow is Overflow.WRAP else lanes),
        }
        if self._recurrence is not None:
            ports |= {"recurrent": In(lanes * self._current_bits)}
        if reload:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    @staticmethod
    def leaky_sums(spec: IntegratorSpec, use_dsp: bool, reload: bool) -> list[LeakySum]:
        """That of the current, if there is one, and that of the membrane.

        With any threshold, if another can be loaded. The inputs contain the rounding term of their sum; a
        current has room for it below its lsb, or not.
        """
        if reload and fires(spec):
            spec = replace(spec, v_th=None)
        inputs, total = spec.input_sum, spec.membrane_sum
        added = rounding_term(inputs)
        if spec.synapse is None:
            return [LeakySum("", spec.leak, total, added, use_dsp)]
        room = 1 << total.frac_bits - spec.synapse.current.frac_bits
        below = rounding_term(total)
        return [
            LeakySum("current_", spec.synapse.leak, inputs, added, use_dsp),
            LeakySum("", spec.leak, total, below if below < room else 0, use_dsp),
        ]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Take .. fetch | leak, scale | sum | requantise | compare, reset, write back: a group per cycle.
        # A current passes these stages, too; it is requantised as the membrane leaks, and joins its sum.
        tags = self._take(m)
        begins, leaks, done = tags[-1 - self.WRITTEN_AFTER], tags[-self.WRITTEN_AFTER], tags[-1]
        spec, lanes, width = self._spec, self._lanes, self._spec.membrane.width
        *before, leaky = self.leaky_sums(spec, self._config.use_dsp, self._reload)
        write, kept = self._state(m, "v_mem", width, begins, spare=1 if self._spends else 0)
        states = lanes_of(kept[: lanes * width], width)
        feeds, terms = self._inputs(m, tags[SUMS_AFTER])
        currents: list[Signal] = []
        if before:
            currents = self._currents(m, before[0], tags, feeds, terms)
            places = leaky.total.frac_bits - before[0].total.target.frac_bits
            terms = [[Cat(Const(leaky.added, places), current).as_signed()] for current in currents]
            feeds = [[] for _ in currents]
        v_th: Sequence[Value | int] = ()
        if self._spends:
            spending, v_th = self._thresholds(m, begins, tags[-2])
            places = leaky.total.frac_bits - spec.membrane.frac_bits
            for spiked, own, feed in zip(kept[lanes * width :], spending, feeds, strict=True):
                feed.append(-scaled(Mux(spiked & ~leaks.first, own, Const(0, signed(width))), places))

        shares = self._shares(m, Part.BETA, spec.beta, begins)
        integrated = [
            self._membrane(m, lane, leaky.rounded(m, lane, leaks.first, *own))
            for lane, own in enumerate(zip(states, shares, feeds, terms, strict=True))
        ]
        v_new, clamped = zip(*integrated, strict=True)
        spikes: Signal | None = None
        v_kept: Sequence[Value] = v_new
        if fires(spec):
            spikes, v_kept = self._fire(m, v_new, v_th or self._thresholds(m, tags[-2])[0])
        m.d.comb += [
            write.en.eq(done.valid),
            write.addr.eq(done.group),
            write.data.eq(Cat(*(v[:width] for v in v_kept), *([spikes] if self._spends else []))),
        ]
        self._give_results(m, done, v_new, spikes, currents)
        self._count(m, done, spikes, clamped)
        return m

    def _take(self, m: Module) -> list[View[StructLayout]]:
        """Take the groups of a step one after another; return the tags of this and the last `latency` cycles.

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

        cycles = range(self.latency(self._spec) + 1)
        tags = [Signal(tag_layout(groups), name=f"tag_{index}") for index in cycles]
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

    def _state(
        self, m: Module, name: str, bits: int, fetched: View[StructLayout], spare: int = 0
    ) -> tuple[memory.WritePort, Value]:
        """A memory of states of `bits`, and `spare` ones; its word of a group one cycle after the fetch."""
        attrs = {RAM_STYLE: "distributed"} if self._groups <= SMALL_MEMORY else {}
        shape = unsigned(self._lanes * (bits + spare))
        m.submodules[name] = states = memory.Memory(
            shape=shape, depth=max(2, self._groups), init=[], attrs=attrs
        )
        read = states.read_port()
        write = states.write_port()
        m.d.comb += read.addr.eq(fetched.group)
        return write, read.data

    def _own(self, m: Module, part: Part, *fetched: View[StructLayout]) -> list[list[Value]]:
        """Codes of the neurons of each of some groups, lane by lane, one cycle after its fetch."""
        bits, rows = self._codes[part]
        codes = parameter_memory(self._lanes * bits, rows, self._reload)
        m.submodules[part.name.lower()] = codes
        found = []
        for tag in fetched:
            read = codes.read_port()
            bank = [self.reload.bank] if self._reload else []
            m.d.comb += read.addr.eq(Cat(tag.group, *bank))
            found.append([read.data[low : low + bits] for low in range(0, self._lanes * bits, bits)])
        if self._reload:
            connect_reload(m, codes, self.reload, part)
        return found

    def _shares(
        self, m: Module, part: Part, share: int | None, fetched: View[StructLayout]
    ) -> Sequence[Value | int]:
        """Share of a state that each lane keeps, one cycle after the fetch, or always."""
        return self._own(m, part, fetched)[0] if share is None else [share] * self._lanes

    def _inputs(self, m: Module, fetched: View[StructLayout]) -> tuple[list[list[Value]], list[list[Value]]]:
        """Inputs of each lane as terms of their exact sum: one cycle after the fetch, and two cycles."""
        # Rounding to nearest adds half an lsb to the exact sum. It is part of the bias: in its codes, or as
        # constant bits below them.
        spec, frac_bits = self._spec, self._spec.input_frac_bits
        places = frac_bits - spec.bias.frac_bits
        below = rounding_term(spec.input_sum) % (1 << places)
        (biases,) = self._own(m, Part.BIAS, fetched)
        sums = Signal(self.sums.shape(), reset_less=True)
        m.d.sync += sums.eq(self.sums)
        feeds = [
            [scaled(own, frac_bits - spec.weight.frac_bits), Cat(Const(below, places), bias).as_signed()]
            for own, bias in zip(lanes_of(sums, self._sum_bits), biases, strict=True)
        ]
        if self._recurrence is None:
            return feeds, [[] for _ in feeds]
        places = frac_bits - self._recurrence.weight.frac_bits
        return feeds, [[scaled(own, places)] for own in lanes_of(self.recurrent, self._current_bits)]

    def _currents(
        self,
        m: Module,
        leaky: LeakySum,
        tags: Sequence[View[StructLayout]],
        feeds: Sequence[list[Value]],
        terms: Sequence[list[Value]],
    ) -> list[Signal]:
        """Synaptic current of each lane, when its membrane has been fetched and leaks."""
        synapse = self._spec.synapse
        assert synapse is not None
        fmt = synapse.current
        fetched, leaks, *_, known = tags[SUMS_AFTER : SUMS_AFTER + self.WRITTEN_AFTER + 1]
        write, kept = self._state(m, "current", fmt.width, fetched)
        shares = self._shares(m, Part.ALPHA, synapse.alpha, fetched)
        currents = []
        for lane, own in enumerate(zip(lanes_of(kept, fmt.width), shares, feeds, terms, strict=True)):
            current = Signal(signed(fmt.width), name=f"current_{lane}", reset_less=True)
            value = leaky.rounded(m, lane, leaks.first, *own)
            m.d.sync += current.eq(fitted(value, fmt, synapse.overflow))
            currents.append(current)
        m.d.comb += [write.en.eq(known.valid), write.addr.eq(known.group), write.data.eq(Cat(currents))]
        return currents

    def _membrane(self, m: Module, lane: int, value: Value) -> tuple[Signal, Signal]:
        """Membrane of a lane, one cycle after its rounded sum `value`; whether it was out of range."""
        fmt, overflow = self._spec.membrane, self._spec.overflow
        v_new = Signal(signed(fmt.width), name=f"v_new_{lane}", reset_less=True)
        clamped = Signal(name=f"clamped_{lane}", reset_less=True)
        m.d.sync += [v_new.eq(fitted(value, fmt, overflow)), clamped.eq(beyond(value, fmt, overflow))]
        return v_new, clamped

    def _fire(
        self, m: Module, v_new: Sequence[Value], v_th: Sequence[Value | int]
    ) -> tuple[Signal, Sequence[Value]]:
        """Compare, reset: which lanes fire, and their membranes after the reset."""
        spec = self._spec
        assert fires(spec)
        spikes = Signal(self._lanes)
        above = [v - own for v, own in zip(v_new, v_th, strict=True)]
        m.d.comb += spikes.eq(Cat(~difference[-1] for difference in above))
        if self._spends:
            return spikes, v_new
        zero = spec.reset_mode is ResetMode.ZERO
        width = spec.membrane.width
        v_kept = [
            Mux(spikes[lane], 0 if zero else above[lane][:width].as_signed(), v)
            for lane, v in enumerate(v_new)
        ]
        return spikes, v_kept

    def _thresholds(self, m: Module, *fetched: View[StructLayout]) -> Sequence[Sequence[Value | int]]:
        """Thresholds of the lanes for each of some groups, one cycle after its fetch."""
        spec = self._spec
        assert fires(spec)
        if spec.v_th is None:
            return self._own(m, Part.V_TH, *fetched)
        one: Value | int = spec.v_th
        if self._reload:
            width = spec.membrane.width
            banks = parameter_memory(width, [spec.v_th], reload=True)
            m.submodules.v_th = banks
            read = banks.read_port(domain="comb")
            connect_reload(m, banks, self.reload, Part.V_TH)
            one = used = Signal(signed(width), name="used", reset_less=True)
            m.d.comb += read.addr.eq(Cat(Const(0, 1), self.reload.bank))
            m.d.sync += used.eq(read.data)
        return [[one] * self._lanes for _ in fetched]

    def _give_results(
        self,
        m: Module,
        done: View[StructLayout],
        v_new: Sequence[Value],
        spikes: Signal | None,
        currents: Sequence[Value],
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
        if currents:
            probe_current = Signal(len(Cat(currents)))
            m.d.comb += probe_current.eq(delayed(m, Cat(currents), self.CURRENT))

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
        if self._spec.overflow is not Overflow.WRAP:
            m.d.comb += self.saturated.eq(Cat(clamped) & real)
