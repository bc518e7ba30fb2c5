"""Spikes on their way to the next layer: every step whole, every spike once, in order."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Cat, Mux, Signal, Value, ValueLike

from hw.config import StageConfig
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import block_size
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.spike_scanner import SpikeScanner
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import Queue, Ring, kept
from tb.harness.planted import Bug


def lists(spikes: Value, events: int, odd: ValueLike = 0) -> list[Value]:
    """The spikes, or the first, third, .. and the second, fourth, .. of them; `odd` more came before."""
    if events == 1:
        return [spikes]
    second = Cat(spikes[:index].xor() ^ odd for index in range(len(spikes)))
    return [spikes & ~second, spikes & second]


def blocks(spikes: Value) -> Value:
    """The `blocks_layout` of the spikes."""
    size = block_size(len(spikes))
    filled = [spikes[low : low + size].any() for low in range(0, len(spikes), size)]
    first = Cat(~Cat(filled[:index]).any() & own for index, own in enumerate(filled))
    return Cat(first, Cat(filled) & ~first, spikes.any())


def spike_queue(n: int, lanes: int, events: int) -> Monitor:
    """Steps of spikes; groups come in any rhythm after their start, the reader does as its contract says."""
    f = Monitor()
    m, groups, steps = f.m, StageConfig(n, lanes).groups(n), SpikeQueue.STEPS
    dut = f.component(SpikeQueue(n, lanes, groups, 1, events))
    tag = dut.results.tag

    # sweeps: started, and not complete
    running, group = Signal(range(steps + 2)), Signal(range(groups + 1))
    completes = tag.valid & tag.final
    m.d.sync += running.eq(running + dut.starts - completes)
    with m.If(tag.valid):
        m.d.sync += group.eq(Mux(tag.final, 0, group + 1))
    f.assume(~(dut.starts & dut.full))
    f.assume(~tag.valid | ((running != 0) & (tag.final == (group == groups - 1))))
    # a reader without a step takes one at once; it may hold one more than it sends
    takes, holding = dut.o.valid & dut.o.ready, Signal(2)
    m.d.sync += holding.eq(holding + takes - dut.sent)
    f.assume(dut.o.ready | (holding != 0))
    f.assume(~dut.sent | (holding != 0))
    f.assume((holding != 2) | ~dut.o.ready)

    # a reference: a step is its last groups; it is stored whole, and which of its blocks have spikes
    latency, odd, last = SpikeQueue.latency(events), Signal(), Signal(reset_less=True)
    valid, group_of = tag.valid, Cat(dut.results.spikes, tag.final, tag.last)
    for _ in range(events - 1):
        valid, group_of = f.before(valid), f.before(group_of, True)
    fired, final, ends = group_of[:lanes], group_of[lanes], group_of[lanes + 1]
    words = [Signal(groups * lanes, name=f"word_{index}", reset_less=True) for index in range(events)]
    with m.If(valid):
        parts = lists(fired, events, odd)
        m.d.sync += [word.eq(Cat(word, part)[lanes:]) for word, part in zip(words, parts, strict=True)]
        m.d.sync += [odd.eq(~final & (odd ^ fired.xor())), last.eq(ends)]
    queue = Queue(f, completes, tag.last, takes, steps, latency)
    own = [word[:n] for word in words]
    filled = Cat(f.before(blocks(word), True) for word in own)
    step = Ring(f, queue.young[-2], Cat(*own, last), takes)
    blocks_of_it = Ring(f, queue.young[-1], filled, takes)
    f.lemma(step.held == (queue.waiting + queue.young[-1])[:4])
    f.claim(~dut.o.valid | (Value.cast(dut.o.payload) == Cat(step.oldest, blocks_of_it.oldest)))

    unsent = Signal(range(steps + 1))
    m.d.sync += unsent.eq(unsent + dut.starts - dut.sent)
    f.lemma((holding <= 2) & (unsent <= steps) & (unsent == running + queue.held + holding))
    f.lemma(dut.full == (unsent == steps))
    f.lemma(dut.o.valid == (queue.waiting != 0))
    f.claim(kept(f, dut.o))
    return f


def encoder(n: int, events: int) -> Monitor:
    """Any steps, pauses, readiness, and an arbitrary neuron; for single events, the scanner alone."""
    f = Monitor()
    m = f.m
    dut = f.component(SpikeScanner(n) if events == 1 else EventEncoder(n, events))
    spikes = f.free(n, "spikes")
    own = lists(spikes, events)
    f.assume(Value.cast(dut.i.payload) == Cat(*own, dut.i.payload.last, *map(blocks, own)))
    f.assume(kept(f, dut.i))

    item, takes, gives = dut.o.payload, dut.i.valid & dut.i.ready, dut.o.valid & dut.o.ready
    steps = 3 if events == 1 else 5  # a step without spikes is one item: three stages and a buffer of two
    neuron = f.constant((n - 1).bit_length(), "neuron")
    f.assume(neuron < n)
    queue = Queue(
        f,
        takes,
        Cat((spikes >> neuron)[0], dut.i.payload.last),
        gives & item.marker,
        steps,
        dut.LATENCY + (events == 2),
    )
    # within a step, addresses rise, and the marked neuron is among them or not
    addresses = [item.address] if events == 1 else [item.address, item.second_address]
    there = [~item.marker] if events == 1 else [~item.marker, ~item.marker & item.pair]
    highest, sent = Signal(range(n + 1)), Signal()
    rises, sends = Value.cast(1), sent
    above = highest
    for address, own in zip(addresses, there, strict=True):
        rises &= ~own | ((address >= above) & (address < n))
        above = address + 1
        sends |= own & (address == neuron)
    with m.If(gives):
        m.d.sync += [
            sent.eq(sends & ~item.marker),
            highest.eq(
                Mux(item.marker, 0, above if events == 1 else Mux(item.pair, above, item.address + 1))
            ),
        ]
    f.claim(kept(f, dut.o))
    f.claim(~dut.o.valid | rises)
    f.claim(
        ~(queue.front & dut.o.valid)
        | Mux(item.marker, (sends == queue.item[0]) & (item.last == queue.item[1]), ~(sends & ~queue.item[0]))
    )
    # items without a gap, the first one four cycles after its step was taken, and a bound for their number
    f.lemma(dut.o.valid == (queue.waiting != 0))
    number = Signal(range(n + 2))
    with m.If(gives):
        m.d.sync += number.eq(Mux(item.marker, 0, number + 1))
    f.lemma(number * events <= highest + (events - 1))
    f.claim(number <= -(-n // events))
    return f


PROPERTIES = {
    "spike_queue": Property(
        "every step is offered whole, in order, after `latency` cycles or when the one before it has left",
        partial(spike_queue, 3, 2, 1),
        Bug("spike_queue.py", "with m.If(written != taken):", "with m.If(written | taken):"),
    ),
    "spike_queue_pairs": Property(
        "the same of two lists, one cycle later: each has every other spike",
        partial(spike_queue, 3, 2, 2),
        Bug("spike_queue.py", "odd.eq(after & ~final)", "odd.eq(after)"),
    ),
    "spike_scanner": Property(
        "every spike of a step is sent once, lowest first, then the marker: n + 1 cycles at most",
        partial(encoder, 9, 1),
        Bug("spike_scanner.py", "found.eq(later.any())", "found.eq(following_later.any())"),
    ),
    "event_encoder_pairs": Property(
        "the same of pairs: the next two spikes, or the last one alone, in the fourth cycle",
        partial(encoder, 3, 2),
        Bug("event_encoder.py", "(one.marker | ~two.marker)", "~two.marker"),
        quick=False,
    ),
}
