"""The registers of the ear: gain, trigger, source, meters and counters."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from fxp_model import __version__
from fxp_model.ear.gain import MAX_GAIN
from fxp_model.ear.spec import SAMPLE_BITS
from fxp_model.ear.trigger import TriggerSpec
from hw import ear_registers as registers
from hw.registers import ADDRESS_BITS, Register, version_word
from hw.rtl.axi_lite import AxiLite, axi_lite_signature
from hw.rtl.counter import Counter
from hw.rtl.ear.trigger import preroll_limit, settings_layout
from hw.rtl.register_file import answer, written

HEARD = data.StructLayout({"valid": 1, "sample": signed(SAMPLE_BITS)})
"""A sample behind the gain, in a cycle."""


class EarControl(wiring.Component):
    """Register file behind AXI4-Lite (`hw.ear_registers`).

    Latency: a setting follows a write by one cycle.

    Parameters
    ----------
    trigger : TriggerSpec or None
        Its settings are those after a reset.
    level_bits, floor_bits, loudness_bits : int
        Widths of what the host reads; of the floor only with a trigger.

    Members
    -------
    bus : In(axi_lite_signature)
    host, gain, mute : Out
        What the host has set; of `SOURCE`, `GAIN`, `MUTE`.
    settings : Out, only with a trigger
        The same of the trigger's registers.
    absent, hosted : In(1)
        Bits of `STATUS`.
    level, loudness : In
    floor : In, only with a trigger
    heard : In(HEARD)
    ended, clipped, overrun, dropped : In(1)
        A frame, or a sample, to be counted.
    """

    def __init__(
        self, trigger: TriggerSpec | None, level_bits: int, floor_bits: int, loudness_bits: int
    ) -> None:
        self._trigger, triggers = trigger, {}
        if trigger is not None:
            triggers = {"settings": Out(settings_layout(trigger)), "floor": In(floor_bits)}
        super().__init__(
            {
                "bus": In(axi_lite_signature(ADDRESS_BITS)),
                "host": Out(1),
                "gain": Out(range(MAX_GAIN + 1)),
                "mute": Out(1),
                "absent": In(1),
                "hosted": In(1),
                "level": In(level_bits),
                "loudness": In(loudness_bits),
                "heard": In(HEARD),
                "ended": In(1),
                "clipped": In(1),
                "overrun": In(1),
                "dropped": In(1),
                **triggers,
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.axi_lite = axi_lite = AxiLite(ADDRESS_BITS)
        wiring.connect(m, wiring.flipped(self.bus), axi_lite.bus)
        clear = Signal(init=1)
        ones = axi_lite.write_data & axi_lite.write_mask
        m.d.sync += clear.eq(written(axi_lite, registers.CONTROL) & ones[registers.CONTROL["CLEAR"].low])
        contents = {
            "IDENTITY": Const(registers.IDENTITY_WORD, 32),
            "VERSION": Const(version_word(__version__), 32),
            "STATUS": self.absent.shift_left(registers.STATUS["ABSENT"].low)
            | self.hosted.shift_left(registers.STATUS["HOST"].low),
            "CONTROL": Const(0, 32),
            "LEVEL": self.level,
            "LOUDNESS": self.loudness,
            "PEAK": self._peak(m, clear),
        }
        own = registers.register_map(self._trigger is not None)
        if self._trigger is not None:
            contents["FLOOR"] = self.floor
        for register in registers.SETTINGS:
            if register in own:
                contents[register.name] = self._setting(m, axi_lite, register)
        for register, strobe in (
            (registers.FRAMES, self.ended),
            (registers.CLIPPED, self.clipped),
            (registers.OVERRUNS, self.overrun),
            (registers.DROPPED_FRAMES, self.dropped),
        ):
            m.submodules[register.name.lower()] = counter = Counter(1)
            m.d.comb += [counter.increment.eq(strobe), counter.clear.eq(clear)]
            contents[register.name] = counter.total
        m.d.comb += axi_lite.write_ok.eq(answer(m, axi_lite, own, contents))
        return m

    def _setting(self, m: Module, axi_lite: AxiLite, register: Register) -> Value:
        """A register that the host writes, and what its fields set; its content."""
        content: Value = Const(0, 32)
        for field in register.fields:
            name = field.name.lower()
            plain = {registers.SOURCE: self.host, registers.GAIN: self.gain, registers.MUTE: self.mute}
            port = plain.get(register)
            init = 0 if port is not None else int(getattr(self._trigger, name))
            own = Signal(field.width, name=f"{register.name}_{name}".lower(), init=init)
            low, high = field.low, field.low + field.width
            with m.If(written(axi_lite, register)):
                mask = axi_lite.write_mask[low:high]
                m.d.sync += own.eq((own & ~mask) | (axi_lite.write_data[low:high] & mask))
            if port is not None:
                m.d.comb += port.eq(own)
            elif name == "preroll":
                most = preroll_limit(self._trigger)
                m.d.comb += self.settings.preroll.eq(Mux(own > most, most, own))
            else:
                m.d.comb += self.settings[name].eq(own)
            content |= own.shift_left(low)
        return content

    def _peak(self, m: Module, clear: Value) -> Value:
        """Largest magnitude since the last clear."""
        heard = Signal()
        magnitude, peak = Signal(SAMPLE_BITS), Signal(SAMPLE_BITS)
        sample = self.heard.sample
        m.d.sync += [heard.eq(self.heard.valid), magnitude.eq(Mux(sample < 0, -sample, sample))]
        with m.If(clear):
            m.d.sync += peak.eq(0)
        with m.Elif(heard & (magnitude > peak)):
            m.d.sync += peak.eq(magnitude)
        return peak
