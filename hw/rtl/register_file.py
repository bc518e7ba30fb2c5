"""What register files behind AXI4-Lite have in common: who is written, and what is answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from amaranth.hdl import Cat, Const, Module, Value

from hw.registers import Access, Register
from hw.rtl.arithmetic import any_of, selected
from hw.rtl.axi_lite import AxiLite
from hw.rtl.pipeline import delayed

NEAR_BITS = 2
"""Address bits of a register that select among adjacent words."""


def written(axi_lite: AxiLite, register: Register) -> Value:
    """Whether the host writes bytes of `register` in this cycle; a write without a strobe does not count."""
    return axi_lite.write & axi_lite.write_mask.any() & (axi_lite.write_word == register.offset // 4)


def among(some: Iterable[Register], word: Value) -> Value:
    """Whether `word` is the address of one of these registers: a bit of a constant."""
    return (Const(sum(1 << register.offset // 4 for register in some)) >> word)[0]


def answer(
    m: Module, axi_lite: AxiLite, registers: Sequence[Register], contents: Mapping[str, Value]
) -> Value:
    """Answer reads of `registers`, of ascending offset, with their contents, by name; who may be written.

    Decode | select among adjacent words, whose registers are all over the device | select among those.
    """
    words: list[Value] = [Const(0, 32)] * (registers[-1].offset // 4 + 1)
    for register in registers:
        words[register.offset // 4] = contents[register.name]
    place, near_words = axi_lite.read_word, 1 << NEAR_BITS
    words += [Const(0, 32)] * (-len(words) % near_words)
    chosen = delayed(m, Cat(place[:NEAR_BITS] == index for index in range(near_words)), 1)
    near = [
        delayed(m, any_of(chosen, words[low : low + near_words]), 1)
        for low in range(0, len(words), near_words)
    ]
    m.d.comb += [
        axi_lite.read_data.eq(delayed(m, selected(near, place[NEAR_BITS:]), 1)),
        axi_lite.read_ok.eq(delayed(m, among(registers, place), 1)),
    ]
    writable = [register for register in registers if register.access is not Access.RO]
    return among(writable, axi_lite.write_word)
