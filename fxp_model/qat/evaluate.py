"""PyTorch as an engine: the same integers as the golden model, by torch's arithmetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxp_model.network import Network
from fxp_model.qat.network import from_network
from fxp_model.trace import Trace


def run(network: Network, counts: NDArray[np.integer]) -> Trace:
    """Evaluate `counts` (T, B, n_in) with torch; equal to `fxp_model.network.run`, bit for bit.

    Raises
    ------
    InputError
        If the counts do not fit the network, or a sum needs more than 53 bits.
    """
    return from_network(network).trace(counts)
