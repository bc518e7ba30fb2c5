"""Weights of one stage, and their sums over the events of a time step."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.rtl.accumulators import RamAccumulators, RegisterAccumulators, word_layout
from hw.rtl.arithmetic import lanes_of, pack
from hw.rtl.banks import RELOAD, Part, connect_reload, parameter_memory
from hw.rtl.events import currents_layout, event_layout, index_shape


class SynapseArray(wiring.Component):
    """Adds the weights of every event to the currents of the step, `lanes` neurons per cycle.

    A word of the weight memory holds the weights of `lanes` neurons for one input, so an event
    costs ``config.words(n_out)`` cycles and a marker one: more lanes buy cycles with adders
    and memory width. Accumulators are doubled: a marker hands the sums over to be drained,
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
    reloaded : Part, optional
        As what the weights can be reloaded.

    Members
    -------
    i : In stream of `event_layout`
        An event is taken with its last word.
    o : Out stream of `currents_layout`
        ``config.groups(n_out)`` transfers per step, offered without a gap; from the first one on,
        they are taken without a gap.
    reload : In(RELOAD), only where `reloaded`
    """

    def __init__(
        self, spec: IntegratorSpec, params: StageParams, config: StageConfig, reloaded: Part | None = None
    ) -> None:
        config.check("stage", spec.n_out)
        self._spec, self._params, self._config, self._reloaded = spec, params, config, reloaded
        ports = {
            "i": In(stream.Signature(event_layout(spec.n_in, spec.input_bits))),
            "o": Out(stream.Signature(currents_layout(config.update_lanes, spec.accumulator_bits))),
        }
        if reloaded is not None:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    @staticmethod
    def rows(weight: NDArray[np.int64], bits: int, config: StageConfig) -> list[int]:
        """Words of the weight memory: by word of lanes, then by input."""
        lanes = config.lanes
        return [
            pack(column[low : low + lanes], bits)
            for low in range(0, len(weight), lanes)
            for column in weight.T.tolist()
        ]

    @staticmethod
    def latency(spec: IntegratorSpec) -> int:
        """Cycles from a transfer at `i` to its addition: address, read, output register, product."""
        return 4 if spec.input_bits > 1 else 3

    @classmethod
    def released(cls, spec: IntegratorSpec, config: StageConfig) -> int:
        """Cycles from the first transfer of a step at `o` until the next marker is taken at `i`."""
        return max(1, config.groups(spec.n_out) - 1 - cls.latency(spec))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, config = self._spec, self._config
        words = config.words(spec.n_out)

        # One pipeline from the stream to the adders. Words lie in the memory by word, then by
        # input, so that an address is a sum, and no multiple of `words` has to be formed.
        weight_bits, lanes = spec.weight.width, config.lanes
        rows = self.rows(self._params.weight, weight_bits, config)
        weights = parameter_memory(lanes * weight_bits, rows, self._reloaded is not None)
        m.submodules.weights = weights
        read = weights.read_port()

        pending = Signal()  # a step is closed, and what closes the next one would come too early
        word = Signal(index_shape(words))
        offset = Signal(index_shape(len(rows)))
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
        for index in range(self.latency(spec)):
            stage = Signal(word_layout(words), name=f"control_{index}")
            m.d.sync += stage.eq(stages[-1])
            stages.append(stage)

        address = Signal(offset.shape(), reset_less=True)
        word_of_weights = Signal(lanes * weight_bits, reset_less=True)
        m.d.sync += address.eq(self.i.payload.address + offset)
        m.d.comb += [read.addr.eq(address), read.en.eq(stages[1].add)]
        if self._reloaded is not None:
            m.d.comb += read.addr.eq(Cat(address, self.reload.bank))
            connect_reload(m, weights, self.reload, self._reloaded)
        m.d.sync += word_of_weights.eq(read.data)
        terms = lanes_of(word_of_weights, weight_bits)
        if spec.input_bits > 1:
            count = self.i.payload.count
            for index in range(3):
                delayed = Signal(spec.input_bits, reset_less=True, name=f"count_{index}")
                m.d.sync += delayed.eq(count)
                count = delayed
            for index, term in enumerate(terms):
                product = Signal((term * count).shape(), reset_less=True, name=f"product_{index}")
                m.d.sync += product.eq(term * count)
                terms[index] = product

        kind = RegisterAccumulators if words == 1 else RamAccumulators
        m.submodules.accumulators = accumulators = kind(spec, config, len(terms[0]), self.latency(spec))
        m.d.comb += accumulators.control.eq(stages[-1])
        m.d.comb += [port.eq(term) for port, term in zip(accumulators.terms, terms, strict=True)]
        wiring.connect(m, accumulators.o, wiring.flipped(self.o))

        with m.If(accumulators.drained):
            m.d.sync += pending.eq(0)
        with m.Elif(close):
            m.d.sync += pending.eq(1)
        return m
