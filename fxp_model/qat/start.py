"""Training that goes on from a network of integers, as an imported one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from fxp_model.network import Network
from fxp_model.qat.layer import NORM_EPS
from fxp_model.qat.network import SpikingNetwork, from_network

CLIPS = 256
"""Most clips that statistics are taken of."""
TRACE = 1 << 25
"""Most steps x clips x neurons of their trace."""


@torch.no_grad()
def adopt(
    module: SpikingNetwork, network: Network, counts: NDArray[np.integer], lengths: NDArray[np.int64]
) -> None:
    """Give `module`, which trains with batch norm, the integers of `network` as its parameters.

    The batch norm of a hidden layer starts with the statistics of W x over the clips `counts` (T, B, n_in),
    each over its own `lengths` (B,): with mean m and variance s^2 of each neuron,

        running mean m, running variance s^2, gamma = sqrt(s^2 + eps), beta = bias + m

    so that eval mode computes W x + bias as `network` does, and training mode does so up to the
    differences between batches.
    """
    exact = from_network(network)
    own = module.state_dict()
    taken = {name: value for name, value in exact.state_dict().items() if name in own}
    module.load_state_dict(own | {name: value.to(own[name].dtype) for name, value in taken.items()})
    size = len(counts) * sum(stage.n_out for stage in network.spec.stages)
    few = np.linspace(0, len(lengths) - 1, max(1, min(CLIPS, len(lengths), TRACE // size))).astype(int)
    inside = np.arange(len(counts))[:, np.newaxis] < lengths[few]
    trace = exact.trace(counts[:, few])
    for layer, spec, params, course in zip(
        module.layers, network.spec.layers, network.params, trace.layers, strict=False
    ):
        bias = spec.bias.to_real(params.bias)
        current = np.ldexp(course.i_syn[inside].astype(np.float64), -spec.input_frac_bits) - bias
        mean, var = torch.from_numpy(current.mean(0)), torch.from_numpy(current.var(0))
        layer.mean.copy_(mean)
        layer.var.copy_(var)
        layer.gamma.copy_(torch.sqrt(var + NORM_EPS))
        layer.bias.copy_(torch.from_numpy(bias) + mean)
