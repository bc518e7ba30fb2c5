"""Measures the cycles of a sample, from its first beat in to its last beat out."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out


class SampleTimer(wiring.Component):
    """Stores the start time of each sample in flight, and subtracts it when the sample ends.

    Samples end in the order in which they began, so the times are in a FIFO, which must hold as many as
    samples can be in flight. A time is written one cycle late and read through two registers, which keeps the
    block RAM off the path of the subtraction; no sample is that short.

    Latency: `cycles` follows the end by 3 cycles.

    Parameters
    ----------
    depth : int
        A power of two, above the number of samples that can be in flight.

    Members
    -------
    taken, taken_last : In(1)
        A beat entered; it is the last one of its sample.
    ends : In(1)
        The last beat of a sample left.
    restart : In(1)
        Discard the samples in flight, and a beat that enters.
    clear : In(1)
        Set `cycles` to 0, also for a sample that has just ended. It has no other reset.
    cycles : Out(32)
        Of the last sample that ended, modulo 2**32.
    busy : Out(1)
        A sample is in flight.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        super().__init__(
            {
                **{name: In(1) for name in ("taken", "taken_last", "ends", "restart", "clear")},
                "cycles": Out(32),
                "busy": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        cycles, now, starts = self._times(m, 32)
        write = starts.write_port()
        read = starts.read_port()

        first = Signal(init=1)
        begins = Signal()
        newest = Signal(range(self._depth))
        m.d.comb += [
            begins.eq(self.taken & first),
            write.data.eq(now),
            self.busy.eq(newest != read.addr),
        ]
        m.d.sync += [
            now.eq(now + 1),
            newest.eq(newest + begins),
            write.en.eq(begins),
            write.addr.eq(newest),
            read.addr.eq(read.addr + self.ends),
        ]
        with m.If(self.taken):
            m.d.sync += first.eq(self.taken_last)
        with m.If(self.restart):
            m.d.sync += [first.eq(1), newest.eq(0), read.addr.eq(0)]

        self._measure(m, cycles, now, read)
        return m

    def _times(self, m: Module, bits: int) -> tuple[Signal, Signal, memory.Memory]:
        """Cycles of the last sample, the time, and the FIFO of start times in words of `bits`."""
        cycles = Signal(32, reset_less=True)
        m.d.comb += self.cycles.eq(cycles)
        now = Signal(32)
        m.submodules.starts = starts = memory.Memory(shape=unsigned(bits), depth=self._depth, init=[])
        return cycles, now, starts

    def _measure(self, m: Module, cycles: Signal, now: Signal, read: memory.ReadPort) -> None:
        """Subtract the oldest start from the time when a sample ends."""
        # The stored time is `now` one cycle after the first beat, and `now` advances for two more cycles
        # until the subtraction, so the last cycle is counted too.
        began = Signal(32, reset_less=True)
        ended = Signal(2)
        m.d.sync += [began.eq(read.data), ended.eq(Cat(self.ends, ended[0]))]
        with m.If(self.clear):
            m.d.sync += [cycles.eq(0), ended.eq(0)]
        with m.Elif(ended[1]):
            m.d.sync += cycles.eq(now - began)
