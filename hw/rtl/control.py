"""The registers of a core: identity, status, soft reset, interrupt, counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from fxp_model import __version__
from hw import registers
from hw.registers import CONTROL, IRQ_ENABLE, IRQ_STATUS, STATUS, Access, Register
from hw.rtl.arithmetic import selected
from hw.rtl.axi_lite import AxiLite, axi_lite_signature
from hw.rtl.counter import Counter
from hw.rtl.sample_timer import SampleTimer
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.stage_counters import StageCounters

HANDSHAKE = data.StructLayout({"valid": 1, "ready": 1, "last": 1})
"""What an AXI4-Stream does in a cycle."""


def samples_in_flight(layers: int) -> int:
    """How many samples, of a step each, find place between `s_axis` and `m_axis`.

    In every stage two wait in the buffer before it and two are accumulated; in a layer the queue is full and
    two are in the encoder; at the end one is scored and two are sent; and one comes in.
    """
    return 4 * (layers + 1) + (SpikeQueue.DEPTH + 2) * layers + 4


class Control(wiring.Component):
    """Register file behind AXI4-Lite, and the counters in it.

    Lives in a domain that the soft reset leaves alone. Looks at the core through registers, so a
    figure is a few cycles old and nothing here is in a path of the core.

    Latency: `soft_reset` and the clearing of the counters follow a write by a cycle; `irq`
    follows the end of a sample by 3 cycles.

    Parameters
    ----------
    taps : mapping of str to Signature
        The `taps_signature` of each stage, by its name, in the order of the data flow.
    slots : int
        Words of an input beat.
    sha256 : str
        Of the artifact, in hexadecimal.

    Members
    -------
    bus : In(axi_lite_signature)
    s_axis, m_axis : In(HANDSHAKE)
    dropped : In(slots)
        Words with a faulty event that are taken.
    <stage> : In(taps_signature)
        For each stage, under its name.
    soft_reset : Out(1)
        Reset everything else in this cycle.
    irq : Out(1)
        A status that is enabled; stays until the host clears it.
    """

    def __init__(self, taps: Mapping[str, wiring.Signature], slots: int, sha256: str) -> None:
        self._taps, self._slots, self._sha256 = taps, slots, sha256
        super().__init__(
            {
                "bus": In(axi_lite_signature(registers.ADDRESS_BITS)),
                "s_axis": In(HANDSHAKE),
                "m_axis": In(HANDSHAKE),
                "dropped": In(slots),
                **{name: In(signature) for name, signature in taps.items()},
                "soft_reset": Out(1),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # What the core does is registered, then counted; what the host asks for is registered, then done.
        m.submodules.axi_lite = axi_lite = AxiLite(registers.ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.bus), axi_lite.bus)
        ones = axi_lite.write_data & axi_lite.write_mask

        def written(register: Register) -> Value:
            return axi_lite.write & (axi_lite.write_word == register.offset // 4)

        clear = Signal()
        m.d.sync += [
            self.soft_reset.eq(written(CONTROL) & ones[CONTROL["SOFT_RESET"].low]),
            clear.eq(written(CONTROL) & ones[CONTROL["CLEAR"].low]),
        ]

        s_axis, m_axis, restart = Signal(HANDSHAKE), Signal(HANDSHAKE), Signal()
        dropped = Signal(self._slots)
        m.d.sync += [
            s_axis.eq(self.s_axis),
            m_axis.eq(self.m_axis),
            dropped.eq(self.dropped),
            restart.eq(self.soft_reset),
        ]
        ends = m_axis.valid & m_axis.ready & m_axis.last
        depth = 1 << samples_in_flight(len(self._taps) - 1).bit_length()
        m.submodules.timer = timer = SampleTimer(depth)
        m.d.comb += [
            timer.taken.eq(s_axis.valid & s_axis.ready),
            timer.taken_last.eq(s_axis.last),
            timer.ends.eq(ends),
            timer.restart.eq(restart),
            timer.clear.eq(clear),
        ]

        irq_enable, irq_status = Signal(), Signal()
        with m.If(written(IRQ_ENABLE) & axi_lite.write_mask[0]):
            m.d.sync += irq_enable.eq(axi_lite.write_data[0])
        with m.If(ends):
            m.d.sync += irq_status.eq(1)
        with m.Elif(written(IRQ_STATUS) & ones[0]):
            m.d.sync += irq_status.eq(0)
        m.d.sync += self.irq.eq(irq_status & irq_enable)

        contents: dict[str, Value] = {
            "IDENTITY": Const(registers.IDENTITY_WORD, 32),
            "VERSION": Const(registers.version_word(__version__), 32),
            "STATUS": timer.busy.shift_left(STATUS["BUSY"].low) | self.irq.shift_left(STATUS["IRQ"].low),
            "CONTROL": Const(0, 32),
            "IRQ_ENABLE": irq_enable,
            "IRQ_STATUS": irq_status,
            "LAST_SAMPLE_CYCLES": timer.cycles,
        }
        for register, word in zip(registers.ARTIFACT_HASH, registers.hash_words(self._sha256), strict=True):
            contents[register.name] = Const(word, 32)
        for name, increment in (
            ("SAMPLES", ends),
            ("DROPPED_BEATS", sum(dropped[1:], dropped[0])),
            ("STALLS_IN", s_axis.valid & ~s_axis.ready),
            ("STALLS_OUT", m_axis.valid & ~m_axis.ready),
        ):
            m.submodules[name.lower()] = counter = Counter(len(increment))
            m.d.comb += [counter.increment.eq(increment), counter.clear.eq(clear)]
            contents[name] = counter.total
        for index, (stage, signature) in enumerate(self._taps.items()):
            m.submodules[stage] = counters = StageCounters(signature)
            wiring.connect(m, wiring.flipped(getattr(self, stage)), counters.taps)
            m.d.comb += counters.clear.eq(clear)
            totals = (counters.events, counters.spikes, counters.saturations)
            for register, total in zip(registers.stage_registers(stage, index), totals, strict=True):
                contents[register.name] = total

        self._answer(m, axi_lite, contents)
        return m

    def _answer(self, m: Module, axi_lite: AxiLite, contents: Mapping[str, Value]) -> None:
        """Give the host the contents of the registers, by name, and say which words there are."""
        register_map = registers.register_map(tuple(self._taps))
        words: list[Value] = [Const(0, 32)] * (register_map[-1].offset // 4 + 1)
        for register in register_map:
            words[register.offset // 4] = contents[register.name]
        writable = [register for register in register_map if register.access is not Access.RO]
        m.d.comb += [
            axi_lite.read_data.eq(selected(words, axi_lite.read_word)),
            axi_lite.read_ok.eq(_among(register_map, axi_lite.read_word)),
            axi_lite.write_ok.eq(_among(writable, axi_lite.write_word)),
        ]


def _among(some: Iterable[Register], word: Value) -> Value:
    """Whether `word` is the place of one of these registers: a bit of a constant."""
    return (Const(sum(1 << register.offset // 4 for register in some)) >> word)[0]
