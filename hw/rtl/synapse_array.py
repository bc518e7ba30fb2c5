"""Weights of one stage, and their sums over the events of a time step."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.rtl.accumulators import RamAccumulators, RegisterAccumulators, word_layout
from hw.rtl.arithmetic import lanes_of, pack, times_count
from hw.rtl.events import currents_layout, event_layout, index_shape


class SynapseArray(wiring.Component):
    """Adds the weights of every event to the currents of the step, `lanes` neurons per cycle.

    A word of the weight memory holds the weights of `lanes` neurons for one input, so an event, or a pair of
    them through two read ports, costs ``config.words(n_out)`` cycles and a marker one: more lanes buy
    cycles with adders and memory width. Accumulators are doubled: a marker hands the sums over to be drained,
    and the events of the next step are added meanwhile. Only a marker ever waits, until the
    sums of the step before will be drained when it takes effect; data in flight never stops, so
    no stall has to reach the adders or the memory.

    Latency: a transfer of the last word or of a marker is added, or takes effect, `latency`
    cycles later; the currents are offered in the cycle after that.
    Throughput: one word or marker per cycle, no cycle lost between events or steps.

    Parameters
    ----------
    spec : IntegratorSpec
    params : StageParams
    config : StageConfig

    Members
    -------
    i : In stream of `event_layout`
        An event, or a pair, is taken with its last word.
    o : Out stream of `currents_layout`
        ``config.groups(n_out)`` transfers per step, offered without a gap; from the first one on,
        they are taken without a gap.
    """

    def __init__(self, spec: IntegratorSpec, params: StageParams, config: StageConfig) -> None:
        config.check("stage", spec.n_in, spec.n_out)
        self._spec, self._params, self._config = spec, params, config
        inputs = event_layout(spec.n_in, spec.input_bits, config.events_per_cycle)
        super().__init__(
            {
                "i": In(stream.Signature(inputs)),
                "o": Out(stream.Signature(currents_layout(config.update_lanes, spec.accumulator_bits))),
            }
        )

    @staticmethod
    def latency(spec: IntegratorSpec, config: StageConfig) -> int:
        """Cycles from a transfer at `i` to its addition: address, read, output register, product, pair."""
        return 3 + (spec.input_bits > 1) + (config.events_per_cycle - 1)

    @classmethod
    def released(cls, spec: IntegratorSpec, config: StageConfig) -> int:
        """Cycles from the first transfer of a step at `o` until the next marker is taken at `i`."""
        return max(1, config.groups(spec.n_out) - 1 - cls.latency(spec, config))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, config = self._spec, self._config
        words = config.words(spec.n_out)

        # One pipeline from the stream to the adders. Words lie in the memory by word, then by
        # input, so that an address is a sum, and no multiple of `words` has to be formed.
        weight_bits, lanes = spec.weight.width, config.lanes
        m.submodules.weights = weights = memory.Memory(
            shape=unsigned(lanes * weight_bits),
            depth=max(2, words * spec.n_in),
            init=[
                pack(column[word * lanes : (word + 1) * lanes], weight_bits)
                for word in range(words)
                for column in self._params.weight.T.tolist()
            ],
        )
        ports = [weights.read_port() for _ in range(config.events_per_cycle)]

        pending = Signal()  # a step is closed, and what closes the next one would come too early
        word = Signal(index_shape(words))
        offset = Signal(ports[0].addr.shape())
        final_word = Signal()
        add = Signal()
        close = Signal()
        m.d.comb += [
            final_word.eq(word == words - 1),
            add.eq(self.i.valid & ~self.i.payload.marker),
            close.eq(self.i.valid & self.i.payload.marker & ~pending),
            self.i.ready.eq(Mux(self.i.payload.marker, ~pending, final_word)),
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
        for index in range(self.latency(spec, config)):
            stage = Signal(word_layout(words), name=f"control_{index}")
            m.d.sync += stage.eq(stages[-1])
            stages.append(stage)

        item = self.i.payload
        enable = stages[1].add
        terms = self._terms(m, "first", ports[0], enable, item.address + offset, self._count(item))
        if config.events_per_cycle == 2:
            # without a second event, word 0 is read and counts nothing
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
            spec, config, len(terms[0]), self.latency(spec, config)
        )
        m.d.comb += accumulators.control.eq(stages[-1])
        m.d.comb += [port.eq(term) for port, term in zip(accumulators.terms, terms, strict=True)]
        wiring.connect(m, accumulators.o, wiring.flipped(self.o))

        with m.If(accumulators.drained):
            m.d.sync += pending.eq(0)
        with m.Elif(close):
            m.d.sync += pending.eq(1)
        return m

    def _count(self, item: View[StructLayout], slot: str = "") -> Value:
        """How often the input of a slot was active: of spikes, once."""
        return item[f"{slot}count"] if self._spec.input_bits > 1 else Const(1)

    def _terms(
        self, m: Module, slot: str, port: memory.ReadPort, enable: Value, address: Value, count: Value
    ) -> list[Value]:
        """Weight times count of one slot, a term per lane: address, read, output register, product.

        `address` and `count` are those of a transfer, `enable` comes in the cycle after it.
        """
        spec, config = self._spec, self._config
        registered = Signal(port.addr.shape(), reset_less=True, name=f"{slot}_address")
        word = Signal(config.lanes * spec.weight.width, reset_less=True, name=f"{slot}_word")
        m.d.sync += [registered.eq(address), word.eq(port.data)]
        m.d.comb += [port.addr.eq(registered), port.en.eq(enable)]
        terms = lanes_of(word, spec.weight.width)
        if spec.input_bits == 1 and slot == "first":
            return terms
        for index in range(3):
            delayed = Signal(spec.input_bits, reset_less=True, name=f"{slot}_count_{index}")
            m.d.sync += delayed.eq(count)
            count = delayed
        if spec.input_bits == 1:
            return [Mux(count, term, 0) for term in terms]
        products = []
        for index, term in enumerate(terms):
            product = Signal((term * count).shape(), reset_less=True, name=f"{slot}_product_{index}")
            m.d.sync += product.eq(term * count if config.use_dsp else times_count(term, count))
            products.append(product)
        return products
