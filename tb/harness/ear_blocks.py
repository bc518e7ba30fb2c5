"""The blocks of the ear, each as a design by itself for synthesis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Signal, Value
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from fxp_model.ear.i2s import I2sSpec
from fxp_model.ear.pdm import PdmSpec
from fxp_model.ear.resampler import ResamplerSpec
from fxp_model.ear.spec import EarSpec
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
from tb.harness.ear_chain import EarChain

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
