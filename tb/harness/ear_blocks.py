"""The blocks of the ear, each as a design by itself for synthesis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Mux, Signal, Value, signed
from amaranth.hdl._ir import PortDirection
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from fxp_model.ear.i2s import I2sSpec
from fxp_model.ear.pdm import PdmSpec
from fxp_model.ear.resampler import ResamplerSpec
from fxp_model.ear.spec import FRAME_MS, SAMPLE_BITS, EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.flows import nextpnr
from hw.rtl.ear.filters import FilterBank
from hw.rtl.ear.frames import FrameEvents
from hw.rtl.ear.gain import Gain
from hw.rtl.ear.i2s import I2sInput
from hw.rtl.ear.neurons import EarNeurons
from hw.rtl.ear.pdm import PdmInput
from hw.rtl.ear.resampler import Resampler
from hw.rtl.ear.schedule import MULTIPLIERS
from hw.rtl.ear.trigger import Trigger
from hw.verilog import EmittedCore, write_verilog


class EarChain(wiring.Component):
    """`FilterBank`, and `EarNeurons` behind it, which are told where frames begin: for synthesis only.

    Members
    -------
    i : In stream of signed(16)
    counts : Out(counts_layout)
    ends : Out(1)
        The counts of a frame are all given.
    level : Out
        As of `EarNeurons`.
    """

    def __init__(self, spec: EarSpec, multipliers: int) -> None:
        self._spec = spec
        self._filters, self._neurons = FilterBank(spec, multipliers), EarNeurons(spec)
        outputs = {name: self._neurons.signature.members[name] for name in ("counts", "ends", "level")}
        super().__init__({"i": In(stream.Signature(signed(SAMPLE_BITS))), **outputs})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.filters, m.submodules.neurons = filters, neurons = self._filters, self._neurons
        wiring.connect(m, wiring.flipped(self.i), filters.i)
        wiring.connect(m, filters.o, neurons.i)
        envelopes = FRAME_MS * self._spec.channels
        place = Signal(range(envelopes))
        with m.If(filters.o.valid & filters.o.ready):
            m.d.sync += place.eq(Mux(place == envelopes - 1, 0, place + 1))
        m.d.comb += [
            neurons.first.eq(place == 0),
            self.counts.eq(neurons.counts),
            self.ends.eq(neurons.ends),
            self.level.eq(neurons.level),
        ]
        return m


Made = Callable[[], wiring.Component]
SIZES = ((140, 4), (140, 2), (64, 2))
"""Channels, sections."""


def _blocks() -> Iterator[tuple[str, Made]]:
    """Names with channels, sections and multipliers; those without a size are as they are by default."""
    for size in SIZES:
        for multipliers in MULTIPLIERS:
            yield _name("filters", *size, multipliers), partial(_filters, *size, multipliers)
        yield _name("neurons", *size), partial(_neurons, *size)
        yield _name("events", *size), partial(_events, *size)
    yield _name("filters and neurons", 140, 4, 1), lambda: EarChain(_ear(140, 4), 1)
    yield "trigger", lambda: Trigger(TriggerSpec())
    yield "gain", Gain
    # at 24.576 MHz
    yield "I2S, 16 kHz", lambda: I2sInput(I2sSpec(), 24)
    yield "PDM, 2.048 MHz", lambda: PdmInput(PdmSpec.design(2_048_000), 12)
    yield "resampler, 48 kHz", lambda: Resampler(ResamplerSpec.design(48_000))


def _ear(channels: int, sections: int) -> EarSpec:
    return EarSpec.design(channels=channels, sections=sections)


def _filters(channels: int, sections: int, multipliers: int) -> wiring.Component:
    return FilterBank(_ear(channels, sections), multipliers)


def _neurons(channels: int, sections: int) -> wiring.Component:
    return EarNeurons(_ear(channels, sections))


def _events(channels: int, sections: int) -> wiring.Component:
    return FrameEvents(_ear(channels, sections), TriggerSpec())


def _name(block: str, *numbers: int) -> str:
    return f"{block} {' x '.join(map(str, numbers))}"


BLOCKS: dict[str, Made] = dict(_blocks())


def as_core(component: wiring.Component) -> EmittedCore:
    """A block for the flows, whose clock is that of a core."""
    m, clock = Module(), ClockDomain("sync")
    clock.clk = Signal(name=nextpnr.CLOCK)
    m.domains += clock
    m.submodules.block = component
    ports = {
        "__".join(map(str, path)): (
            Value.cast(value),
            PortDirection.Input if member.flow is wiring.In else PortDirection.Output,
        )
        for path, member, value in component.signature.flatten(component)
    }
    inputs = {nextpnr.CLOCK: clock.clk, "rst": clock.rst}
    ports |= {name: (signal, PortDirection.Input) for name, signal in inputs.items()}
    text = rtlil.convert(m, name="core", ports=ports, emit_src=False)
    return EmittedCore("core", write_verilog(text), (), (), ())
