"""Random forward delays for networks that have none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fxp_model.network import Network, StageParams
from fxp_model.spec import IntegratorSpec, NetworkSpec

Rng = np.random.Generator
LONGEST = (0, 1, 3, 12, 15, 40)
"""Values of `max_input_delay`; the last ones are beyond the end of most samples."""


def with_forward_delays(network: Network, seed: int) -> Network:
    """`network` with forward delays of the inputs of most stages, at least one of them."""
    rng = np.random.default_rng([seed, 3])
    stages = list(zip(network.spec.stages, network.params, strict=True))
    chosen = rng.random(len(stages)) < 0.7
    chosen[rng.integers(len(stages))] = True
    stages = [_delayed(rng, *own) if late else own for own, late in zip(stages, chosen, strict=True)]
    specs, params = zip(*stages, strict=True)
    return Network(NetworkSpec(specs[:-1], specs[-1]), params)


def redrawn(network: Network, seed: int) -> Network:
    """`network` with other forward delays of its layers."""
    rng = np.random.default_rng([seed, 4])
    params = list(network.params)
    for index, spec in enumerate(network.spec.stages[1:], start=1):
        if spec.max_input_delay is not None:
            params[index] = replace(
                params[index], input_delay_steps=_steps(rng, spec.max_input_delay, spec.n_in)
            )
    return Network(network.spec, tuple(params))


def _delayed(rng: Rng, spec: IntegratorSpec, params: StageParams) -> tuple[IntegratorSpec, StageParams]:
    longest = int(rng.choice(LONGEST))
    steps = _steps(rng, longest, spec.n_in)
    return replace(spec, max_input_delay=longest), replace(params, input_delay_steps=steps)


def _steps(rng: Rng, longest: int, n: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Delays of `n` inputs, many of them short, and the longest one."""
    steps = rng.integers(0, longest + 1, n)
    steps = np.where(rng.random(n) < 0.6, np.minimum(steps, rng.integers(0, 6)), steps)
    steps[rng.integers(n)] = longest
    return steps
