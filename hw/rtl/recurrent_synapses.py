"""The dense recurrence: every delayed spike is an event into a second synapse array."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import LayerSpec
from hw.config import StageConfig
from hw.rtl.banks import RELOAD, Part
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import DELAYED_AFTER, alternating, filled_blocks, first_blocks, tag_layout
from hw.rtl.pipeline import delayed
from hw.rtl.synapse_array import SynapseArray


def inner_spec(spec: LayerSpec) -> LayerSpec:
    """The recurrence of `spec` as a layer from its own neurons to its own neurons."""
    assert spec.recurrence is not None
    return replace(spec, n_in=spec.n_out, input_bits=1, weight=spec.recurrence.weight, recurrence=None)


def inner_params(params: StageParams) -> StageParams:
    """The parameters of that layer."""
    assert params.recurrent is not None
    return StageParams(params.recurrent, np.zeros(len(params.recurrent), dtype=np.int64))


def recurrent_config(spec: LayerSpec, config: StageConfig) -> StageConfig:
    """Widths of the recurrence of `spec`: those of the layer; two events per cycle need two neurons."""
    return replace(config, events_per_cycle=min(config.events_per_cycle, spec.n_out))


class RecurrentSynapses(wiring.Component):
    """i_rec of `update_lanes` neurons per cycle, in step with the update sweep.

    This is the cost of a plain recurrent network: N**2 weights, and per step `words` cycles
    for every spike, between the sweep of the previous step and the sweep of this one. The first step of a
    sample has no delayed spikes and waits for nothing.

    Latency: from `complete` to `ready`, that of `EventEncoder`, its buffer and `SynapseArray`; `current`
    belongs to the group `fetched` two cycles earlier.
    Throughput: one group per cycle within a sweep.

    Parameters
    ----------
    spec : LayerSpec
        With recurrence ``dense``.
    params : StageParams
    config : StageConfig
    reload : bool
        The weights can be reloaded.

    Members
    -------
    delayed : In(n_out)
        Delayed spikes, stable from the cycle after `complete` until the next sweep writes.
    complete : In(1)
        The last group of a step is written, and its sample continues.
    taken, fetched : In(tag_layout)
        Group of a sweep that is taken, and fetched `SUMS_AFTER` cycles later, if any; `first` of `taken`
        applies to the next sweep when none runs.
    ready : Out(1)
        A sweep may start.
    current : Out(update_lanes * current_bits)
        Two's complement sums, lowest neuron in the low bits.
    reload : In(RELOAD), only if `reload`
    """

    def __init__(
        self, spec: LayerSpec, params: StageParams, config: StageConfig, reload: bool = False
    ) -> None:
        self._spec, self._config = inner_spec(spec), recurrent_config(spec, config)
        self._reload = reload
        self._params = inner_params(params)
        ports = {
            "delayed": In(spec.n_out),
            "complete": In(1),
            "taken": In(tag_layout(config.groups(spec.n_out))),
            "fetched": In(tag_layout(config.groups(spec.n_out))),
            "ready": Out(1),
            "current": Out(config.update_lanes * self.current_bits(spec, params, reload)),
        }
        if reload:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    @staticmethod
    def current_bits(spec: LayerSpec, params: StageParams, reload: bool) -> int:
        """Width of the sum over any set of delayed spikes."""
        return SynapseArray.accumulator_bits(inner_spec(spec), inner_params(params), reload)

    @staticmethod
    def latency(spec: LayerSpec, config: StageConfig) -> int:
        """Latency of the synapse array."""
        return SynapseArray.latency(inner_spec(spec), recurrent_config(spec, config))

    @staticmethod
    def offered(spec: LayerSpec, config: StageConfig) -> int:
        """Cycles from the results of the last group to the offer of its step to the encoder."""
        return DELAYED_AFTER + recurrent_config(spec, config).events_per_cycle - 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.encoder = encoder = EventEncoder(self._spec.n_out, self._config.events_per_cycle)
        reloaded = Part.RECURRENT if self._reload else None
        m.submodules.synapses = synapses = SynapseArray(self._spec, self._params, self._config, reloaded)
        wiring.connect(m, encoder.o, synapses.i)
        if self._reload:
            wiring.connect(m, wiring.flipped(self.reload), synapses.reload)

        # The encoder is free: the sweep that has just ended waited for all of its events.
        offered, lists = self.complete, [self.delayed]
        if self._config.events_per_cycle == 2:
            lists = [delayed(m, part, 1) for part in alternating(self.delayed, Const(0, 1))[0]]
            offered = Signal()
            m.d.sync += offered.eq(self.complete)
        m.d.sync += encoder.i.valid.eq(offered)
        m.d.comb += [
            encoder.i.payload.spikes.eq(Cat(lists)),
            encoder.i.payload.blocks.as_value().eq(first_blocks([filled_blocks(part) for part in lists])),
        ]

        m.d.comb += [
            self.ready.eq(self.taken.first | synapses.o.valid),
            synapses.o.ready.eq(self.taken.valid & ~self.taken.first),
        ]
        sums = Signal.like(self.current, reset_less=True)
        m.d.sync += [sums.eq(Mux(self.fetched.first, 0, synapses.sums)), self.current.eq(sums)]
        return m
