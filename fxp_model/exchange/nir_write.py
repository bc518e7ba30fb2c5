"""Networks as graphs of NIR, each stage as its weights, a delay of its inputs, its neurons and its
recurrence.

    [Delay] -> Affine or, without a bias, Linear -> LIF [-> Delay -> Conv1d or Linear -> the LIF again]

With dt: tau = dt / (1 - beta), R = tau / dt, so that an input has its weight; CubaLIF with a synapse
(`tau_syn`, `w_in` alike); IF, R = 1/dt, where beta = 1; LI and its like for a readout that does not fire. A
spike takes 1 + delay_steps steps of dt around a recurrence. NIR fires above its threshold: with reset `zero`
it is half an lsb below `v_th`, which no membrane can have. `subtract` and `delayed` are no resets of NIR;
then the threshold is `v_th`, which is also subtracted, and the reset is in the metadata only.

The metadata of the graph hold the spec (JSON), so that Spikeline reads back the same integers
(`nir_integers`).
"""

from __future__ import annotations

import io
import json
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.exchange.nir_integers import MARK, description
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams
from fxp_model.spec import Answer, IntegratorSpec, LayerSpec, ReadoutMode, RecurrenceKind, ResetMode, fires

Reals = NDArray[np.float64]


def nir_graph(network: Network, dt: float) -> nir.NIRGraph:
    """The graph of `network` at a step of `dt` seconds, in float64.

    A Conv1d takes (1, N) where neurons give (N,): read such a file with ``nir.read(file, type_check=False)``.

    Raises
    ------
    InputError
        For a dt outside its limits, or a stage that no node of NIR is: an alpha of 1 or more, a beta above 1,
        or a beta of 1 with a synapse or for some neurons only.
    """
    if not 0 < dt <= 1e6:
        raise InputError(f"dt must be above 0 and at most 1e6 s, not {dt:g}")
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([network.spec.n_in]))}
    edges: list[tuple[str, str]] = []
    before = "input"
    for name, spec, params in zip(network.spec.stage_names, network.spec.stages, network.params, strict=True):
        if params.input_delay_steps is not None:
            nodes[f"{name}_in"] = nir.Delay(params.input_delay_steps * dt)
            edges.append((before, f"{name}_in"))
            before = f"{name}_in"
        weight, bias = spec.weight.to_real(params.weight), spec.bias.to_real(params.bias)
        nodes[f"{name}_w"] = nir.Affine(weight, bias) if bias.any() else nir.Linear(weight)
        nodes[name] = _neurons(name, spec, params, dt)
        edges += [(before, f"{name}_w"), (f"{name}_w", name)]
        if isinstance(spec, LayerSpec) and spec.recurrence is not None:
            assert params.delay_steps is not None
            assert params.recurrent is not None
            nodes[f"{name}_delay"] = nir.Delay((1 + params.delay_steps) * dt)
            nodes[f"{name}_rec"] = _weights(spec, spec.recurrence.weight.to_real(params.recurrent))
            edges += [(name, f"{name}_delay"), (f"{name}_delay", f"{name}_rec"), (f"{name}_rec", name)]
        before = name
    nodes["output"] = nir.Output(np.array([network.spec.n_out]))
    edges.append((before, "output"))
    graph = nir.NIRGraph(nodes, edges, type_check=False)
    graph.metadata = {MARK: json.dumps(description(network, dt), separators=(",", ":"))}
    return graph


def nir_bytes(graph: nir.NIRGraph) -> bytes:
    """The file of a graph."""
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    return buffer.getvalue()


def unsaid(network: Network) -> list[str]:
    """What a reader of NIR other than Spikeline must be told, a line each."""
    lines = []
    for name, spec in zip(network.spec.stage_names, network.spec.stages, strict=True):
        if fires(spec) and spec.reset_mode is not ResetMode.ZERO:
            lines.append(f"{name}: reset {spec.reset_mode}, where NIR means zero")
        lines += [f"{name}: {line}" for line in _arithmetic(spec)]
    bits = network.spec.layers[0].input_bits
    if bits > 1:
        lines.append(f"input: counts of {bits} bits, where NIR has spikes")
    readout = network.spec.readout
    if readout.mode is not ReadoutMode.SPIKE_COUNT:
        lines.append(f"readout: scores are the {readout.mode} of its membranes over the steps")
    if readout.answer is Answer.STEP:
        steps = "step" if readout.stride == 1 else f"{readout.stride} steps"
        lines.append(f"readout: an answer after every {steps}, not after the last alone")
    return lines


def _arithmetic(spec: IntegratorSpec) -> list[str]:
    """Rounding and overflow of a stage, where they are more than the nearest code and saturation."""
    lines = []
    for what, state in (("membrane", spec), ("current", spec.synapse)):
        if state is None:
            continue
        if (state.rounding, state.overflow) != (Rounding.RND, Overflow.SAT):
            lines.append(f"{what} by {state.rounding} and {state.overflow}, where NIR has real numbers")
        if state.leak_rounding is not None:
            lines.append(f"leak of the {what} rounded by itself, by {state.leak_rounding}")
    return lines


def _weights(spec: LayerSpec, recurrent: Reals) -> nir.NIRNode:
    assert spec.recurrence is not None
    if spec.recurrence.kind is RecurrenceKind.DENSE:
        return nir.Linear(recurrent)
    return nir.Conv1d(
        input_shape=spec.n_out,
        weight=recurrent[None, None, :],
        stride=1,
        padding=(len(recurrent) - 1) // 2,
        dilation=1,
        groups=1,
        bias=np.zeros(1),
    )


def _neurons(name: str, spec: IntegratorSpec, params: StageParams, dt: float) -> nir.NIRNode:
    n = spec.n_out
    beta = _shares(spec.beta_format, spec.beta, params.beta, n)
    own: dict[str, Any] = {}
    if fires(spec):
        v_th = np.broadcast_to(np.asarray(spec.v_th if params.v_th is None else params.v_th), (n,))
        above = 0.5 if spec.reset_mode is ResetMode.ZERO else 0.0
        own = {"v_threshold": np.ldexp(v_th - above, -spec.membrane.frac_bits), "v_reset": np.zeros(n)}
    if (beta == 1).all() and spec.synapse is None:
        rate = np.full(n, 1 / dt)
        return nir.IF(r=rate, **own) if own else nir.I(r=rate)
    tau, gain = _constants(f"{name}: beta", beta, dt)
    leaky = {"r": gain, "v_leak": np.zeros(n)} | own
    if spec.synapse is None:
        return nir.LIF(tau=tau, **leaky) if own else nir.LI(tau=tau, **leaky)
    alpha = _shares(spec.synapse.alpha_format, spec.synapse.alpha, params.alpha, n)
    tau_syn, w_in = _constants(f"{name}: alpha", alpha, dt)
    leaky |= {"tau_mem": tau, "tau_syn": tau_syn, "w_in": w_in}
    return nir.CubaLIF(**leaky) if own else nir.CubaLI(**leaky)


def _shares(fmt: QFormat, share: int | None, shares: NDArray[np.int64] | None, n: int) -> Reals:
    codes = np.asarray(share if shares is None else shares, dtype=np.int64)
    return np.broadcast_to(fmt.to_real(codes), (n,))


def _constants(what: str, share: Reals, dt: float) -> tuple[Reals, Reals]:
    """Time constant, and the factor that gives an input its weight."""
    if (share >= 1).any():
        raise InputError(f"{what} must be below 1 to be a time constant of NIR, not {share.max():g}")
    return dt / (1 - share), 1 / (1 - share)
