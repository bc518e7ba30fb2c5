"""From the bits of a PDM microphone to samples (NUMERICS.md section 16)."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.pdm import BRANCH_TAPS, DATA, FIR_SHIFT, ORDER, SAMPLE, PdmSpec
from fxp_model.fixed import Overflow
from hw.rtl.arithmetic import fitted, pack
from hw.rtl.banks import RAM_STYLE, parameter_memory

COMBS = 7
"""Branch of the memory of samples, beyond those of the FIR, in which the combs keep theirs."""


class PdmDecimator(wiring.Component):
    """CIC and FIR of a `PdmSpec`, with one subtractor, one multiplier and one memory of samples.

    The integrators run in parallel. The rest is done with each of the CIC's outputs: the combs one after
    the other, and the part of the FIR that this output is the newest of, 32 taps. So the work is even, and
    no sample is overwritten before its last product. It takes more cycles than a FIR folded at its middle,
    which would need two reads of the memory in a cycle.

    Latency: `LATENCY` cycles from the last bit of a sample.
    Throughput: one bit in 4 cycles. Of a sample's cycles, `cycles(spec)` are spent with combs and products.

    Parameters
    ----------
    spec : PdmSpec

    Members
    -------
    bit, valid : In(1)
    sample : Out(signed(24))
        With `done`; also the first ones, that the microphone's start-up spoils.
    done : Out(1)
        A cycle per sample.
    """

    LATENCY = 1 + 1 + ORDER + 1 + BRANCH_TAPS + 2
    """Cycles from `valid` with the last bit of a sample to `done`: the integrators; loading what they hold;
    the combs; storing; reading; product and sum."""

    def __init__(self, spec: PdmSpec) -> None:
        self._spec = spec
        super().__init__({"bit": In(1), "valid": In(1), "sample": Out(signed(SAMPLE.width)), "done": Out(1)})

    @staticmethod
    def cycles(spec: PdmSpec) -> int:
        """Cycles per sample in which the sequencer is busy."""
        return spec.fir_ratio * (ORDER + 1 + BRANCH_TAPS)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec = self._spec

        # Integrators, each one bit behind the one before.
        width = spec.integrator_bits
        integrators = [Signal(width, name=f"integrator_{index}") for index in range(ORDER)]
        count = Signal(range(spec.cic_ratio))
        due = Signal()
        m.d.sync += due.eq(self.valid & (count == spec.cic_ratio - 1))
        with m.If(self.valid):
            m.d.sync += count.eq(Mux(count == spec.cic_ratio - 1, 0, count + 1))
            steps = [Mux(self.bit, Const(1, signed(2)), Const(-1, signed(2))), *integrators]
            m.d.sync += [own.eq(own + step) for own, step in zip(integrators, steps, strict=False)]

        # Samples in a ring per branch, newest first: the newest at `newest`, the older ones behind it. The
        # combs keep their last inputs in the branch above those of the FIR.
        branch = Signal(range(spec.fir_ratio))
        newest = Signal(range(BRANCH_TAPS))
        index = Signal(range(BRANCH_TAPS))
        m.submodules.samples = samples = memory.Memory(
            shape=signed(DATA.width), depth=(COMBS + 1) * BRANCH_TAPS, init=[], attrs={RAM_STYLE: "block"}
        )
        read, write = samples.read_port(), samples.write_port()
        m.submodules.taps = taps = parameter_memory(DATA.width, self._rows(), reload=False, style="block")
        tap = taps.read_port()
        m.d.comb += tap.addr.eq(Cat(index, branch))

        # The sequence of an output: the combs, read in the cycle before; storing; a product per cycle.
        data = Signal(signed(DATA.width), reset_less=True)
        combing, storing, reading, ending = Signal(), Signal(), Signal(), Signal()
        m.d.sync += storing.eq(0)
        with m.If(due):
            m.d.sync += [data.eq(integrators[-1][spec.cic_shift :]), index.eq(1), combing.eq(1)]
        with m.If(combing):
            m.d.sync += [data.eq(data - read.data), index.eq(index + 1)]
            with m.If(index == ORDER):
                m.d.sync += [index.eq(0), combing.eq(0), storing.eq(1)]
        with m.If(storing):
            m.d.sync += reading.eq(1)
        with m.If(reading):
            # A whole turn of `newest` leads back to it. With the last branch it stops just before: there is
            # the oldest sample of every branch, to be replaced by the next one.
            m.d.comb += ending.eq((index == BRANCH_TAPS - 1) & (branch == spec.fir_ratio - 1))
            m.d.sync += [index.eq(index + 1), newest.eq(newest + ~ending)]
            with m.If(index == BRANCH_TAPS - 1):
                m.d.sync += [reading.eq(0), branch.eq(Mux(ending, 0, branch + 1))]
        comb, sample = Cat(index, Const(COMBS, 3)), Cat(newest, branch)
        before = Cat((index - 1)[: len(index)], Const(COMBS, 3))
        m.d.comb += [
            read.addr.eq(Mux(reading, sample, comb)),
            write.addr.eq(Mux(storing, sample, before)),
            write.data.eq(data),
            write.en.eq(combing | storing),
        ]

        # Product and sum, a cycle each behind the memories; the sum begins with half an lsb of a sample.
        fetched, ended = Signal(2), Signal(3)
        m.d.sync += [fetched.eq(Cat(reading, fetched)), ended.eq(Cat(ending, ended))]
        product = Signal(signed(2 * DATA.width), reset_less=True)
        half = 1 << (FIR_SHIFT - 1)
        total = Signal(signed(spec.sum_bits), init=half)
        m.d.sync += product.eq(read.data * tap.data.as_signed())
        with m.If(fetched[1]):
            m.d.sync += total.eq(total + product)
        with m.If(self.done):
            m.d.sync += total.eq(half)
        m.d.comb += [
            self.sample.eq(fitted(total[FIR_SHIFT:].as_signed(), SAMPLE, Overflow.SAT)),
            self.done.eq(ended[2]),
        ]
        return m

    def _rows(self) -> list[int]:
        """Words of the memory of taps: for each branch those that its samples meet, newest first."""
        ratio, taps = self._spec.fir_ratio, self._spec.taps
        rows = [taps[ratio - 1 - branch :: ratio] for branch in range(ratio)]
        return [pack([tap], DATA.width) for row in rows for tap in row]
