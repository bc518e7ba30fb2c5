"""Training that goes on from a network of integers, as an imported one."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.qat.layer import NORM_EPS
from fxp_model.qat.network import SpikingNetwork, from_network
from fxp_model.qat.template import BETA
from fxp_model.spec import Answer, NetworkSpec, ReadoutMode

CLIPS = 256
"""Most clips that statistics are taken of."""
TRACE = 1 << 25
"""Most steps x clips x neurons of their trace."""


def answering(artifact: Artifact, classes: tuple[str, ...], stride: int, beta: float) -> Artifact:
    """`artifact`, which answers per sample, with an answer after every `stride` steps.

    Its readout becomes ``last`` with the leak `beta`, in the place of a sum that has no end, and gets a row
    of zeros for each of the `classes` beyond its own. Under a steady current I the membrane is
    I / (1 - beta), so with the leak b of before, the mean where each neuron has one,

        scale of the weights = 2^-round(log2((1 - b) / (1 - beta))) of what it was, the bias likewise

    keeps its size. There is no encoder: data with labels per step bring theirs.

    Raises
    ------
    InputError
        It answers per step already, its readout fires, or its labels are not the first of `classes`.
    """
    readout, params = artifact.network.spec.readout, artifact.network.params[-1]
    if readout.answer is Answer.STEP:
        raise InputError(f"artifact {artifact.name} answers per step, must answer per sample")
    if readout.mode is ReadoutMode.SPIKE_COUNT:
        raise InputError(f"readout of {artifact.name} must be sum, last or max, not {readout.mode}")
    if classes[: len(artifact.labels)] != artifact.labels:
        raise InputError(
            f"classes must begin with those of {artifact.name} ({', '.join(artifact.labels)}), "
            f"not {', '.join(classes)}"
        )
    codes = params.beta if readout.beta is None else readout.beta
    assert codes is not None
    lost = max(1 - float(np.mean(readout.beta_format.to_real(codes))), readout.beta_format.lsb)
    shift = round(math.log2(lost / (1 - beta)))
    own = replace(
        readout,
        weight=replace(
            readout.weight,
            int_bits=readout.weight.int_bits - shift,
            frac_bits=readout.weight.frac_bits + shift,
        ),
        n_out=len(classes),
        mode=ReadoutMode.LAST,
        answer=Answer.STEP,
        stride=stride,
        beta_format=BETA,
        beta=int(BETA.from_real(beta)),
    )
    more = len(classes) - readout.n_out
    rows = ("weight", "bias", "alpha")
    grown = {name: _with_zeros(array, more) for name, array in params.arrays() if name in rows}
    grown["bias"] = readout.bias.from_real(readout.bias.to_real(grown["bias"]) * 2.0**-shift)
    network = Network(
        NetworkSpec(artifact.network.spec.layers, own),
        (*artifact.network.params[:-1], replace(params, beta=None, **grown)),
    )
    return replace(artifact, network=network, labels=classes, encoder=None)


def _with_zeros(array: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    return np.pad(array, [(0, rows)] + [(0, 0)] * (array.ndim - 1))


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
