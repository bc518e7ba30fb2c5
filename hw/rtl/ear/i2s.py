"""A microphone with an I2S interface."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from fxp_model.ear.gain import SAMPLE
from fxp_model.ear.i2s import FRAME, SLOTS, I2sSpec
from fxp_model.errors import InputError, shown

MAX_SCK_PERIOD = 4096
"""Longest period of SCK, in cycles."""


class I2sInput(wiring.Component):
    """Gives an I2S microphone its clocks and takes its samples (NUMERICS.md section 15).

    All is in the one clock: SCK and WS are registers, and the data line is looked at by the clock edge that
    raises SCK. So the microphone has the low part of a period, less the delays of the pads, to put its bit
    on the line.

    A sample that nobody takes stays, and those that come meanwhile are dropped.

    Latency: a sample is offered `LATENCY` cycles after the rise of SCK that takes its last bit.
    Throughput: one sample every 64 * `sck_period` cycles; a consumer has as long for each.

    Parameters
    ----------
    spec : I2sSpec
    sck_period : int
        Cycles per period of SCK, 2..4,096; of an odd number, SCK is low for the longer part.

    Members
    -------
    sck, ws : Out(1)
        Clock and word select, for pins.
    sd : In(1)
        Data, from a pin; asynchronous.
    right : In(1)
        The microphone's channel, as its L/R pin says: 1 where WS is high. To be changed in reset only.
    o : Out stream of signed(24)
    absent : Out(1)
        The line has been at one level for `absent_frames` frames, up to the last one.
    overrun : Out(1)
        A sample is dropped: for a `hw.rtl.counter.Counter`.
    """

    LATENCY = 2

    def __init__(self, spec: I2sSpec, sck_period: int) -> None:
        if not isinstance(sck_period, int) or isinstance(sck_period, bool):
            raise InputError(f"sck_period must be an integer, not {shown(sck_period)}")
        if not 2 <= sck_period <= MAX_SCK_PERIOD:
            raise InputError(f"sck_period must be 2..{MAX_SCK_PERIOD}, not {sck_period}")
        self._spec, self._period = spec, sck_period
        super().__init__(
            {
                "sck": Out(1),
                "ws": Out(1),
                "sd": In(1),
                "right": In(1),
                "o": Out(stream.Signature(signed(SAMPLE.width))),
                "absent": Out(1),
                "overrun": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._spec

        # Slot 0 of a half is the rise after the change of WS, and holds nothing; the sample ends in slot 24.
        cycle = Signal(range(self._period))
        slot = Signal(range(FRAME))
        rises, falls, ends = Signal(), Signal(), Signal(name="ends")
        m.d.comb += [
            rises.eq(cycle == (self._period + 1) // 2 - 1),
            falls.eq(cycle == self._period - 1),
            ends.eq(rises & (slot == Cat(Const(SAMPLE.width, range(SLOTS)), self.right))),
            self.ws.eq(slot[-1]),
        ]
        m.d.sync += cycle.eq(Mux(falls, 0, cycle + 1))
        with m.If(rises):
            m.d.sync += self.sck.eq(1)
        with m.If(falls):
            m.d.sync += [self.sck.eq(0), slot.eq(slot + 1)]

        # What the pin was at a rise of SCK comes out of the synchroniser two cycles later.
        line = Signal()
        m.submodules.synchroniser = FFSynchronizer(self.sd, line)
        takes, completes = Signal(2), Signal(2)
        m.d.sync += [takes.eq(Cat(rises, takes)), completes.eq(Cat(ends, completes))]
        earlier = Signal(SAMPLE.width - 1, reset_less=True)
        word = Cat(line, earlier)
        with m.If(takes[-1]):
            m.d.sync += earlier.eq(word)

        # Frames are counted down until the microphone has settled, from then on while it is at one level.
        settling = Signal(range(spec.settle_frames + 1), init=spec.settle_frames)
        heard = Signal()
        m.d.comb += heard.eq(completes[-1] & (settling == 0))
        with m.If(completes[-1] & settling.any()):
            m.d.sync += settling.eq(settling - 1)
        missing = Signal(range(spec.absent_frames + 1), init=spec.absent_frames)
        level = Signal(reset_less=True)
        m.d.comb += self.absent.eq(missing == 0)
        with m.If(heard):
            m.d.sync += level.eq(line)
            with m.If(word.any() & ~word.all()):
                m.d.sync += missing.eq(spec.absent_frames)
            with m.Elif((level != line) & (missing != spec.absent_frames)):
                m.d.sync += missing.eq(spec.absent_frames - 1)
            with m.Elif(~self.absent):
                m.d.sync += missing.eq(missing - 1)

        m.d.comb += self.overrun.eq(heard & self.o.valid & ~self.o.ready)
        with m.If(heard & (~self.o.valid | self.o.ready)):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.eq(word)]
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m
