"""The ear as a whole: from samples to the events of frames."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import SAMPLE_BITS, EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.rtl.ear.filters import FilterBank
from hw.rtl.ear.frames import FrameEvents
from hw.rtl.ear.neurons import EarNeurons
from hw.rtl.ear.trigger import Trigger
from hw.rtl.events import event_layout
from hw.rtl.skid_buffer import SkidBuffer


class Ear(wiring.Component):
    """Filters, neurons, level, trigger and events in a chain (NUMERICS.md sections 11 to 14 and 17).

    Without a trigger every frame is sent, and none is the last.

    Two samples wait at the input. Frames are counted where samples arrive, so that one that is lost takes
    nothing from the frames before and after its own: the first sample of a frame carries a mark, and all that
    a frame adds up begins anew with it.

    Throughput: a sample every `hw.estimates.ear.sample_cycles`.

    Parameters
    ----------
    spec : EarSpec
    trigger : TriggerSpec or None
        Of the same `log_frac_bits`.
    multipliers : int
        1, 2 or 4.

    Members
    -------
    i : In stream of signed(16)
    live : In(1)
        The source cannot wait: `ready` is high, and a sample for which there is no room is lost. Otherwise
        the source waits, and nothing is lost here.
    overrun : Out(1)
        A sample of a frame is lost, the first one; its frame is dropped.
    settings : In(settings_layout), only with a trigger
        Of the trigger; those of the cycle before the end of a frame decide on it.
    o : Out stream of `event_layout`
    ends : Out(1)
        A frame has ended. In this cycle:
    loudness : Out
        Its loudness, which stays until the next one ends.
    dropped : Out(1)
        There was no room for its events.
    level : Out
        See `hw.rtl.ear.level.SlowLevel`.
    floor : Out, only with a trigger
        See `Trigger`.

    For benches, plain net: `probe_waits`, a frame that is to be sent waits.
    """

    def __init__(self, spec: EarSpec, trigger: TriggerSpec | None, multipliers: int) -> None:
        self._spec, self._trigger = spec, trigger
        self._filters = FilterBank(spec, multipliers)
        self._neurons = EarNeurons(spec)
        self._decides = None if trigger is None else Trigger(trigger)
        decides = {}
        if self._decides is not None:
            decides = {
                "settings": In(self._decides.settings.shape()),
                "floor": Out(len(self._decides.floor)),
            }
        super().__init__(
            {
                "i": In(stream.Signature(signed(SAMPLE_BITS))),
                "live": In(1),
                "overrun": Out(1),
                "o": Out(stream.Signature(event_layout(spec.channels, spec.count_bits))),
                "ends": Out(1),
                "loudness": Out(len(self._neurons.loudness)),
                "dropped": Out(1),
                "level": Out(len(self._neurons.level)),
                **decides,
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.filters = filters = self._filters
        m.submodules.neurons = neurons = self._neurons
        m.submodules.frames = frames = FrameEvents(self._spec, self._trigger)
        self._listen(m, filters, neurons)
        wiring.connect(m, filters.o, neurons.i)
        wiring.connect(m, frames.o, wiring.flipped(self.o))
        probe_waits = Signal()
        m.d.comb += [
            frames.counts.eq(neurons.counts),
            frames.ends.eq(neurons.ends),
            self.ends.eq(neurons.ends),
            self.loudness.eq(neurons.loudness),
            self.dropped.eq(frames.dropped),
            self.level.eq(neurons.level),
            probe_waits.eq(frames.waits),
        ]
        if self._decides is None:
            arrived = Signal()
            m.d.sync += arrived.eq(frames.arrived)
            m.d.comb += [frames.decision.valid.eq(arrived), frames.decision.sends.eq(1)]
        else:
            self._decide(m, self._decides, neurons, frames)
        return m

    def _decide(self, m: Module, trigger: Trigger, neurons: EarNeurons, frames: FrameEvents) -> None:
        """What becomes of the frames, by the trigger."""
        m.submodules.trigger = trigger
        settings = Signal.like(self.settings)
        with m.If(~neurons.ends):  # for two cycles they are those of the frame
            m.d.sync += settings.eq(self.settings)
        m.d.comb += [
            frames.decision.eq(trigger.decision),
            trigger.ends.eq(frames.arrived),
            trigger.loudness.eq(neurons.loudness),
            trigger.settings.eq(settings),
            trigger.waits.eq(frames.waits),
            self.floor.eq(trigger.floor),
        ]

    def _listen(self, m: Module, filters: FilterBank, neurons: EarNeurons) -> None:
        """Samples to the filters, without those of frames that are dropped, and frames to the neurons."""
        kept = data.StructLayout({"sample": signed(SAMPLE_BITS), "first": 1})
        m.submodules.buffer = buffer = SkidBuffer(kept)
        place = Signal(range(self._spec.samples_per_frame))
        final = place == self._spec.samples_per_frame - 1
        dropping = Signal()
        m.d.comb += [
            buffer.i.payload.sample.eq(self.i.payload),
            buffer.i.payload.first.eq(place == 0),
            buffer.i.valid.eq(self.i.valid & ~dropping),
            self.i.ready.eq(self.live | dropping | buffer.i.ready),
            self.overrun.eq(self.live & buffer.i.valid & ~buffer.i.ready),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                place.eq(Mux(final, 0, place + 1)),
                dropping.eq((dropping | self.overrun) & ~final),
            ]

        heard = buffer.o.payload
        opens = Signal()  # the first millisecond of a frame is being filtered
        m.d.comb += [
            filters.i.payload.eq(heard.sample),
            filters.i.valid.eq(buffer.o.valid),
            buffer.o.ready.eq(filters.i.ready),
            filters.restart.eq(buffer.o.valid & heard.first & ~filters.i.ready),
        ]
        with m.If(filters.i.ready & heard.first):
            m.d.sync += opens.eq(1)
        # It holds while the envelopes are sent: the next sample that closes a millisecond waits for the last.
        with m.If(filters.closes):
            m.d.sync += [neurons.first.eq(opens), opens.eq(0)]
