"""A hidden layer: events in, events out."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.data import StructLayout, View
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import LayerSpec, RecurrenceKind
from hw.config import StageConfig
from hw.rtl.banks import RELOAD, Part
from hw.rtl.conv_engine import ConvEngine
from hw.rtl.delay_lines import DelayLines, Delays
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import DELAYED_AFTER, counts_beside, event_layout, events_of, inputs_layout
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.pipeline import delayed
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from hw.rtl.recurrent_synapses import RecurrentSynapses
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.stage_counters import taps_signature
from hw.rtl.synapse_array import SynapseArray

Lines = DelayLines | ProgrammableDelayLines


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
    forward : Delays, optional
        Of its spikes on their way to the next stage.
    reload : bool
        Its parameters can be reloaded, except for the delays.
    programmable_delays : bool
        The delays can be reloaded, too.

    Members
    -------
    i : In stream of `inputs_layout`
        Up to ``config.events_per_cycle`` events per transfer.
    o : Out stream of `event_layout`
        Up to `out_events`.
    counts : In(input_bits).array(events_per_cycle), only if `counts_beside`
        As in `SynapseArray`.
    taps : Out(taps_signature)
    reload : In(RELOAD), only if `reload`
    """

    def __init__(
        self,
        spec: LayerSpec,
        params: StageParams,
        config: StageConfig,
        out_events: int,
        forward: Delays | None = None,
        reload: bool = False,
        programmable_delays: bool = False,
    ) -> None:
        self._spec, self._params, self._config = spec, params, config
        self._out_events, self._forward, self._reload = out_events, forward, reload
        self._programmable_delays = programmable_delays
        ports = {
            "i": In(stream.Signature(inputs_layout(spec, config.events_per_cycle))),
            "o": Out(stream.Signature(event_layout(spec.n_out, 1, out_events))),
            "taps": Out(taps_signature(spec, config)),
        }
        if counts_beside(spec):
            ports |= {"counts": In(spec.input_bits).array(config.events_per_cycle)}
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
            spikes.results.eq(self._sent(m, update)),
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
        if counts_beside(spec):
            m.d.comb += [port.eq(count) for port, count in zip(synapses.counts, self.counts, strict=True)]
        if self._reload:
            wiring.connect(m, wiring.flipped(self.reload), synapses.reload)
            wiring.connect(m, wiring.flipped(self.reload), update.reload)
        if spec.recurrence is None:
            m.d.comb += update.hold.eq(spikes.full)
        else:
            assert params.delay_steps is not None
            own = Delays(params.delay_steps.tolist(), spec.recurrence.max_delay)
            m.submodules.delays = delays = self._lines(own)
            self._write(m, delays, update)
            self._recur(m, update, delays.delayed, spikes.full)
        return m

    def _sent(self, m: Module, update: NeuronUpdate) -> View[StructLayout]:
        """Results as they are sent: with forward delays, `DELAYED_AFTER` cycles later."""
        if self._forward is None:
            return update.results
        m.submodules.forward = lines = self._lines(self._forward, forward=True)
        self._write(m, lines, update)
        tag, sent = update.results.tag, Signal(update.results.shape(), name="sent")
        for index in range(DELAYED_AFTER):
            later = Signal(tag.shape(), name=f"tag_{index}")
            m.d.sync += later.eq(tag)
            tag = later
        m.d.comb += [sent.tag.eq(tag), sent.spikes.eq(lines.delayed)]
        return sent

    def _lines(self, own: Delays, forward: bool = False) -> Lines:
        """Delay lines for the spikes of the layer."""
        lanes = self._config.update_lanes
        if self._programmable_delays:
            return ProgrammableDelayLines(own.steps, own.longest, lanes, forward)
        return DelayLines(own.steps, lanes, forward)

    def _write(self, m: Module, lines: Lines, update: NeuronUpdate) -> None:
        """Connect delay lines to the sweep that writes them."""
        m.d.comb += [
            lines.finishing.eq(update.results.tag),
            lines.spikes.eq(delayed(m, update.results.spikes, 1)),
        ]
        if isinstance(lines, ProgrammableDelayLines):
            wiring.connect(m, wiring.flipped(self.reload), lines.reload)

    def _recur(self, m: Module, update: NeuronUpdate, spikes: Value, full: Value) -> None:
        """Currents of the recurrence, from the delayed `spikes`; no sweep starts before, nor while `full`."""
        spec, params, config = self._spec, self._params, self._config
        assert spec.recurrence is not None
        assert params.recurrent is not None
        recurrence: ConvEngine | RecurrentSynapses
        if spec.recurrence.kind is RecurrenceKind.CONV:
            taps = spec.recurrence.weight if self._reload else None
            m.submodules.conv = recurrence = ConvEngine(
                params.recurrent.tolist(), spec.n_out, config.update_lanes, taps
            )
            m.d.comb += [recurrence.nearing.eq(update.nearing), update.hold.eq(full)]
        else:
            m.submodules.recurrent = recurrence = RecurrentSynapses(spec, params, config, self._reload)
            written, complete = update.results.tag, Signal(name="complete")
            m.d.sync += complete.eq(written.valid & written.final & ~written.last)
            m.d.comb += [
                recurrence.complete.eq(complete),
                recurrence.taken.eq(update.taken),
                update.hold.eq(full | ~recurrence.ready),
            ]
        m.d.comb += [
            recurrence.fetched.eq(update.fetched),
            recurrence.delayed.eq(spikes),
            update.recurrent.eq(recurrence.current),
        ]
        if self._reload:
            wiring.connect(m, wiring.flipped(self.reload), recurrence.reload)
