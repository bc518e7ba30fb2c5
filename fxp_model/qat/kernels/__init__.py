"""A spiking layer compiled for the CPU, forward and backward.

The functions of `fxp_model.qat.plain` and `fxp_model.qat.neuron.simulate`, for float membranes, and for
fixed-point ones that saturate and round to nearest; with one leak and one threshold for all neurons, and one
leak of the synaptic current. `events`, `norm`, `conv` and `dense` are loops over arrays, built on `rows`;
`simulate`, `layer` and `delays` connect them to autograd.
"""

from fxp_model.qat.kernels.delays import delayed
from fxp_model.qat.kernels.layer import hidden_layer, weighed
from fxp_model.qat.kernels.simulate import match_threads, simulate, supports

__all__ = ["delayed", "hidden_layer", "match_threads", "simulate", "supports", "weighed"]
