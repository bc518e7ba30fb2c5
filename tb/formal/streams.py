"""A stream's buffer: nothing is lost, added, reordered or withdrawn."""

from __future__ import annotations

from amaranth.lib import data

from hw.rtl.skid_buffer import SkidBuffer
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import Queue, kept
from tb.harness.planted import Bug


def skid_buffer() -> Monitor:
    f = Monitor()
    dut = f.component(SkidBuffer(data.StructLayout({"word": 4})))
    queue = Queue(f, dut.i.valid & dut.i.ready, dut.i.payload.word, dut.o.valid & dut.o.ready, 2)
    f.assume(kept(f, dut.i))
    f.lemma(dut.o.valid == (queue.waiting != 0))
    f.lemma(dut.i.ready == (queue.held != 2))
    f.claim(kept(f, dut.o))
    f.claim(~(queue.front & dut.o.valid) | (dut.o.payload.word == queue.item))
    return f


PROPERTIES = {
    "skid_buffer": Property(
        "every item leaves once, in order, one cycle later or when its predecessors have left",
        skid_buffer,
        Bug("skid_buffer.py", "self.i.ready.eq(~spare_valid)", "self.i.ready.eq(1)"),
    ),
}
