"""Energy of a clip, as a model: counted work times the published energy of an operation.

Not a measurement, and not of an FPGA: only the dynamic energy of the counted work, in 45 nm silicon at
0.9 V. The energies per bit are from M. Horowitz, "Computing's energy problem (and what we can do about it)",
ISSCC 2014. Clock tree, routing, control, leakage and idle cycles are left out. Logic in LUTs of an FPGA
takes about 14 times as much as in cells of the same process, less with block RAM and multipliers (I. Kuon and
J. Rose, "Measuring the gap between FPGAs and ASICs", IEEE TCAD 26(2), 2007). So the figures serve to compare
networks and widths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.estimates.work import Work

ADDER_BIT_PJ = 0.1 / 32
"""A 32-bit addition takes 0.1 pJ, an 8 by 8 bit product 0.2 pJ: the same per full adder."""
MEMORY_BIT_PJ = 10 / 64
"""For weights: a 64-bit word of an 8 KB memory takes 10 pJ."""
REGISTER_BIT_PJ = 6 / 96
"""For the small memories that hold the state, and for the registers of delay lines, which take less: a
processor's register file takes 6 pJ per instruction, here counted as three 32-bit words."""

Nanojoules = NDArray[np.floating]


@dataclass(frozen=True)
class Energy:
    """Energy of one stage, in nJ per sample (B,): additions and products, weights, state, delay lines."""

    adders_nj: Nanojoules
    weights_nj: Nanojoules
    state_nj: Nanojoules
    delays_nj: Nanojoules

    @property
    def total_nj(self) -> Nanojoules:
        """All four."""
        return self.adders_nj + self.weights_nj + self.state_nj + self.delays_nj


def energy(work: Mapping[str, Work]) -> dict[str, Energy]:
    """Energy of each stage for its work."""
    return {
        name: Energy(
            own.adder_bits * ADDER_BIT_PJ / 1e3,
            own.weight_bits * MEMORY_BIT_PJ / 1e3,
            (own.state_bits_read + own.state_bits_written) * REGISTER_BIT_PJ / 1e3,
            own.toggles * REGISTER_BIT_PJ / 1e3,
        )
        for name, own in work.items()
    }
