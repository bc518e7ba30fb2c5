"""Rules that many components follow."""

from __future__ import annotations

from amaranth.hdl import Signal, Value, ValueLike, unsigned
from amaranth.lib import memory, stream

from tb.formal.monitor import Monitor


def kept(f: Monitor, link: stream.Interface) -> Value:
    """An offer stays as it is until it is taken."""
    return stays(f, link.valid, link.ready, Value.cast(link.payload))


def stays(f: Monitor, valid: Value, ready: Value, payload: Value) -> Value:
    """The same of any handshake."""
    return ~f.before(valid & ~ready) | (valid & (payload == f.before(payload)))


class Queue:
    """What a queue owes: an arbitrary item that enters it leaves in its place.

    Parameters
    ----------
    enters, leaves : Value
        An item enters, or leaves, in this cycle.
    item : ValueLike
        That enters.
    capacity : int
        Items that it may hold.
    latency : int
        Cycles, at least 1, before an item that has entered can be the oldest that waits.

    Members
    -------
    held : Value
        Items in it.
    waiting : Signal
        Those that entered `latency` cycles ago.
    front : Value
        The oldest item is the marked one.
    item : Signal
        The marked one.
    """

    def __init__(
        self, f: Monitor, enters: Value, item: ValueLike, leaves: Value, capacity: int, latency: int = 1
    ) -> None:
        m, item, young = f.m, Value.cast(item), [enters]
        for _ in range(latency - 1):
            young.append(f.before(young[-1]))
        self.young = young
        self.waiting = Signal(range(capacity + 1), name="waiting")
        m.d.sync += self.waiting.eq(self.waiting + young[-1] - leaves)
        self.held = self.waiting + sum(young[1:], Value.cast(0))
        f.lemma(self.held <= capacity)
        f.lemma(~leaves | (self.waiting != 0))

        waits, ahead = Signal(), Signal(range(capacity + 1), name="ahead")
        self.item = Signal(len(item), name="item")
        self.front = waits & (ahead == 0)
        with m.If(enters & f.free(1, "marks")):
            m.d.sync += [waits.eq(1), self.item.eq(item), ahead.eq(self.held - leaves)]
        with m.Elif(waits & leaves):
            m.d.sync += [waits.eq(~self.front), ahead.eq(ahead - 1)]
        f.lemma(~waits | (ahead < self.held))


class Ring:
    """A queue of 16 items in a memory: `oldest` is the item that was stored first of those not yet taken."""

    def __init__(self, f: Monitor, stores: Value, item: ValueLike, takes: Value) -> None:
        f.m.submodules += (ram := memory.Memory(shape=unsigned(len(Value.cast(item))), depth=16, init=[]))
        write, read = ram.write_port(), ram.read_port(domain="comb")
        f.m.d.comb += [write.en.eq(stores), write.data.eq(item)]
        f.m.d.sync += [write.addr.eq(write.addr + stores), read.addr.eq(read.addr + takes)]
        self.oldest = read.data
        self.held = (write.addr - read.addr)[:4]
