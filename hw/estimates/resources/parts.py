"""Contents of a block, before its logic is priced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hw.estimates.resources import shift_rams
from hw.estimates.resources.memory import Mapped, mapped
from hw.rtl.banks import WORD


@dataclass(frozen=True)
class Fabric:
    """How a target maps RTL, apart from its RAMs.

    Parameters
    ----------
    name : str
        A key of `hw.flows.yosys.SYNTHESIS`.
    lut_inputs : int
    shift_registers : bool
        Three or more flip-flops in a row without reset become an SRL; otherwise long rows go to `shift_rams`.
    least_product : int
        Bits of the smallest product that becomes a multiplier.
    wide_multipliers : bool
        They absorb the registers around them and the addition behind them.
    place_luts : float
        LUTs per place of a line with a run-time tap that is not a shift register, as measured for lines of
        31 and 63 places (2 for 15, 0.9 for 90).
    """

    name: str
    lut_inputs: int
    shift_registers: bool
    least_product: int
    wide_multipliers: bool
    place_luts: float


FABRICS = {
    "xilinx7": Fabric(
        "xilinx7", 6, shift_registers=True, least_product=9, wide_multipliers=True, place_luts=0
    ),
    "ecp5": Fabric(
        "ecp5", 4, shift_registers=False, least_product=0, wide_multipliers=False, place_luts=1.25
    ),
}


@dataclass
class Parts:
    """Cells of a block that follow from its structure, and the amounts of logic that constants price.

    Parameters
    ----------
    logic : dict
        Amounts, mostly bits, by the names in `prices.json`.
    luts : float
        Further LUTs of logic, whose price is not fitted.
    ff, srl, lutram, dsp : int
        Flip-flops, shift registers, LUT sites of RAM, multipliers.
    block : float
        Block RAMs.
    """

    logic: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    luts: float = 0
    ff: int = 0
    srl: int = 0
    lutram: int = 0
    block: float = 0
    dsp: int = 0

    def add(self, **amounts: float) -> None:
        """Add logic; ``update_sum`` means the price ``update.sum``."""
        for name, amount in amounts.items():
            self.logic[name.replace("_", ".", 1)] += amount

    def memory(
        self,
        fabric: Fabric,
        width: int,
        depth: int,
        reads: int = 1,
        writes: int = 1,
        style: str | None = None,
        granule: int | None = None,
    ) -> Mapped:
        """Add a memory, as in `memory.mapped`, with the multiplexers of its read ports."""
        form = mapped(fabric.name, width, max(2, depth), reads, writes, style, granule)
        self.lutram += form.lutram
        self.block += form.block
        self.logic["memory.mux"] += reads * width * (form.ways - 1)
        return form

    def parameters(
        self, fabric: Fabric, width: int, rows: int, reload: bool, reads: int = 1, style: str | None = None
    ) -> Mapped:
        """Add a `hw.rtl.banks.parameter_memory`; the padding of its last piece is never read."""
        if not reload:
            return self.memory(fabric, width, rows, reads, 0, style)
        return self.memory(fabric, width, 2 << index_bits(rows), reads, 1, style, WORD)

    def shift_registers(self, fabric: Fabric, lengths: Iterable[int]) -> None:
        """Add shift registers with a common enable and these lengths, without reset."""
        in_rams = 0
        for length in lengths:
            if not fabric.shift_registers:
                in_rams += shift_rams.segments(length)
            elif length >= SHORTEST:
                full, rest = divmod(length, LONGEST)
                self.srl += full + (rest > 1)
                self.ff += rest in ALONE
                continue
            self.ff += length
        if in_rams:
            self.ff += shift_rams.ADDRESS_BITS - in_rams * shift_rams.DEPTH
            self.luts += shift_rams.ADDRESS_BITS
            self.memory(fabric, in_rams, shift_rams.DEPTH)

    def tapped_lines(self, fabric: Fabric, length: int, count: int) -> None:
        """Add `count` shift registers of `length` steps without reset, each with one run-time tap.

        The multiplexers of a slice join four SRLs; LUTs join two or more such rows of `SLICE` steps.
        """
        rows, rest = divmod(length, SLICE)
        if fabric.shift_registers and length >= SHORTEST:
            alone = rest == 1 and rows > 0
            self.srl += count * (rows * (SLICE // LONGEST) + (0 if alone else -(-rest // LONGEST)))
            self.luts += count * (-(-length // SLICE) - 1) / 2
            self.ff += count * alone
        else:
            self.ff += count * length
            self.luts += count * length * fabric.place_luts

    def cells(self, fabric: Fabric, prices: Mapping[str, float]) -> dict[str, float]:
        """Cells by the kinds of `hw.flows.yosys.area`; logic at `prices`."""
        logic = round(self.luts + sum(prices[name] * amount for name, amount in self.logic.items()))
        if fabric.name == "xilinx7":
            luts = {
                "lut": logic + self.lutram + self.srl,
                "lut_logic": logic,
                "lutram": self.lutram,
                "srl": self.srl,
            }
            return {**luts, "ff": self.ff, "bram36": self.block, "dsp": self.dsp}
        return {
            "comb": logic + self.lutram,
            "lutram": self.lutram,
            "ff": self.ff,
            "ebr": self.block,
            "dsp": self.dsp,
        }


SHORTEST, LONGEST = 3, 32
"""Least steps that become a shift register, and steps of one LUT."""
ALONE = {1, LONGEST // 2 + 1}
"""Steps left for the last LUT where yosys makes one of them a flip-flop."""
SLICE = 4 * LONGEST
"""Steps of a shift register in one slice."""


def index_bits(n: int) -> int:
    """Bits of an index below `n`, at least one."""
    return max(1, (n - 1).bit_length())
