"""Energy of a clip, as a model: counted work times what an operation is published to take.

Not a measurement, and not of an FPGA: dynamic energy of the counted work alone, as in 45 nm silicon at
0.9 V. The prices are those of M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC
2014, per bit. Clock tree, routing, control, leakage and idle cycles are left out. Logic in LUTs of an FPGA
takes about 14 times as much as in cells of the same process, less with block RAM and multipliers (I. Kuon and
J. Rose, "Measuring the gap between FPGAs and ASICs", IEEE TCAD 26(2), 2007). So figures are for comparing
networks and widths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.estimates.work import Work

ADDER_BIT_PJ = 0.1 / 32
"""An addition of 32 bits takes 0.1 pJ, a product of 8 by 8 bits 0.2 pJ: by full adders, the same."""
MEMORY_BIT_PJ = 10 / 64
"""A word of 64 bits of a memory of 8 KB takes 10 pJ: of weights."""
REGISTER_BIT_PJ = 6 / 96
"""A processor's register file takes 6 pJ for an instruction, here three words of 32 bits: of the small
memories that hold the state, and of the registers of delay lines, which take less."""

Nanojoules = NDArray[np.floating]


@dataclass(frozen=True)
class Energy:
    """Of one stage, in nJ per sample (B,): additions and products, weights, state, delay lines."""

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
