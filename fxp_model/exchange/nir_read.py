"""Graphs of NIR as networks: their equations by Euler's rule at a step dt, chains of layers with their own
recurrence.

    LIF       tau dv/dt = v_leak - v + R I         beta = 1 - dt/tau, gain R dt/tau, bias v_leak dt/tau
    IF        dv/dt = R I                          beta = 1, gain R dt
    CubaLIF   tau_syn dI/dt = w_in S - I,          alpha = 1 - dt/tau_syn, gain w_in R dt^2/(tau_syn tau_mem);
              tau_mem dv/dt = v_leak - v + R I     v takes the I of its own step
    LI, I, CubaLI: the same without spikes. A neuron fires when v > v_threshold (strictly).
    Delay     y(t) = x(t - delay), delay a multiple of dt

What a file of NIR does not say is asked for: dt; the reset, where it has no `v_reset` (1.0 has; v_reset = 0
is `zero`); the steps around a cycle without a `Delay`. After NIR (Pedersen and others, 2024,
doi:10.1038/s41467-024-52259-9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, shown
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import (
    FloatNetwork,
    FloatStage,
    Reals,
    check_size,
    diagonal,
    with_readout,
)
from fxp_model.exchange.nir_file import FIRING, NEURONS, Graph, Node
from fxp_model.spec import MAX_DELAY_STEPS, MAX_KERNEL_SIZE, MAX_NEURONS, MAX_PARAMETERS, ResetMode

STEP_TOLERANCE = 1e-3
"""How far a delay may be from a multiple of dt, in steps: files hold tau and delays as float32."""
MAX_NUMBERS = 2 * MAX_PARAMETERS
"""Most numbers of all matrices and delays that are worked out on the way to the layers."""


def network_of(graph: Graph, asked: Asked) -> FloatNetwork:
    """The network of a graph.

    Raises
    ------
    InputError
        Naming the node, for what cannot be the same network, and the option, for what the file does not say.
    """
    if asked.dt is None:
        raise InputError("a NIR file does not say the step of time: name it in seconds with --dt")
    return _Reader(graph, asked, asked.dt).network()


@dataclass(frozen=True)
class _Path:
    """What reaches a node from one `source`: W x'(t) + bias, x' delayed by `delay` steps, per source neuron.

    kernel : of a Conv1d over neurons in the place of `weight`, or None
    """

    source: str
    weight: Reals | None
    bias: Reals | float
    delay: NDArray[np.int64]
    kernel: Reals | None = None

    @property
    def outputs(self) -> int:
        """Numbers that arrive."""
        return len(self.delay) if self.weight is None else len(self.weight)


class _Reader:
    def __init__(self, graph: Graph, asked: Asked, dt: float) -> None:
        self.graph = graph
        self.asked = asked
        self.dt = dt
        self.sizes: dict[str, int] = {}
        self.numbers = 0

    def network(self) -> FloatNetwork:
        """Stages along the chain from Input to Output."""
        source = next(node for node in self.graph.nodes.values() if node.kind == "Input")
        target = next(node for node in self.graph.nodes.values() if node.kind == "Output")
        self.sizes[source.name] = self._input_size(source)
        waiting = {node.name for node in self.graph.nodes.values() if node.kind in NEURONS}
        stages: list[FloatStage] = []
        before = source.name
        while waiting:
            reached = [name for name in sorted(waiting) if before in self._before(name)[0]]
            if len(reached) != 1:
                ends = ", ".join(map(shown, reached)) or "no layer"
                raise InputError(
                    f"{self.graph.nodes[before].said}: must feed one layer of neurons, not {ends}: only "
                    "chains of layers, "
                    "each with its own recurrence, can be the same here"
                )
            stages.append(self._stage(self.graph.nodes[reached[0]], before))
            before = reached[0]
            waiting.remove(before)
        stages += self._behind(target, before)
        self._check_used()
        return with_readout(stages, self.asked.readout)

    def _before(self, name: str) -> tuple[set[str], dict[str, None]]:
        """Input and neurons whose signals reach `name`, and the nodes without neurons that they pass."""
        sources: set[str] = set()
        passed: dict[str, None] = {}
        front = self.graph.into(name)
        while front:
            node = self.graph.nodes[front.pop()]
            if node.kind in NEURONS or node.kind == "Input":
                sources.add(node.name)
            elif node.name not in passed:
                passed[node.name] = None
                front += self.graph.into(node.name)
        return sources, passed

    def _input_size(self, node: Node) -> int:
        shape = node.arrays.get("shape")
        sizes = np.atleast_1d(shape if shape is not None else 0)
        if sizes.shape != (1,) or not 1 <= sizes[0] <= MAX_NEURONS:
            raise InputError(
                f"{node.said}: shape must be one number of 1..{MAX_NEURONS}, not {sizes.tolist()}"
            )
        return int(sizes[0])

    def _paths(self, name: str) -> dict[str, _Path]:
        """What reaches the inputs of node `name` from each source; every node on the way is done once."""
        _, passed = self._before(name)
        order = TopologicalSorter(
            {own: [before for before in self.graph.into(own) if before in passed] for own in passed}
        )
        behind: dict[str, dict[str, _Path]] = {}
        try:
            for own in order.static_order():
                node = self.graph.nodes[own]
                if node.kind == "Output":
                    raise InputError(f"{node.said}: must be an end")
                paths = self._summed(node, behind)
                behind[own] = {source: self._through(node, path) for source, path in paths.items()}
        except CycleError as error:
            node = self.graph.nodes[error.args[1][0]]
            raise InputError(f"{node.said}: lies on a cycle without neurons") from None
        return self._summed(self.graph.nodes[name], behind)

    def _summed(self, node: Node, behind: dict[str, dict[str, _Path]]) -> dict[str, _Path]:
        """What reaches the inputs of `node` from each source, of what leaves the nodes `behind`."""
        found: dict[str, _Path] = {}
        for before in self.graph.into(node.name):
            for source, path in (behind[before] if before in behind else self._start(before)).items():
                found[source] = self._sum(node, found[source], path) if source in found else path
        return found

    def _start(self, source: str) -> dict[str, _Path]:
        n = self.sizes.get(source) or self._own_size(self.graph.nodes[source])
        return {source: _Path(source, None, 0.0, np.zeros(n, np.int64))}

    def _sum(self, node: Node, one: _Path, other: _Path) -> _Path:
        """Two paths of a source as one."""
        twice = f"{node.said}: takes {shown(one.source)} twice"
        if one.kernel is not None or other.kernel is not None:
            raise InputError(f"{twice}, and once by a Conv1d")
        if (one.delay != other.delay).any():
            raise InputError(f"{twice}, with different delays")
        if one.outputs != other.outputs:
            raise InputError(f"{twice}, as {one.outputs} and as {other.outputs} numbers")
        self._count(node, one.outputs, len(one.delay))
        first, second = (
            diagonal(node.said, np.ones(path.outputs)) if path.weight is None else path.weight
            for path in (one, other)
        )
        return replace(one, weight=first + second, bias=one.bias + other.bias)

    def _count(self, node: Node, rows: int, columns: int) -> None:
        """`InputError` where a matrix is too large, or all of them together are."""
        check_size(node.said, rows, columns)
        self.numbers += rows * columns
        if self.numbers > MAX_NUMBERS:
            raise InputError(f"{node.said}: weights so far must be at most {MAX_NUMBERS} numbers in all")

    def _own_size(self, node: Node) -> int:
        """Neurons of a node by its own arrays, or, where these are scalars, by the linear nodes before it."""
        shapes = {array.shape for array in node.arrays.values() if array.size > 1}
        rows = {
            self.graph.nodes[name].arrays["weight"].shape[0]
            for name in self.graph.into(node.name)
            if self.graph.nodes[name].kind in ("Affine", "Linear")
            and self.graph.nodes[name].arrays["weight"].ndim == 2
        }
        sizes = {shape[0] for shape in shapes if len(shape) == 1} | rows
        if any(len(shape) != 1 for shape in shapes) or len(sizes) > 1:
            said = ", ".join(str(shape) for shape in sorted(shapes)) or sorted(sizes)
            raise InputError(f"{node.said}: arrays must be of one size, (neurons,), not {said}")
        if sizes:
            return sizes.pop()
        before = [self.sizes[name] for name in self.graph.into(node.name) if name in self.sizes]
        return before[0] if before else 1

    def _through(self, node: Node, path: _Path) -> _Path:
        """`path` behind a linear node or a delay."""
        n = path.outputs
        if node.kind in ("Affine", "Linear"):
            weight = node.arrays["weight"]
            if weight.ndim != 2 or weight.shape[1] != n or 0 in weight.shape:
                raise InputError(f"{node.said}: weight must be (outputs, {n}), not {weight.shape}")
            bias = node.arrays.get("bias", np.zeros(len(weight)))
            if bias.shape != (len(weight),):
                raise InputError(f"{node.said}: bias must be ({len(weight)},), not {bias.shape}")
            self._no_kernel(node, path)
            self._count(node, len(weight), len(path.delay))
            before = weight if path.weight is None else weight @ path.weight
            return replace(path, weight=before, bias=weight @ np.broadcast_to(path.bias, n) + bias)
        if node.kind == "Scale":
            self._no_kernel(node, path)
            scale = self._vector(node, "scale", n)
            self._count(node, n, len(path.delay))
            before = diagonal(node.said, scale) if path.weight is None else scale[:, None] * path.weight
            return replace(path, weight=before, bias=scale * path.bias)
        if node.kind == "Delay":
            steps = self._steps(node, n)
            if (steps != steps[0]).any() and (path.weight is not None or path.kernel is not None):
                raise InputError(
                    f"{node.said}: delays must belong to the neurons that send: place it before the weights"
                )
            self._count(node, 1, len(path.delay))
            sent = steps if path.weight is None else np.full(len(path.delay), steps[0])
            return replace(path, delay=path.delay + sent)
        if node.kind == "Conv1d":
            return replace(path, kernel=self._kernel(node, path, n))
        assert node.kind == "Flatten"  # of one dimension: nothing to do
        return path

    def _no_kernel(self, node: Node, path: _Path) -> None:
        if path.kernel is not None:
            raise InputError(f"{node.said}: must not come behind a Conv1d")

    def _steps(self, node: Node, n: int) -> NDArray[np.int64]:
        delay = self._vector(node, "delay", n) / self.dt
        steps = np.rint(delay)
        worst = int(np.argmax(np.abs(delay - steps)))
        if abs(delay[worst] - steps[worst]) > STEP_TOLERANCE:
            raise InputError(
                f"{node.said}: delay must be a multiple of dt, not {delay[worst]:.4g} dt (--dt {self.dt:g})"
            )
        if steps.min() < 0 or steps.max() > MAX_DELAY_STEPS + 1:
            raise InputError(
                f"{node.said}: delay must be 0..{MAX_DELAY_STEPS + 1} steps, not {steps.max():g}"
            )
        return steps.astype(np.int64)

    def _kernel(self, node: Node, path: _Path, n: int) -> Reals:
        """Taps of a Conv1d that is a kernel over the neurons."""
        weight = node.arrays["weight"]
        taps = weight.shape[-1] if weight.ndim == 3 else 0
        if weight.shape[:2] != (1, 1) or not taps % 2 or taps > MAX_KERNEL_SIZE:
            raise InputError(
                f"{node.said}: weight must be (1, 1, K), K odd and at most {MAX_KERNEL_SIZE}, not "
                f"{weight.shape}"
            )
        padding = node.arrays.get(
            "padding", np.array((taps - 1) / 2)
        )  # as text: "same", if it is not "valid"
        wanted = (("stride", 1), ("dilation", 1), ("groups", 1), ("bias", 0))
        for key, value in (("padding", (taps - 1) / 2), *wanted):
            found = padding if key == "padding" else node.arrays[key]
            if (found != value).any():
                raise InputError(f"{node.said}: {key} must be {value:g}, not {found.flat[0]:g}")
        if path.weight is not None or path.kernel is not None or n < 1:
            raise InputError(f"{node.said}: must come next to the neurons, or their delays, as a recurrence")
        kernel: Reals = weight.reshape(-1)
        return kernel

    def _vector(self, node: Node, key: str, n: int) -> Reals:
        """The array `key`, one number for all or (n,)."""
        array = node.arrays[key]
        if array.size != 1 and array.shape != (n,):
            raise InputError(f"{node.said}: {key} must be one number or ({n},), not {array.shape}")
        return np.broadcast_to(array.reshape(-1), (n,)).astype(np.float64)

    def _stage(self, node: Node, before: str) -> FloatStage:
        """The layer of the neurons `node`, which `before` feeds."""
        paths = self._paths(node.name)
        n = self.sizes.setdefault(node.name, self._own_size(node))
        others = sorted(set(paths) - {before, node.name})
        if others:
            raise InputError(
                f"{node.said}: takes {', '.join(map(shown, others))} beside {shown(before)}: only chains of "
                "layers can be "
                "the same here"
            )
        neurons = self._neurons(node, n)
        delays = paths[before].delay
        weight = self._matrix(node, paths[before], n)
        recurrent, steps = self._recurrence(node, paths.get(node.name), neurons.gain, n)
        bias = sum((np.broadcast_to(path.bias, n) for path in paths.values()), np.zeros(n))
        return FloatStage(
            name=node.name,
            weight=neurons.gain[:, None] * weight,
            bias=neurons.gain * bias + neurons.bias,
            beta=neurons.beta,
            alpha=neurons.alpha,
            v_th=neurons.v_th,
            strict=True,
            reset=self._reset(node) if node.kind in FIRING else ResetMode.ZERO,
            recurrent=recurrent,
            delay_steps=steps,
            input_delay_steps=delays if delays.any() else None,
        )

    def _matrix(self, node: Node, path: _Path, n: int) -> Reals:
        if path.kernel is not None:
            raise InputError(
                f"{node.said}: a Conv1d must be its recurrence, not its input: weights that are shared"
            )
        weight = diagonal(node.said, np.ones(len(path.delay))) if path.weight is None else path.weight
        if len(weight) != n:
            raise InputError(
                f"{node.said}: has {n} neurons, but takes {len(weight)} numbers from {shown(path.source)}"
            )
        return weight

    def _recurrence(
        self, node: Node, path: _Path | None, gain: Reals, n: int
    ) -> tuple[Reals | None, NDArray[np.int64] | None]:
        """Weights or kernel, and delay_steps: a spike needs 1 + delay_steps steps around the cycle."""
        if path is None:
            return None, None
        steps = path.delay
        if not steps.any():
            if self.asked.cycle_delay is None:
                raise InputError(
                    f"{node.said}: lies on a cycle without a Delay, whose steps no NIR file defines: "
                    "name them with --cycle-delay (snnTorch: 1)"
                )
            steps = np.full(n, self.asked.cycle_delay)
        elif steps.min() == 0:
            raise InputError(
                f"{node.said}: lies on a cycle in which neuron {int(steps.argmin())} has no delay"
            )
        if path.kernel is not None:
            if path.weight is not None or not np.allclose(gain, gain[0], rtol=1e-9, atol=0):
                raise InputError(f"{node.said}: neurons of a Conv1d must have one r, tau and w_in")
            return gain[0] * path.kernel, steps - 1
        return gain[:, None] * self._matrix(node, path, n), steps - 1

    def _reset(self, node: Node) -> ResetMode:
        if (node.arrays.get("v_reset", np.zeros(1)) != 0).any():
            raise InputError(f"{node.said}: v_reset must be 0, not {node.arrays['v_reset'].flat[0]:g}")
        if self.asked.reset is not None:
            return self.asked.reset
        if "v_reset" not in node.arrays:
            raise InputError(
                f"{node.said}: does not say its reset: name it with --reset zero, subtract or delayed"
            )
        return ResetMode.ZERO

    def _neurons(self, node: Node, n: int) -> _Neurons:
        """The node's equation by Euler's rule."""
        own = {key: self._vector(node, key, n) for key in node.arrays}
        ones, zeros = np.ones(n), np.zeros(n)
        v_th = own.get("v_threshold") if node.kind in FIRING else None
        if node.kind in ("IF", "I"):
            return _Neurons(ones, None, own["r"] * self.dt, zeros, v_th)
        tau = "tau" if node.kind in ("LIF", "LI") else "tau_mem"
        kept = self._share(node, tau, own[tau])
        gain = own["r"] * kept
        bias = own["v_leak"] * kept
        if tau == "tau":
            return _Neurons(1 - kept, None, gain, bias, v_th)
        if bias.any():
            raise InputError(
                f"{node.said}: v_leak must be 0, not {own['v_leak'].max():g}: only currents have a bias"
            )
        alpha = self._share(node, "tau_syn", own["tau_syn"])
        return _Neurons(1 - kept, 1 - alpha, own["w_in"] * alpha * gain, bias, v_th)

    def _share(self, node: Node, key: str, tau: Reals) -> Reals:
        if (tau < self.dt * (1 - 1e-9)).any():
            raise InputError(
                f"{node.said}: {key} must be at least dt ({self.dt:g} s, by --dt), not {tau.min():g} s"
            )
        return np.minimum(self.dt / tau, 1.0)

    def _behind(self, target: Node, before: str) -> list[FloatStage]:
        """What lies between the last neurons and the Output, if anything, as a readout without memory."""
        paths = self._paths(target.name)
        if set(paths) != {before}:
            raise InputError(
                f"{target.said}: must come from {shown(before)}, not {', '.join(map(shown, sorted(paths)))}"
            )
        path = paths[before]
        if path.weight is None and path.kernel is None:
            return []
        n = path.outputs
        weight = self._matrix(target, path, n)
        return [
            FloatStage(
                name=target.name,
                weight=weight,
                bias=np.broadcast_to(path.bias, n).astype(np.float64),
                beta=np.zeros(n),
                input_delay_steps=path.delay if path.delay.any() else None,
            )
        ]

    def _check_used(self) -> None:
        """`InputError` for a node that leads nowhere: it would be lost."""
        ends = {node.name for node in self.graph.nodes.values() if node.kind == "Output"}
        useful, front = set(ends), list(ends)
        while front:
            for before in self.graph.into(front.pop()):
                if before not in useful:
                    useful.add(before)
                    front.append(before)
        for node in self.graph.nodes.values():
            if node.name not in useful:
                raise InputError(f"{node.said}: does not lead to the Output")


@dataclass(frozen=True)
class _Neurons:
    """Constants of a layer's neurons, (N,): `gain` of weights and biases, `bias` of its own."""

    beta: Reals
    alpha: Reals | None
    gain: Reals
    bias: Reals
    v_th: Reals | None
