"""RAM and multipliers of the ear without synthesis, exactly, as yosys maps them."""

from __future__ import annotations

from typing import NamedTuple

from fxp_model.ear.gain import PCM
from fxp_model.ear.resampler import TAP_BITS, ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.fixed import signed_width
from hw.estimates.resources.memory import Mapped, mapped
from hw.estimates.resources.parts import index_bits
from hw.rtl.ear.schedule import Schedule
from hw.rtl.ear.trigger import preroll_limit

DSP_WIDTHS = {"xilinx7": (25, 18), "ecp5": (18, 18), "up5k": (16, 16)}
"""Widest signed factors of a multiplier of the fabric."""


class EarMemory(NamedTuple):
    """A memory: words of `width` bits, of which `writes` ports write; `block` where it must be block RAM."""

    width: int
    depth: int
    writes: int = 1
    block: bool = False

    @property
    def bits(self) -> int:
        """Bits held."""
        return self.width * self.depth

    def mapped(self, target: str) -> Mapped:
        """Its form in the fabric."""
        return mapped(target, self.width, self.depth, 1, self.writes, "block" if self.block else None)


def filter_memories(spec: EarSpec, multipliers: int) -> list[EarMemory]:
    """States, coefficients, and the sums of this millisecond and of the one before, of the filter bank."""
    schedule = Schedule(spec, multipliers)
    lanes, terms, rows = schedule.lanes, schedule.terms, schedule.groups * schedule.rows
    states = EarMemory(lanes * spec.state_bits, schedule.slots * 2 // terms, block=True)
    return [
        *[states] * terms,
        EarMemory(_coefficient_width(spec, schedule), rows * 2 // terms, writes=0, block=True),
        *[EarMemory(lanes * spec.envelope_bits, rows)] * 2,
    ]


def _coefficient_width(spec: EarSpec, schedule: Schedule) -> int:
    """Bits of a word of -a1, -a2 and shift that are not the same in all words; yosys keeps only these."""
    empty = (0,) * (schedule.groups * schedule.rows * schedule.lanes - spec.channels)
    shift = tuple(max(spec.shift) - own for own in spec.shift) + empty
    a1, a2 = (tuple(-own for own in codes) + empty for codes in (spec.a1, spec.a2))
    width = 0
    for lane in range(schedule.lanes):
        own = [values[lane :: schedule.lanes] for values in (a1, a2, shift)]
        fields = own if schedule.terms == 2 else [(*own[0], *own[1]), own[2]]
        for values in fields:
            differing = 0
            for value in values:
                differing |= (value ^ values[0]) & ((1 << spec.coefficient_bits) - 1)
            width += differing.bit_count()
    return width


def neuron_memories(spec: EarSpec) -> list[EarMemory]:
    """Offsets, and potential, raised threshold and count, of the neurons."""
    offsets = signed_width(min(spec.offset), max(spec.offset))
    state = spec.max_potential.bit_length() + max(1, spec.max_raised).bit_length() + spec.count_bits
    return [EarMemory(offsets, spec.channels, writes=0), EarMemory(state, spec.channels)]


def event_memories(spec: EarSpec, trigger: TriggerSpec | None) -> list[EarMemory]:
    """The counts of the last frames."""
    banks = preroll_limit(trigger) + 2
    return [EarMemory(spec.count_bits, banks << (spec.channels - 1).bit_length())]


def resampler_memories(spec: ResamplerSpec) -> list[EarMemory]:
    """The last inputs, and half the taps, of a `Resampler`."""
    return [
        EarMemory(PCM.width, 1 << index_bits(spec.taps_per_phase), block=True),
        EarMemory(TAP_BITS, max(2, len(spec.half)), writes=0, block=True),
    ]


def block_rams(memories: list[EarMemory], target: str) -> float:
    """RAMB36 of ``xilinx7``, where a half is a RAMB18; EBR of ``ecp5`` and of ``up5k``."""
    return sum(memory.mapped(target).block for memory in memories)


def filter_multipliers(spec: EarSpec, multipliers: int, target: str) -> int:
    """Multipliers of the fabric of the filter bank, whose products are coefficient by state."""
    return multipliers * _per_product(spec.state_bits, spec.coefficient_bits, target)


def resampler_multipliers(target: str) -> int:
    """Multipliers of the fabric of a `Resampler`, whose products are tap by sample."""
    return _per_product(TAP_BITS, PCM.width, target)


def _per_product(wider: int, narrower: int, target: str) -> int:
    wide, narrow = DSP_WIDTHS[target]
    return -(-wider // wide) * -(-narrower // narrow)
