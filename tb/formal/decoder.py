"""The input decoder: from any beats, the events and markers that they hold, and a report of the rest."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from amaranth.lib.data import StructLayout, View

from hw.protocol import WORD_BITS
from hw.rtl.input_decoder import InputDecoder, beat_layout
from hw.rtl.skid_buffer import SkidBuffer
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import kept
from tb.harness.block_bench import layer_spec
from tb.harness.planted import Bug

N_IN, BITS = 5, 2


class _Word(NamedTuple):
    """What a word of a beat is: an `event`, a `marker`, which may `end` the sample, or neither."""

    event: Value
    marker: Value
    ends: Value
    address: Value
    count: Value
    wrong: Value

    @property
    def passes(self) -> Value:
        return self.event | self.marker


def _words(beat: View[StructLayout], slots: int) -> list[_Word]:
    """The words of a beat; without any, TLAST is a marker in the first place."""
    there = [beat.keep[slot] for slot in range(slots)] if slots > 1 else [Const(1, 1)]
    found = []
    for slot, present in enumerate(there):
        word = beat.data[WORD_BITS * slot : WORD_BITS * (slot + 1)]
        address, count = word[:16], word[16:24]
        later = Cat(there[slot + 1 :]).any() if slot + 1 < slots else Const(0, 1)
        absent = ~Cat(there).any() if slot == 0 else Const(0, 1)
        ends = beat.last & (present & ~later | absent)
        marker = (present & word[31]) | ends
        fits = (address < N_IN) & (count >= 1) & (count < 1 << BITS)
        event = present & ~marker & fits
        wrong = present & (marker & (count != 0) | ~marker & ~fits)
        found.append(_Word(event, marker, ends, address, count, wrong))
    return found


def decoder(slots: int, events: int) -> Monitor:
    """Any beats in any rhythm; they wait in a buffer, which `skid_buffer` is about."""
    f = Monitor()
    m = f.m
    dut = f.component(InputDecoder(layer_spec(n_in=N_IN, input_bits=BITS), slots, events))
    m.submodules.waiting = buffer = SkidBuffer(beat_layout(slots))
    m.d.comb += [buffer.i.valid.eq(dut.i.valid), buffer.i.payload.eq(dut.i.payload)]
    f.assume(kept(f, dut.i))
    f.claim(dut.i.ready == buffer.i.ready)

    # of the oldest beat, the first item has left or not
    out, there, gone = dut.o.payload, buffer.o.valid, Signal()
    words = _words(buffer.o.payload, slots)
    first, last = words[0], words[-1]
    leads = first.passes & ~gone
    pair = first.event & last.event & ~gone if events == 2 else Const(0, 1)
    more = leads & last.passes & ~pair if slots == 2 else Const(0, 1)
    some = leads | last.passes
    f.claim(dut.o.valid == (there & some))
    leaves = there & ~more & (dut.o.ready | ~some)
    m.d.comb += buffer.o.ready.eq(leaves)
    with m.If(there & some & dut.o.ready):
        m.d.sync += gone.eq(more)
    reported = Cat(word.wrong for word in words)
    f.claim(dut.dropped == Mux(leaves, reported, 0))

    now = _Word(*(Mux(leads, one, two) for one, two in zip(first, last, strict=True)))
    event = (out.address == now.address[: len(out.address)]) & (out.count == now.count[:BITS])
    if events == 2:
        event &= out.pair == pair
        second = (out.second_address == last.address[: len(out.address)]) & (
            out.second_count == last.count[:BITS]
        )
        event &= ~pair | second
    right = (out.marker == now.marker) & Mux(now.marker, out.last == now.ends, event)
    f.claim(~dut.o.valid | right)
    f.claim(kept(f, dut.o))
    return f


PROPERTIES = {
    "input_decoder": Property(
        "every event and marker of a beat leaves once, in order and at once; the others are reported",
        partial(decoder, 1, 1),
        Bug("input_decoder.py", "legal = (address < spec.n_in) & count.any() &", "legal = count.any() &"),
    ),
    "input_decoder_words": Property(
        "the same of beats of two words, with any of them present, one item at a time",
        partial(decoder, 2, 1),
        Bug("input_decoder.py", "use_one & two.passes & ~pair", "use_one & two.event & ~pair"),
    ),
    "input_decoder_pairs": Property(
        "the same with two events of a beat at once",
        partial(decoder, 2, 2),
        Bug(
            "input_decoder.py",
            "pair = use_one & one.event & two.event",
            "pair = use_one & one.event & two.passes",
        ),
    ),
}
