"""A hidden layer: events in, events out."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import LayerSpec, RecurrenceKind
from hw.config import StageConfig
from hw.rtl.banks import RELOAD, Part
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.delay_lines import DelayLines
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import event_layout, events_of
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.pipeline import delayed
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from hw.rtl.recurrent_synapses import RecurrentSynapses
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.stage_counters import taps_signature
from hw.rtl.synapse_array import SynapseArray


class HiddenLayer(wiring.Component):
    """Synapses, neuron update, delayed recurrence and event encoder, all working in parallel.

    At any time, one step is accumulated, one is updated, some wait, and one is sent. Each block waits for
    the next one only between steps.

    Parameters
    ----------
    spec : LayerSpec
    params : StageParams
    config : StageConfig
    out_events : int
        Events per cycle of the next stage.
    reload : bool
        Its parameters can be reloaded, except for the delays.
    programmable_delays : bool
        The delays can be reloaded, too.

    Members
    -------
    i : In stream of `event_layout`
        Up to ``config.events_per_cycle`` events per transfer.
    o : Out stream of `event_layout`
        Up to `out_events`.
    taps : Out(taps_signature)
    reload : In(RELOAD), only if `reload`
    """

    def __init__(
        self,
        spec: LayerSpec,
        params: StageParams,
        config: StageConfig,
        out_events: int,
        reload: bool = False,
        programmable_delays: bool = False,
    ) -> None:
        self._spec, self._params, self._config = spec, params, config
        self._out_events, self._reload = out_events, reload
        self._programmable_delays = programmable_delays
        inputs = event_layout(spec.n_in, spec.input_bits, config.events_per_cycle)
        ports = {
            "i": In(stream.Signature(inputs)),
            "o": Out(stream.Signature(event_layout(spec.n_out, 1, out_events))),
            "taps": Out(taps_signature(spec, config)),
        }
        if reload:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, params, config = self._spec, self._params, self._config
        n, lanes = spec.n_out, config.update_lanes

        # The chain of streams; beside it the recurrence, written and read by the sweeps.
        reloaded = Part.WEIGHT if self._reload else None
        m.submodules.synapses = synapses = SynapseArray(spec, params, config, reloaded)
        m.submodules.update = update = NeuronUpdate(spec, params, config, self._reload)
        m.submodules.spike_queue = spikes = SpikeQueue(
            n, lanes, config.groups(n), spec.membrane.width, self._out_events
        )
        m.submodules.encoder = encoder = EventEncoder(n, self._out_events)
        wiring.connect(m, wiring.flipped(self.i), synapses.i)
        wiring.connect(m, synapses.o, update.i)
        m.d.comb += [
            spikes.results.eq(update.results),
            update.sums.eq(synapses.sums),
            spikes.starts.eq(update.taken.valid & (update.taken.group == 0)),
            spikes.sent.eq(encoder.sent),
        ]
        wiring.connect(m, spikes.o, encoder.i)
        wiring.connect(m, encoder.o, wiring.flipped(self.o))
        m.d.comb += [
            self.taps.events.eq(events_of(self.i)),
            self.taps.spikes.eq(update.fired),
            self.taps.saturated.eq(update.saturated),
        ]
        if self._reload:
            wiring.connect(m, wiring.flipped(self.reload), synapses.reload)
            wiring.connect(m, wiring.flipped(self.reload), update.reload)
        if spec.recurrence is None:
            m.d.comb += update.hold.eq(spikes.full)
            return m

        assert params.recurrent is not None
        assert params.delay_steps is not None
        own, written = params.delay_steps.tolist(), update.results.tag
        delays: DelayLines | ProgrammableDelayLines
        if self._programmable_delays:
            longest = spec.recurrence.max_delay
            m.submodules.delays = delays = ProgrammableDelayLines(own, longest, lanes)
        else:
            m.submodules.delays = delays = DelayLines(own, lanes)
        m.d.comb += [
            delays.finishing.eq(written),
            delays.spikes.eq(delayed(m, update.results.spikes, 1)),
        ]
        if isinstance(delays, ProgrammableDelayLines):
            wiring.connect(m, wiring.flipped(self.reload), delays.reload)
        recurrence: ConvEngine | RecurrentSynapses
        if spec.recurrence.kind is RecurrenceKind.CONV:
            taps = spec.recurrence.weight if self._reload else None
            m.submodules.conv = recurrence = ConvEngine(params.recurrent.tolist(), n, lanes, taps)
            m.d.comb += [recurrence.nearing.eq(update.nearing), update.hold.eq(spikes.full)]
        else:
            m.submodules.recurrent = recurrence = RecurrentSynapses(spec, params, config, self._reload)
            complete = Signal()
            m.d.sync += complete.eq(written.valid & written.final & ~written.last)
            m.d.comb += [
                recurrence.complete.eq(complete),
                recurrence.taken.eq(update.taken),
                update.hold.eq(spikes.full | ~recurrence.ready),
            ]
        m.d.comb += [
            recurrence.fetched.eq(update.fetched),
            recurrence.delayed.eq(delays.delayed),
            update.recurrent.eq(recurrence.current),
        ]
        if self._reload:
            wiring.connect(m, wiring.flipped(self.reload), recurrence.reload)
        return m
