"""Converts AXI4-Stream beats to events for the first layer."""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.spec import IntegratorSpec
from hw.protocol import WORD_BITS
from hw.rtl.events import event_layout
from hw.rtl.skid_buffer import SkidBuffer


def beat_layout(slots: int = 1) -> data.StructLayout:
    """An AXI4-Stream beat of `slots` words of 32 bits; `keep` says which are present."""
    keep = {"keep": slots} if slots > 1 else {}
    return data.StructLayout({"data": WORD_BITS * slots, **keep, "last": 1})


def is_part(keep: Value, last: Value) -> Value:
    """Whether a beat is part of a sample: with neither a word nor `last` it is padding, and begins none.

    `keep` is all of AXI4-Stream's TKEEP, a bit per byte.
    """
    return keep[:: WORD_BITS // 8].any() | last


class InputDecoder(wiring.Component):
    """Buffers beats, decodes their words, and drops and reports malformed events.

    A word with bit 31, or the last one of a sample, is a marker and always passes. Any other word passes
    if its address is below `n_in` and its count within 1 .. 2**input_bits - 1. As every
    word is checked here, no later stage needs checks: nothing that a host sends can
    address a weight or an accumulator that does not exist.

    Two events of a beat leave together, unless only one leaves per transfer. A marker leaves alone, so a
    beat with a marker takes two transfers if its other word is an event or a marker.

    Latency 1 cycle, throughput 1 transfer per cycle.

    Parameters
    ----------
    spec : IntegratorSpec
        The first layer.
    slots : int
        Words per beat, 1 or 2.
    events : int
        Most events per transfer, 1 .. `slots`.

    Members
    -------
    i : In stream of `beat_layout`
        `data` [15:0] address, [23:16] count, [31] end of step, and so on for a second word; `last` end of
        sample, applies to the last word present.
    o : Out stream of `event_layout`
    dropped : Out(slots)
        Words with a malformed event that are taken from the buffer, a bit for each.
    """

    def __init__(self, spec: IntegratorSpec, slots: int, events: int) -> None:
        self._spec, self._slots, self._events = spec, slots, events
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(slots))),
                "o": Out(stream.Signature(event_layout(spec.n_in, spec.input_bits, events))),
                "dropped": Out(slots),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # The buffer is the only register of this path: its output is decoded, and a
        # word to be dropped is taken without being offered at the output.
        m.submodules.buffer = buffer = SkidBuffer(beat_layout(self._slots))
        wiring.connect(m, wiring.flipped(self.i), buffer.i)
        beat = buffer.o.payload
        if self._slots == 1:
            words = [self._word(m, "word", beat.data, Const(1), beat.last)]
        else:
            first, second = beat.data[:WORD_BITS], beat.data[WORD_BITS:]
            words = [
                self._word(m, "first", first, beat.keep[0], beat.last & ~beat.keep[1]),
                self._word(m, "second", second, beat.keep[1], beat.last & beat.keep[1]),
            ]

        # `now` leaves first: the first word that is not dropped. The second word leaves with it if both
        # are events, otherwise after it, once `rest` records that the first one is gone.
        now, pair, split = words[0], Const(0), Const(0)
        if self._slots == 2:
            one, two = words
            rest = Signal()
            use_one = ~rest & one.passes
            pair = use_one & one.event & two.event if self._events == 2 else pair
            split = use_one & two.passes & ~pair
            now = _Word(*(Mux(use_one, ours, other) for ours, other in zip(one, two, strict=True)))
            with m.If(buffer.o.valid & self.o.ready):
                m.d.sync += rest.eq(split)
        passes = Signal()
        out = self.o.payload
        m.d.comb += [
            passes.eq(now.passes),
            self.o.valid.eq(buffer.o.valid & passes),
            buffer.o.ready.eq((self.o.ready | ~passes) & ~split),
            out.marker.eq(now.marker),
            out.last.eq(now.last),
            out.address.eq(now.address),
        ]
        if self._spec.input_bits > 1:
            m.d.comb += out.count.eq(now.count)
        if self._events == 2:
            m.d.comb += [out.pair.eq(pair), out.second_address.eq(words[1].address)]
            if self._spec.input_bits > 1:
                m.d.comb += out.second_count.eq(words[1].count)

        faulty = Cat(word.faulty for word in words)
        m.d.comb += self.dropped.eq(Mux(buffer.o.valid & buffer.o.ready, faulty, 0))
        return m

    def _word(self, m: Module, name: str, word: Value, kept: Value, ends: Value) -> _Word:
        """Decode one word of a beat; `ends` says that the sample ends with it."""
        spec = self._spec
        address, count = word[:16], word[16:24]
        marker, event = (Signal(name=f"{name}_{kind}") for kind in ("marker", "event"))
        legal = (address < spec.n_in) & count.any() & (count <= spec.max_input)
        m.d.comb += [marker.eq(kept & word[31] | ends), event.eq(kept & ~marker & legal)]
        faulty = kept & Mux(marker, count.any(), ~event)
        return _Word(marker | event, marker, event, ends, address, count, faulty)


class _Word(NamedTuple):
    """A decoded word of a beat; it is dropped unless it `passes`, as a marker or an event."""

    passes: Value
    marker: Value
    event: Value
    last: Value
    address: Value
    count: Value
    faulty: Value
