"""A UART of 8 data bits, no parity and a stop bit (ARCHITECTURE.md, "A device on a board")."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from fxp_model.encoding import check_limit

LEAST_CYCLES = 4
"""Cycles of a bit at least: three of them are looked at, behind the one in which it may begin."""
DEVIATION = 0.02
"""Largest share by which a baud rate may differ: of two ends, it is two fifths of a bit in the last one."""
RECEIVED = data.StructLayout({"valid": 1, "broken": 1, "data": 8})
"""A byte that was received in this cycle; `broken` without a stop bit."""


def cycles_per_bit(clock_hz: int, baud: int) -> int:
    """Cycles of a bit.

    Raises
    ------
    InputError
        They are fewer than `LEAST_CYCLES`, or no whole number gives `baud` within `DEVIATION`.
    """
    check_limit("baud", baud, 1 <= baud <= clock_hz // LEAST_CYCLES, f"1..{clock_hz // LEAST_CYCLES}")
    cycles = round(clock_hz / baud)
    actual = clock_hz / cycles
    what = f"within {DEVIATION:.0%} of {clock_hz} / {cycles}"
    check_limit("baud", baud, abs(actual / baud - 1) <= DEVIATION, what)
    return cycles


class UartReceiver(wiring.Component):
    """Receives bytes; a bit is what most of three looks at its middle say.

    Three looks need no filter, and one that a disturbance hits does not count. A byte cannot wait.

    Latency: a byte is given 4 cycles after the middle of its stop bit.
    Throughput: a byte every 10 bits.

    Parameters
    ----------
    cycles : int
        Of a bit, `LEAST_CYCLES` or more.

    Members
    -------
    rx : In(1), 1 at rest
    o : Out(RECEIVED)
    """

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"rx": In(1, init=1), "o": Out(RECEIVED)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line, before = Signal(init=1), Signal(2, init=3)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        m.d.sync += before.eq(Cat(line, before))
        bit = Signal()
        m.d.comb += bit.eq((line & before[0]) | (line & before[1]) | (before[0] & before[1]))

        # From the fall of the start bit to one cycle behind its middle, then from bit to bit. The next start
        # bit may fall as soon as the stop bit is known; without a stop bit, the line must rest before.
        wait, left = Signal(range(self._cycles)), Signal(range(11), name="left")
        rested = Signal(init=1)
        byte = Signal(8, reset_less=True)
        m.d.sync += self.o.valid.eq(0)
        m.d.comb += self.o.data.eq(byte)
        with m.If(left == 0):
            m.d.sync += [rested.eq(rested | line), wait.eq((self._cycles - 1) // 2)]
            m.d.sync += left.eq(Mux(rested & ~line, 10, 0))
        with m.Elif(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Else():
            m.d.sync += [wait.eq(self._cycles - 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += [self.o.valid.eq(1), self.o.broken.eq(~bit), rested.eq(bit)]
            with m.Elif(left != 10):
                m.d.sync += byte.eq(Cat(byte, bit)[1:])
            with m.Elif(bit):
                m.d.sync += left.eq(0)
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes.

    Throughput: a byte every 10 bits and a cycle.

    Parameters
    ----------
    cycles : int
        Of a bit.

    Members
    -------
    i : In stream of 8 bits
    tx : Out(1), 1 at rest
    """

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wait, left = Signal(range(self._cycles)), Signal(range(11))
        bits = Signal(9, init=0x1FF)
        m.d.comb += self.i.ready.eq(left == 0)
        m.d.sync += wait.eq(Mux(wait == 0, self._cycles - 1, wait - 1))
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                self.tx.eq(0),
                bits.eq(Cat(self.i.payload, 1)),
                left.eq(10),
                wait.eq(self._cycles - 1),
            ]
        with m.Elif((left != 0) & (wait == 0)):
            m.d.sync += [self.tx.eq(bits[0]), bits.eq(Cat(bits[1:], 1)), left.eq(left - 1)]
        return m
