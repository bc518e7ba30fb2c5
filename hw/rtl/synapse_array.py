"""Weights of one stage, and their sums over the events of a time step."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import memory, stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from fxp_model.fixed import signed_width
from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.rtl.accumulators import RamAccumulators, RegisterAccumulators, closed_steps, word_layout
from hw.rtl.arithmetic import lanes_of, pack, times_count
from hw.rtl.banks import RELOAD, Part, connect_reload, parameter_memory
from hw.rtl.events import COUNTS_AFTER, counts_beside, group_layout, index_shape, inputs_layout
from hw.rtl.pipeline import delayed


class SynapseArray(wiring.Component):
    """Adds the weights of every event to the currents of the step, `lanes` neurons per cycle.

    A word of the weight memory holds the weights of `lanes` neurons for one input, so an event, or a pair of
    events through two read ports, costs ``config.words(n_out)`` cycles and a marker one: more lanes trade
    adders and memory width for cycles. A marker hands the sums over to a queue of `steps`, where they wait
    to be drained while the events of the next step are added. Only a marker ever waits, if
    the queue would still be full when it takes effect; data in flight never stalls, so
    adders and memory need no stall signal.

    Latency: a transfer of the last word or of a marker is added, or takes effect, `latency`
    cycles later; the groups are offered in the cycle after that.
    Throughput: one word or marker per cycle, without a lost cycle between events or steps.

    Parameters
    ----------
    spec : IntegratorSpec
    params : StageParams
    config : StageConfig
    reloaded : Part, optional
        Part as which the weights can be reloaded; None if they are fixed.

    Members
    -------
    i : In stream of `inputs_layout`
        An event, or a pair, is taken with its last word.
    counts : In(input_bits).array(events_per_cycle), only if `counts_beside`
        Of the events that were offered at `i` `COUNTS_AFTER` cycles ago.
    o : Out stream of `group_layout`
        ``config.groups(n_out)`` transfers per step, offered without a gap; once the first one is taken,
        the others must be taken without a gap.
    sums : Out(update_lanes * accumulator_bits)
        Currents of the group taken `SUMS_AFTER` cycles ago, lowest neuron in the low bits.
    reload : In(RELOAD), only where `reloaded`
    """

    def __init__(
        self, spec: IntegratorSpec, params: StageParams, config: StageConfig, reloaded: Part | None = None
    ) -> None:
        config.check("stage", spec.n_in, spec.n_out)
        self._spec, self._params, self._config, self._reloaded = spec, params, config, reloaded
        self._bits = self.accumulator_bits(spec, params, reloaded is not None)
        ports = {
            "i": In(stream.Signature(inputs_layout(spec, config.events_per_cycle))),
            "o": Out(stream.Signature(group_layout())),
            "sums": Out(config.update_lanes * self._bits),
        }
        if counts_beside(spec):
            ports |= {"counts": In(spec.input_bits).array(config.events_per_cycle)}
        if reloaded is not None:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    @staticmethod
    def accumulator_bits(spec: IntegratorSpec, params: StageParams, reload: bool) -> int:
        """Width of any sum with these weights; with any weights, if they can be reloaded."""
        if reload:
            return spec.accumulator_bits
        lowest = np.minimum(params.weight, 0).sum(axis=1).min() * spec.max_input
        highest = np.maximum(params.weight, 0).sum(axis=1).max() * spec.max_input
        return signed_width(int(lowest), int(highest))

    @staticmethod
    def rows(weight: NDArray[np.int64], bits: int, config: StageConfig) -> list[int]:
        """Words of the weight memory, ordered by word of lanes, then by input."""
        lanes = config.lanes
        return [
            pack(column[low : low + lanes], bits)
            for low in range(0, len(weight), lanes)
            for column in weight.T.tolist()
        ]

    @staticmethod
    def latency(spec: IntegratorSpec, config: StageConfig) -> int:
        """Cycles from a transfer at `i` to its addition: two of address, memory, two more, product, pair."""
        product = 0 if spec.input_bits == 1 else 2 if config.use_dsp else 1
        return 5 + product + (config.events_per_cycle - 1)

    @staticmethod
    def steps(spec: IntegratorSpec, config: StageConfig) -> int:
        """Number of steps that are in the queue, or enter or leave it."""
        return closed_steps(config.words(spec.n_out))

    @classmethod
    def released(cls, spec: IntegratorSpec, config: StageConfig) -> int:
        """Cycles from the first transfer of a step at `o` until its place can be given to another marker."""
        return max(1, config.groups(spec.n_out) - 1 - cls.latency(spec, config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, config = self._spec, self._config
        words = config.words(spec.n_out)

        # One pipeline from the stream to the adders. The memory is ordered by word, then by
        # input, so an address is a sum, without a product with `words`.
        weight_bits, lanes = spec.weight.width, config.lanes
        rows = self.rows(self._params.weight, weight_bits, config)
        weights = parameter_memory(lanes * weight_bits, rows, self._reloaded is not None, "block")
        m.submodules.weights = weights
        ports = [weights.read_port() for _ in range(config.events_per_cycle)]
        if self._reloaded is not None:
            connect_reload(m, weights, self.reload, self._reloaded)

        steps = self.steps(spec, config)
        closed = Signal(range(steps + 1))  # steps that have a place in the queue
        full = Signal()
        word = Signal(index_shape(words))
        offset = Signal(index_shape(len(rows)))
        final_word = Signal()
        add = Signal()
        close = Signal()
        m.d.comb += [
            final_word.eq(word == words - 1),
            add.eq(self.i.valid & ~self.i.payload.marker),
            close.eq(self.i.valid & self.i.payload.marker & ~full),
            self.i.ready.eq(Mux(self.i.payload.marker, ~full, final_word)),
        ]
        with m.If(add):
            m.d.sync += [
                word.eq(Mux(final_word, 0, word + 1)),
                offset.eq(Mux(final_word, 0, offset + spec.n_in)),
            ]

        control = Signal(word_layout(words))
        m.d.comb += [
            control.add.eq(add),
            control.word.eq(word),
            control.final.eq(final_word),
            control.close.eq(close),
            control.last.eq(self.i.payload.last),
        ]
        stages = [control]
        for index in range(self.latency(spec, config) - 1):
            stage = Signal(word_layout(words), name=f"control_{index}")
            m.d.sync += stage.eq(stages[-1])
            stages.append(stage)

        item = self.i.payload
        enable = stages[2].add
        terms = self._terms(m, "first", ports[0], enable, item.address + offset, self._count(item))
        if config.events_per_cycle == 2:
            # without a second event, the weights of input 0 are read and masked
            count, address = (
                Mux(item.pair, x, 0) for x in (self._count(item, "second_"), item.second_address)
            )
            second = self._terms(m, "second", ports[1], enable, address + offset, count)
            for lane, (one, other) in enumerate(zip(terms, second, strict=True)):
                both = Signal((one + other).shape(), reset_less=True, name=f"both_{lane}")
                m.d.sync += both.eq(one + other)
                terms[lane] = both

        kind = RegisterAccumulators if words == 1 else RamAccumulators
        m.submodules.accumulators = accumulators = kind(
            spec.n_out, config, len(terms[0]), self._bits, self.latency(spec, config)
        )
        m.d.comb += accumulators.control.eq(stages[-2])
        m.d.comb += [port.eq(term) for port, term in zip(accumulators.terms, terms, strict=True)]
        wiring.connect(m, accumulators.o, wiring.flipped(self.o))
        m.d.comb += self.sums.eq(accumulators.sums)

        with m.If(close != accumulators.drained):
            m.d.sync += [
                closed.eq(Mux(close, closed + 1, closed - 1)),
                full.eq(close & (closed == steps - 1)),
            ]
        return m

    def _count(self, item: View[StructLayout], slot: str = "") -> Value:
        """Count of the input of a slot; 1 for spikes, and where the count comes beside the stream."""
        return item[f"{slot}count"] if "count" in dict(item.shape()) else Const(1)

    def _terms(
        self, m: Module, slot: str, port: memory.ReadPort, enable: Value, address: Value, count: Value
    ) -> list[Value]:
        """Weight times count of one slot, a term per lane, over the registers that `latency` counts.

        The address passes two registers, as it drives RAMs across the device. The first register behind the
        memory is the output register of block RAMs, the second follows the multiplexer that joins them.

        `address` and `count` are those of a transfer, `enable` comes two cycles after it.
        """
        spec, config = self._spec, self._config
        address = delayed(m, address[: index_shape(spec.n_in * config.words(spec.n_out)).width], 2)
        read, word = (
            Signal(config.lanes * spec.weight.width, reset_less=True, name=f"{slot}_{name}")
            for name in ("read", "word")
        )
        m.d.sync += [read.eq(port.data), word.eq(read)]
        bank = [] if self._reloaded is None else [self.reload.bank]
        m.d.comb += [port.addr.eq(Cat(address, *bank)), port.en.eq(enable)]
        terms, count = lanes_of(word, spec.weight.width), delayed(m, count, COUNTS_AFTER)
        if counts_beside(spec):
            count = Mux(count, self.counts[1], 0) if slot == "second" else self.counts[0]
        if spec.input_bits == 1:
            return [Mux(count, term, 0) for term in terms] if slot == "second" else terms
        if config.use_dsp:
            # A multiplier has registers on both sides, as it is placed far from the adders.
            terms, count = lanes_of(delayed(m, word, 1), spec.weight.width), delayed(m, count, 1)
        products = []
        for index, term in enumerate(terms):
            product = Signal((term * count).shape(), reset_less=True, name=f"{slot}_product_{index}")
            m.d.sync += product.eq(term * count if config.use_dsp else times_count(term, count))
            products.append(product)
        return products
