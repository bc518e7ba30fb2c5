"""Blocks of the ear, and whole ears: the model of their cells is fitted to some, and checked with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from amaranth.lib import wiring

from fxp_model.ear.i2s import FRAME, I2sSpec
from fxp_model.ear.pdm import SAMPLE_HZ, PdmSpec
from fxp_model.ear.resampler import EAR_RATE_HZ, ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.config import HardwareConfig
from hw.ear import EarConfig
from hw.estimates.resources import ear
from hw.estimates.resources.ear import EarParts
from hw.estimates.resources.shapes import Shape
from hw.rtl.ear.control import EarControl
from hw.rtl.ear.device import Device
from hw.rtl.ear.filters import FilterBank
from hw.rtl.ear.frames import FrameEvents
from hw.rtl.ear.gain import Gain
from hw.rtl.ear.i2s import I2sInput
from hw.rtl.ear.logarithm import log_shape
from hw.rtl.ear.neurons import EarNeurons
from hw.rtl.ear.pdm import PdmInput
from hw.rtl.ear.resampler import Resampler
from hw.rtl.ear.schedule import MULTIPLIERS
from hw.rtl.ear.trigger import Trigger
from hw.verilog import EmittedCore, emit_top
from tb.harness.ear_blocks import SIZES, as_core
from tb.harness.stimulus import answering

CLOCK_HZ, I2S_HZ = 24_576_000, 1_024_000
"""Of microphones by themselves."""
CHECKED = (140, 2)
"""One of `SIZES` whose blocks check the model."""
CORE = "core"
"""Instance of the core in a `Device`."""


@dataclass(frozen=True)
class Block:
    """A block of the ear, or a whole one as it is in front of a core.

    Parameters
    ----------
    kind : str
        ``filters``, ``neurons``, ``events``, ``trigger``, ``control``, ``gain``, ``resampler``, ``i2s``,
        ``pdm`` or ``ear``.
    channels, sections : int
    multipliers : int
        Of filters and of an ear.
    microphone : str
        Of an ear; one of `hw.ear.MICROPHONES`.
    pdm_hz : int
        Clock of a microphone.
    rate_hz : int
        Of a resampler's input, and of the microphone of an ear.
    triggers : bool
        There is a trigger, as in front of a network that answers per sample.
    held_out : bool
        It checks the model of the cells, and is not used in the fit.
    widths : mapping of str to int
        Further parameters of `EarSpec.design`.
    """

    kind: str
    channels: int = 140
    sections: int = 2
    multipliers: int = 1
    microphone: str = "i2s"
    pdm_hz: int = SAMPLE_HZ * FRAME
    rate_hz: int = EAR_RATE_HZ
    triggers: bool = True
    held_out: bool = False
    widths: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """With all that matters for the kind."""
        if self.kind == "i2s":
            return "I2S, 16 kHz"
        if self.kind == "pdm":
            return f"PDM, {self.pdm_hz / 1e6:g} MHz"
        rate = "" if self.rate_hz == EAR_RATE_HZ else f", {self.rate_hz / 1e3:g} kHz"
        if self.kind == "resampler":
            return self.kind + rate
        size = f"{self.channels} x {self.sections}"
        own = {
            "filters": f" {size} x {self.multipliers}",
            "neurons": f" {size}",
            "events": f" {size}",
            "ear": f" {size} x {self.multipliers}, {self.microphone}{rate}",
        }.get(self.kind, "")
        more = "" if self.triggers else ", no trigger"
        return self.kind + own + more + "".join(f", {name} {value}" for name, value in self.widths.items())

    @cached_property
    def spec(self) -> EarSpec:
        """The ear."""
        return EarSpec.design(channels=self.channels, sections=self.sections, **self.widths)

    @property
    def trigger(self) -> TriggerSpec | None:
        """Its trigger."""
        return TriggerSpec(log_frac_bits=self.spec.log_frac_bits) if self.triggers else None

    @property
    def config(self) -> EarConfig:
        """Its hardware."""
        return EarConfig(self.microphone, self.multipliers, rate_hz=self.rate_hz)

    def parts(self) -> list[EarParts]:
        """What the model says that it consists of."""
        spec, trigger = self.spec, self.trigger
        if self.kind == "ear":
            return list(ear.ear_parts(spec, self.config, self.triggers).values())
        makers: dict[str, Callable[[], EarParts]] = {
            "filters": lambda: ear.filters(spec, self.multipliers),
            "neurons": lambda: ear.neurons(spec),
            "events": lambda: ear.events(spec, trigger),
            "trigger": lambda: ear.decides(_of_one(trigger)),
            "control": lambda: ear.control(self.triggers),
            "gain": ear.gain,
            "resampler": lambda: ear.resampler(ResamplerSpec.design(self.rate_hz)),
            "i2s": lambda: ear.i2s(CLOCK_HZ // I2S_HZ),
            "pdm": lambda: ear.pdm(self.pdm_hz, CLOCK_HZ // self.pdm_hz),
        }
        return [makers[self.kind]()]

    def core(self) -> EmittedCore:
        """For the flows."""
        if self.kind == "ear":
            return self._device()
        return as_core(self._component())

    def _component(self) -> wiring.Component:
        spec, trigger = self.spec, self.trigger
        log = log_shape(spec).width
        read = log + spec.level_shift, 0 if trigger is None else log + trigger.floor_shift, log
        makers: dict[str, Callable[[], wiring.Component]] = {
            "filters": lambda: FilterBank(spec, self.multipliers),
            "neurons": lambda: EarNeurons(spec),
            "events": lambda: FrameEvents(spec, trigger),
            "trigger": lambda: Trigger(_of_one(trigger)),
            "control": lambda: EarControl(trigger, *read),
            "gain": Gain,
            "resampler": lambda: Resampler(ResamplerSpec.design(self.rate_hz)),
            "i2s": lambda: I2sInput(I2sSpec(), CLOCK_HZ // I2S_HZ),
            "pdm": lambda: PdmInput(PdmSpec.design(self.pdm_hz), CLOCK_HZ // self.pdm_hz),
        }
        return makers[self.kind]()

    def _device(self) -> EmittedCore:
        """In front of a small core, the instance `CORE`, which is not counted."""
        spec, config = self.spec, self.config
        shape = Shape((spec.channels, 2, 2), kernel=0, input_bits=spec.count_bits, weight_bits=2)
        network = shape.network()
        if not self.triggers:
            network = answering(network, 1)
        widths = HardwareConfig.uniform(network.spec, lanes=2, update_lanes=1, use_dsp=False)
        device = Device(
            *(network, widths, spec, self.trigger, self.multipliers),
            *(config.input(spec), config.resampler(spec)),
        )
        return EmittedCore("top", emit_top(device, "top")[0], (), (), ())


def _of_one(trigger: TriggerSpec | None) -> TriggerSpec:
    """Of a block that is a trigger."""
    assert trigger is not None
    return trigger


def _modelled() -> Iterator[Block]:
    """Blocks to which the model of the cells is fitted, and with which it is checked."""
    for channels, sections in SIZES:
        checks = (channels, sections) == CHECKED
        for multipliers in MULTIPLIERS:
            yield Block("filters", channels, sections, multipliers, held_out=checks)
        yield Block("neurons", channels, sections, held_out=checks)
        yield Block("events", channels, sections, held_out=checks)
    yield Block("filters", 32, 1, 2, widths={"coefficient_bits": 14, "state_frac_bits": 4})
    yield Block("filters", 16, 3, 4, widths={"coefficient_bits": 16, "state_frac_bits": 6})
    yield Block("filters", 256, 1, 1)
    yield Block(
        *("neurons", 32, 1),
        widths={"log_frac_bits": 4, "drive_frac_bits": 8, "spike_limit": 1, "count_bits": 1},
    )
    yield Block("neurons", 256, 1, widths={"log_frac_bits": 8, "level_shift": 4})
    yield Block("events", 256, 1)
    yield Block("trigger")
    yield Block("control")
    yield Block("control", triggers=False)
    yield Block("gain")
    yield Block("i2s")
    yield Block("pdm", pdm_hz=2_048_000)
    for rate_hz in (8_000, 44_100, 48_000, 96_000):
        yield Block("resampler", rate_hz=rate_hz)
    yield Block("ear", 64, 2, 1)
    yield Block("ear", 8, 1, 1, "pcm")
    # the others check the model
    yield Block("pdm", held_out=True)
    yield Block("filters", 48, 2, 1, held_out=True)
    yield Block("filters", 200, 3, 2, held_out=True)
    yield Block("filters", 24, 1, 4, held_out=True, widths={"coefficient_bits": 16})
    yield Block("neurons", 48, 2, held_out=True)
    yield Block("neurons", 200, 3, held_out=True, widths={"log_frac_bits": 7})
    yield Block("events", 48, 2, held_out=True, widths={"count_bits": 3})
    yield Block("trigger", held_out=True, widths={"log_frac_bits": 8})
    yield Block("resampler", rate_hz=32_000, held_out=True)
    yield Block("ear", 64, 2, 2, "pdm", held_out=True)
    yield Block("ear", 64, 2, 1, triggers=False, held_out=True)


MODELLED = {block.name: block for block in _modelled()}
