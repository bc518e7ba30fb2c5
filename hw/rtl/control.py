"""The registers of a core: identity, status, soft reset, interrupt, counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, Const, Module, ResetInserter, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from fxp_model import __version__
from fxp_model.detector import MAX_MARGIN
from hw import registers
from hw.registers import (
    CONTROL,
    DETECT_HOLD,
    DETECT_MARGIN,
    DETECT_REFRACTORY,
    DETECT_SILENT,
    IRQ_ENABLE,
    IRQ_STATUS,
    RELOAD_BEGIN,
    RELOAD_COMMIT,
    RELOAD_DATA,
    RELOADING,
    STATUS,
)
from hw.rtl.accumulators import QUEUE_WORDS
from hw.rtl.answer_timer import AnswerTimer
from hw.rtl.axi_lite import AxiLite, axi_lite_signature
from hw.rtl.banks import RELOAD, WORD, Part, connect_reload, parameter_memory
from hw.rtl.counter import Counter
from hw.rtl.detector import NO_SILENT, Detector
from hw.rtl.events import index_shape
from hw.rtl.loader import Loader, Region
from hw.rtl.register_file import among, answer, written
from hw.rtl.sample_timer import SampleTimer
from hw.rtl.spike_queue import SpikeQueue
from hw.rtl.stage_counters import StageCounters

DETECT_AT_RESET = {
    "DETECT_MARGIN": MAX_MARGIN,
    "DETECT_HOLD": 1,
    "DETECT_REFRACTORY": 0,
    "DETECT_SILENT": NO_SILENT,
}
"""With which hardly a word is said, until the host writes others."""
HANDSHAKE = data.StructLayout({"valid": 1, "ready": 1, "last": 1})
"""Handshake of an AXI4-Stream in a cycle."""


def samples_in_flight(layers: int, input_delays: bool) -> int:
    """Greatest number of one-step samples between `s_axis` and `m_axis`.

    In every stage two wait in its input buffer, one is accumulated and at most `QUEUE_WORDS` are closed;
    in a layer at most `SpikeQueue.STEPS` are between the sums and the next buffer; at the end one is
    scored and two are sent; and one enters. With `input_delays`, two wait before them, and one and
    `SpikeQueue.STEPS` in them. It is the same for beats that end an answered step, where each step is
    answered: a step is an answer, and of two that end in one beat, the beat counts.
    """
    before = 3 + SpikeQueue.STEPS if input_delays else 0
    return before + (3 + QUEUE_WORDS) * (layers + 1) + SpikeQueue.STEPS * layers + 4


class Control(wiring.Component):
    """Register file behind AXI4-Lite, with its counters.

    It is in a clock domain that the soft reset does not reset. It observes the core through registers, so
    counts lag by a few cycles and nothing here lies on a timing path of the core.

    Latency: `soft_reset` follows a write by one cycle, the clearing of the counters by two; `irq`
    follows the end of a sample by 3 cycles.

    Parameters
    ----------
    taps : mapping of str to Signature
        The `taps_signature` of each stage, by its name, in the order of the data flow.
    slots : int
        Words of an input beat.
    samples : int
        Of `samples_in_flight`.
    stride : int or None
        Steps from answer to answer; None with an answer per sample.
    n_out : int
        Classes.
    sha256 : str
        Of the artifact, in hexadecimal.
    regions : sequence of Region
        Memories that can be reloaded; empty if there are none.

    Members
    -------
    bus : In(axi_lite_signature)
    s_axis, m_axis : In(HANDSHAKE)
    part : In(1), only if `slots` is 2
        The beat at `s_axis` is part of a sample.
    dropped : In(slots)
        Words with a malformed event that are accepted.
    markers : In(slots), only with answers per step
        Words of the beat at `s_axis` that end a step.
    swept : In(1), only with answers per step
        The readout has the results of a step.
    answer : In(32), only with answers per step
        Data at `m_axis`.
    said : Out(1), only with answers per step
        A word was said (`Detector`), with the answer whose last beat left `m_axis` 4 cycles before.
    word : Out, only with answers per step
        Which, as of `said`.
    <stage> : In(taps_signature)
        One for each stage, by its name.
    soft_reset : Out(1)
        Reset everything else.
    restarts : In(1)
        Everything else is reset in this cycle, from whatever source.
    irq : Out(1)
        An enabled status bit is set; stays high until the host clears it.

    With `regions`:

    reload : Out(RELOAD)
    pending : Out(1)
        Hold the input at the next end of a sample.
    held : In(1)
        The input is held, and the last beat before that ended its sample.
    """

    def __init__(
        self,
        taps: Mapping[str, wiring.Signature],
        slots: int,
        samples: int,
        stride: int | None,
        n_out: int,
        sha256: str,
        regions: Sequence[Region] = (),
    ) -> None:
        self._taps, self._slots, self._samples, self._regions = taps, slots, samples, regions
        self._stride, self._n_out = stride, n_out
        self._hash = registers.hash_words(sha256)
        ports = {
            "bus": In(axi_lite_signature(registers.ADDRESS_BITS)),
            "s_axis": In(HANDSHAKE),
            "m_axis": In(HANDSHAKE),
            "dropped": In(slots),
            **{name: In(signature) for name, signature in taps.items()},
            "soft_reset": Out(1),
            "restarts": In(1),
            "irq": Out(1),
        }
        if slots > 1:
            ports |= {"part": In(1)}
        if stride is not None:
            ports |= {"markers": In(slots), "swept": In(1), "answer": In(32)}
            ports |= {"said": Out(1), "word": Out(index_shape(n_out))}
        if regions:
            ports |= {"reload": Out(RELOAD), "pending": Out(1), "held": In(1)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Events of the core are registered, then counted; requests of the host are registered, then executed.
        m.submodules.axi_lite = axi_lite = AxiLite(registers.ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.bus), axi_lite.bus)
        ones = axi_lite.write_data & axi_lite.write_mask

        # Counters are spread over the device, so two registers in a row drive their clear.
        clear = Signal(init=1)  # a reset clears the same registers
        clearing = Signal()
        m.d.sync += [
            clear.eq(clearing),
            self.soft_reset.eq(written(axi_lite, CONTROL) & ones[CONTROL["SOFT_RESET"].low]),
            clearing.eq(written(axi_lite, CONTROL) & ones[CONTROL["CLEAR"].low]),
        ]

        s_axis, m_axis, restart = Signal(HANDSHAKE), Signal(HANDSHAKE), Signal(name="restart")
        dropped = Signal(self._slots)
        m.d.sync += [
            s_axis.eq(self.s_axis),
            m_axis.eq(self.m_axis),
            dropped.eq(self.dropped),
            restart.eq(self.restarts),
        ]
        taken = s_axis.valid & s_axis.ready
        if self._slots > 1:
            part = Signal()
            m.d.sync += part.eq(self.part)
            taken &= part
        ends = m_axis.valid & m_axis.ready & m_axis.last
        depth = 1 << self._samples.bit_length()
        timer = self._timer(m, depth)
        m.submodules.timer = timer
        m.d.comb += [
            timer.taken.eq(taken),
            timer.taken_last.eq(s_axis.last),
            timer.ends.eq(ends),
            timer.restart.eq(restart),
            timer.clear.eq(clear),
        ]

        irq_enable, irq_status = Signal(), Signal(name="irq_status")
        with m.If(written(axi_lite, IRQ_ENABLE) & axi_lite.write_mask[0]):
            m.d.sync += irq_enable.eq(axi_lite.write_data[0])
        with m.If(ends):
            m.d.sync += irq_status.eq(1)
        with m.Elif(written(axi_lite, IRQ_STATUS) & ones[0]):
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
        if self._regions:
            contents |= self._loaded(m, axi_lite, timer.busy)
        else:
            contents |= {
                register.name: Const(word, 32)
                for register, word in zip(registers.ARTIFACT_HASH, self._hash, strict=True)
            }
        wraps = self._stride is not None
        if wraps:
            contents |= self._detected(m, axi_lite, m_axis, restart, clear)
        for name, increment in (
            ("SAMPLES", ends),
            ("DROPPED_BEATS", sum(dropped[1:], dropped[0])),
            ("STALLS_IN", s_axis.valid & ~s_axis.ready),
            ("STALLS_OUT", m_axis.valid & ~m_axis.ready),
        ):
            m.submodules[name.lower()] = counter = Counter(len(increment), wraps)
            m.d.comb += [counter.increment.eq(increment), counter.clear.eq(clear)]
            contents[name] = counter.total
        for index, (stage, signature) in enumerate(self._taps.items()):
            m.submodules[stage] = counters = StageCounters(signature, wraps)
            wiring.connect(m, wiring.flipped(getattr(self, stage)), counters.taps)
            m.d.comb += counters.clear.eq(clear)
            totals = (counters.events, counters.spikes, counters.saturations)
            for register, total in zip(registers.stage_registers(stage, index), totals, strict=True):
                contents[register.name] = total

        register_map = registers.register_map(tuple(self._taps), bool(self._regions), wraps)
        write_ok = answer(m, axi_lite, register_map, contents)
        if self._regions:
            write_ok &= ~(self.pending & among(RELOADING, axi_lite.write_word))
        m.d.comb += axi_lite.write_ok.eq(write_ok)
        return m

    def _timer(self, m: Module, depth: int) -> SampleTimer:
        """The timer of samples, or that of answers, with its own inputs registered like the others."""
        if self._stride is None:
            return SampleTimer(depth)
        timer = AnswerTimer(depth, self._stride, self._slots)
        markers, swept = Signal(self._slots, name="markers"), Signal(name="swept")
        m.d.sync += [markers.eq(self.markers), swept.eq(self.swept)]
        m.d.comb += [timer.markers.eq(markers), timer.swept.eq(swept)]
        return timer

    def _detected(
        self,
        m: Module,
        axi_lite: AxiLite,
        m_axis: data.View[data.StructLayout],
        restart: Value,
        clear: Value,
    ) -> dict[str, Value]:
        """The detector, and its numbers; returns the contents of their registers."""
        m.submodules.detector = ResetInserter(restart)(detector := Detector(self._n_out))
        seen = Signal(32)
        m.d.sync += seen.eq(self.answer)
        m.d.comb += [
            detector.valid.eq(m_axis.valid & m_axis.ready),
            detector.beat.data.eq(seen),
            detector.beat.last.eq(m_axis.last),
            self.said.eq(detector.said),
            self.word.eq(detector.word),
        ]
        contents: dict[str, Value] = {}
        for register, number in (
            (DETECT_MARGIN, detector.numbers.margin),
            (DETECT_HOLD, detector.numbers.hold),
            (DETECT_REFRACTORY, detector.numbers.refractory),
            (DETECT_SILENT, detector.numbers.silent),
        ):
            kept = Signal(len(number), name=register.name.lower(), init=DETECT_AT_RESET[register.name])
            bits = len(kept)
            with m.If(written(axi_lite, register)):
                mask = axi_lite.write_mask[:bits]
                m.d.sync += kept.eq(kept & ~mask | axi_lite.write_data[:bits] & mask)
            m.d.comb += number.eq(kept)
            contents[register.name] = kept
        word, count = Signal(16), Signal(16, name="words")
        with m.If(clear):
            m.d.sync += [word.eq(0), count.eq(0)]
        with m.Elif(detector.said):
            m.d.sync += [word.eq(detector.word), count.eq(count + 1)]
        return {**contents, "DETECTED": Cat(word, count)}

    def _loaded(self, m: Module, axi_lite: AxiLite, busy: Value) -> dict[str, Value]:
        """The loader, and the hash that it also loads; returns the contents of their registers."""
        m.submodules.loader = loader = Loader(self._regions)
        ones = axi_lite.write_data & axi_lite.write_mask
        open_ = ~loader.pending
        m.d.comb += [
            loader.begin.eq(written(axi_lite, RELOAD_BEGIN) & ones[0] & open_),
            loader.write.eq(written(axi_lite, RELOAD_DATA) & open_),
            loader.commit.eq(written(axi_lite, RELOAD_COMMIT) & open_),
            loader.word.eq(ones),
            loader.held.eq(self.held),
            loader.busy.eq(busy),
            self.pending.eq(loader.pending),
            self.reload.load.eq(loader.load),
            self.reload.bank.eq(loader.bank),
        ]
        m.submodules.sha256 = sha256 = parameter_memory(WORD, self._hash, reload=True)
        read = sha256.read_port(domain="comb")
        m.d.comb += read.addr.eq(Cat(axi_lite.read_word[:3], loader.bank))
        connect_reload(m, sha256, self.reload, Part.HASH)
        status = (loader.pending, loader.wrong_length, loader.wrong_crc, loader.bank)
        return {
            **{register.name: read.data for register in registers.ARTIFACT_HASH},
            "RELOAD_STATUS": Cat(status),
            "RELOAD_WORDS": Const(sum(region.words for region in self._regions), 32),
            "RELOAD_POSITION": loader.position,
            **{register.name: Const(0, 32) for register in (RELOAD_BEGIN, RELOAD_DATA, RELOAD_COMMIT)},
        }
