"""Contents of the blocks of an ear, its microphone and its registers, as they are beside a core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from fxp_model.ear.gain import PCM
from fxp_model.ear.pdm import BRANCH_TAPS, DATA, ORDER, SAMPLE_HZ, PdmSpec
from fxp_model.ear.resampler import TAP_BITS, ResamplerSpec
from fxp_model.ear.spec import MAX_LOG, EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw.ear import EarConfig
from hw.estimates.resources.ear_memories import (
    DSP_WIDTHS,
    EarMemory,
    event_memories,
    filter_memories,
    filter_multipliers,
    neuron_memories,
    resampler_memories,
    resampler_multipliers,
)
from hw.estimates.resources.parts import index_bits
from hw.estimates.resources.prices import EarPrices
from hw.rtl.ear.logarithm import log_shape
from hw.rtl.ear.pdm_decimator import COMBS
from hw.rtl.ear.schedule import Schedule
from hw.rtl.ear.trigger import preroll_limit

EAR_KINDS = {
    "xilinx7": ("lut", "lut_logic", "lutram", "srl", "ff", "bram36", "dsp"),
    "ecp5": ("comb", "lutram", "ff", "ebr", "dsp"),
    "up5k": ("lut", "ff", "ebr", "dsp"),
}
"""Kinds of cells that are predicted; the core's, and those of an iCE40 UltraPlus."""


class Counted(NamedTuple):
    """LUT sites of RAM, shift registers, flip-flops, block RAMs, multipliers; amounts that are priced."""

    lutram: int
    srl: int
    ff: int
    block: float
    dsp: int
    logic: dict[str, float]
    registers: dict[str, float]


@dataclass
class EarParts:
    """What a block consists of.

    Parameters
    ----------
    name : str
        Of the block; its amounts are priced as ``name.amount``.
    logic, registers : dict
        Amounts, mostly bits, whose prices in LUTs and in flip-flops are fitted.
    memories : list of EarMemory
    multipliers : dict
        Multipliers of the fabric by target.
    products, product_bits : int
        Products that these compute, and the width of what becomes of each: one that needs several multipliers
        is added up in logic, and fewer registers are within the multipliers.
    lines : int
        Registers three in a row, which a 7-series has as one shift register, and others as three.
    """

    name: str
    logic: dict[str, float] = field(default_factory=dict)
    registers: dict[str, float] = field(default_factory=dict)
    memories: list[EarMemory] = field(default_factory=list)
    multipliers: dict[str, int] = field(default_factory=dict)
    products: int = 0
    product_bits: int = 0
    lines: int = 0

    def counted(self, target: str) -> Counted:
        """What is counted on `target`, and all amounts that are priced.

        Among these are the multiplexers of memories, tables in logic, and `memory`: what yosys puts around a
        block RAM that it chose itself, so that it answers as the memory of the RTL.
        """
        forms = [(memory, memory.mapped(target)) for memory in self.memories]
        shifts, dsp = target == "xilinx7", self.multipliers.get(target, 0)
        split = {"product.split": self.product_bits * (dsp - self.products)}
        chosen = [own.width for own, form in forms if form.block and own.writes and not own.block]
        behind = sum(memory.width for memory, form in forms if not form.block)
        return Counted(
            lutram=sum(form.lutram for _, form in forms),
            srl=self.lines if shifts else 0,
            ff=behind + (0 if shifts else LINE * self.lines),
            block=sum(form.block for _, form in forms),
            dsp=dsp,
            logic={
                **self._named(self.logic),
                **split,
                "memory.mux": sum(memory.width * (form.ways - 1) for memory, form in forms),
                "memory.rom": sum(memory.bits / 64 for memory, form in forms if form.logic),
            },
            registers={**self._named(self.registers), **split, **self._named({"memory": sum(chosen)})},
        )

    def _named(self, amounts: Mapping[str, float]) -> dict[str, float]:
        return {f"{self.name}.{own}": amount for own, amount in amounts.items() if amount}

    def cells(self, target: str, prices: EarPrices) -> dict[str, float]:
        """Cells by `EAR_KINDS`."""
        own = self.counted(target)
        logic = round(sum(prices.luts[name] * amount for name, amount in own.logic.items()))
        ff = own.ff + round(sum(prices.ff[name] * amount for name, amount in own.registers.items()))
        lut = logic + own.lutram + own.srl
        known = {
            **{"lut": lut, "comb": lut, "lut_logic": logic, "lutram": own.lutram, "srl": own.srl, "ff": ff},
            **{"bram36": own.block, "ebr": own.block, "dsp": own.dsp},
        }
        return {kind: known[kind] for kind in EAR_KINDS[target]}


LINE = 3
"""Length of the rows that are counted in `EarParts.lines`."""


def ear_parts(ear: EarSpec, config: EarConfig, triggers: bool = True) -> dict[str, EarParts]:
    """The blocks by their path in the top level; ``ear`` is what joins them, there and to the core.

    Without `triggers`, those in front of a network that answers per step.
    """
    trigger = TriggerSpec(log_frac_bits=ear.log_frac_bits) if triggers else None
    periods, divider = config.dividers(ear)
    microphone = {
        "i2s": lambda: i2s(divider),
        "pdm": lambda: pdm(SAMPLE_HZ * periods, divider),
        "pcm": lambda: EarParts("pcm"),  # wires
    }[config.microphone]()
    between = config.resampler(ear)
    return {
        "microphone": microphone,
        "amplifier": gain(),
        **({} if between is None else {"resampler": resampler(between)}),
        "ear": joins(ear),
        "ear.filters": filters(ear, config.multipliers),
        "ear.neurons": neurons(ear),
        "ear.frames": events(ear, trigger),
        **({} if trigger is None else {"ear.trigger": decides(trigger)}),
        "ear_control": control(triggers),
    }


def filters(spec: EarSpec, multipliers: int) -> EarParts:
    """`FilterBank`, with its `Envelopes`."""
    schedule = Schedule(spec, multipliers)
    lanes, terms, bits = schedule.lanes, schedule.terms, spec.state_bits
    total = spec.coefficient_frac_bits + bits
    gain_bits = (max(spec.shift) - min(spec.shift)).bit_length()
    memories = filter_memories(spec, multipliers)
    coefficients = memories[terms].width
    index = index_bits(schedule.rounds) + 2 * index_bits(schedule.groups) + index_bits(spec.channels)
    both = {
        "sum": multipliers * total,
        "fixed": 1,
        "index": index,
    }
    return EarParts(
        "filters",
        logic={
            **both,
            "difference": lanes * bits,
            "shift": lanes * bits * gain_bits,
            "operand": multipliers * bits,
            "envelope": lanes * spec.envelope_bits,
        },
        registers={
            **both,
            "difference": lanes * bits * (3 if terms == 1 else 1),
            "operand": multipliers * bits,
            "coefficient": coefficients,
        },
        memories=memories,
        multipliers={target: filter_multipliers(spec, multipliers, target) for target in DSP_WIDTHS},
        products=multipliers,
        product_bits=total,
        lines=lanes * bits if terms == 2 else 0,
    )


def neurons(spec: EarSpec) -> EarParts:
    """`EarNeurons`, with its `SlowLevel`."""
    log, fraction = log_shape(spec).width, spec.log_frac_bits
    drive = spec.max_drive.bit_length()
    potential, raised = spec.max_potential.bit_length(), max(1, spec.max_raised).bit_length()
    state = potential + raised + spec.count_bits
    level, index = log + spec.level_shift, index_bits(spec.channels)
    tag = 5 + index
    pipeline = 4 * tag + fraction + 11 + 1 + drive + log + 2 - spec.compression_shift
    return EarParts(
        "neurons",
        logic={
            "coarse": (fraction + 8) * (-(-spec.energy_bits // 8) - 1),
            "table": (1 << fraction) * (fraction + spec.drive_frac_bits) / 64,
            "shift": drive * drive.bit_length(),
            "state": state,
            "energy": spec.energy_bits,
            "level": level,
            "fixed": 1,
        },
        registers={
            "pipeline": pipeline + state + potential + log + spec.energy_bits,
            "level": 2 * level + 3 * spec.level_shift,
            "fixed": 1,
        },
        memories=neuron_memories(spec),
    )


def events(spec: EarSpec, trigger: TriggerSpec | None) -> EarParts:
    """`FrameEvents`."""
    banks, index = preroll_limit(trigger) + 2, index_bits(spec.channels)
    return EarParts(
        "events",
        logic={"bank": banks, "index": index + spec.count_bits, "fixed": 1},
        registers={"bank": banks, "index": index, "fixed": 1},
        memories=event_memories(spec, trigger),
    )


def decides(trigger: TriggerSpec) -> EarParts:
    """`Trigger`."""
    floor = (MAX_LOG - 1).bit_length() + trigger.log_frac_bits + trigger.floor_shift
    amounts: dict[str, float] = {"floor": floor, "fixed": 1}
    return EarParts("trigger", amounts, dict(amounts))


def gain() -> EarParts:
    """`Gain`."""
    return _constant("gain")


def resampler(spec: ResamplerSpec) -> EarParts:
    """`Resampler`."""
    inputs = index_bits(spec.taps_per_phase)  # of a place in the ring, which is of a power of two
    position = index_bits(max(spec.up, spec.down))
    amounts: dict[str, float] = {
        "sum": spec.sum_bits,
        "index": position + 3 * inputs + spec.taps_per_phase.bit_length() + index_bits(spec.n_taps),
        "fixed": 1,
    }
    return EarParts(
        "resampler",
        logic=amounts,
        registers=dict(amounts),
        memories=resampler_memories(spec),
        multipliers={target: resampler_multipliers(target) for target in DSP_WIDTHS},
        products=1,
        product_bits=PCM.width + TAP_BITS,
    )


def control(triggers: bool) -> EarParts:
    """`EarControl`."""
    return _constant("control" if triggers else "step_control")


def joins(spec: EarSpec) -> EarParts:
    """What is left of `Ear` and of `Device`: samples that wait, their place in a frame, the source."""
    place = index_bits(spec.samples_per_frame)
    return EarParts("ear", {"place": place, "fixed": 1}, {"place": place, "fixed": 1})


def i2s(divider: int) -> EarParts:
    """`I2sInput`."""
    return _constant("i2s", divider)


def pdm(pdm_hz: int, divider: int) -> EarParts:
    """`PdmInput`, of `PdmSpec.design`."""
    spec, parts = _decimator(pdm_hz), _constant("pdm", divider)
    for amounts in (parts.logic, parts.registers):
        amounts["integrator"] = ORDER * spec.integrator_bits
    parts.memories = [
        EarMemory(DATA.width, (COMBS + 1) * BRANCH_TAPS, block=True),
        EarMemory(DATA.width, spec.fir_ratio * BRANCH_TAPS, writes=0, block=True),
    ]
    parts.multipliers, parts.products = dict.fromkeys(EAR_KINDS, 1), 1
    return parts


@cache
def _decimator(pdm_hz: int) -> PdmSpec:
    return PdmSpec.design(pdm_hz)  # which takes a third of a second


def _constant(name: str, divider: int | None = None) -> EarParts:
    """A block without parameters, but for a counter of the cycles of a `divider`."""
    amounts: dict[str, float] = {"fixed": 1}
    if divider is not None:
        amounts["divider"] = index_bits(divider)
    return EarParts(name, amounts, dict(amounts))
