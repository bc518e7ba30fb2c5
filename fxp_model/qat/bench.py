"""Speed of inference and training compared with the published algorithms and a GRU, in one run.

All systems have the artifact's sizes and see the same clips. `published_*` and `commuted_*` are those of
`fxp_model.qat.published`, with the artifact's parameters (conv) or those of its `dense_twin`; the GRU
has one layer per hidden layer, of equal width, and untrained weights, which do not affect its time.
Before anything is timed, `check` verifies that they compute the same.
"""

from __future__ import annotations

import copy
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fxp_model import network as golden
from fxp_model.artifact import Artifact
from fxp_model.ear.engine import EarEngine
from fxp_model.ear.spec import EarSpec
from fxp_model.engine import Engine
from fxp_model.engine import Stage as EngineStage
from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.network import Network
from fxp_model.qat import kernels
from fxp_model.qat.gru import Gru
from fxp_model.qat.layer import simulate
from fxp_model.qat.network import Output, SpikingNetwork, from_network
from fxp_model.qat.publish import NotEqual
from fxp_model.qat.published import Course, PublishedNetwork, native_convolution
from fxp_model.qat.quantize import codes, fitted_format, requantize
from fxp_model.qat.train import MAX_GRADIENT_NORM, Recipe, Training
from fxp_model.spec import LayerSpec, NetworkSpec, RecurrenceKind, RecurrenceSpec
from fxp_model.trace import Trace

STEPS = 100
BATCH = 64
EPOCH_CLIPS = 3600
ALL_THREADS = len(os.sched_getaffinity(0))
SCENARIOS = {
    "batch1_1thread": (1, 1),
    f"batch{BATCH}_1thread": (BATCH, 1),
    f"batch{BATCH}_all": (BATCH, ALL_THREADS),
}
"""Batch size and threads."""
SYSTEMS = (
    "published_dense",
    "published_conv",
    "commuted_dense",
    "commuted_conv",
    "gru",
    "torch_eval",
    "engine",
)
EARS = ((140, 4), (140, 2), (64, 2))
"""Channels and sections of the ears."""
EAR_SECONDS = 1
"""Of sound that they hear."""
ROUNDS = 7
TRAINING_ROUNDS = 5
CHECKED_CLIPS = 8
MIN_SPIKES_EQUAL = 0.999
"""See `check`; a spike that differs by rounding in the last bit changes those that follow from it."""

Calls = dict[str, Callable[[], object]]


def medians(
    calls: Mapping[str, Callable[[], object]],
    rounds: int,
    at_least_s: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Median seconds per call of each, over `rounds` rounds that alternate between them.

    So a drift of the machine affects all equally. A turn is repeated calls until `at_least_s` have passed,
    and counts as their mean. One warm-up call of each is not counted.
    """
    turns: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            number, passed = 0, 0.0
            started = clock()
            while number == 0 or passed < at_least_s:
                call()
                number += 1
                passed = clock() - started
            turns[name].append(passed / number)
    return {name: statistics.median(turn) for name, turn in turns.items()}


def dense_twin(network: Network, seed: int = 0) -> Network:
    """`network` with a random dense recurrence in place of each kernel, same delays, 8 bits.

    The entries are normal with the mean sum(w) / N and the variance sum(w**2) / N of the kernel w, so
    that independent delayed spikes give currents of the same mean and variance,
    and similar firing rates.
    """
    rng = np.random.default_rng(seed)
    layers, params = [], []
    for spec, own in zip(network.spec.layers, network.params, strict=False):
        assert spec.recurrence is not None
        assert own.recurrent is not None
        kernel = spec.recurrence.weight.to_real(own.recurrent)
        mean, deviation = kernel.sum() / spec.n_out, np.sqrt(np.square(kernel).sum() / spec.n_out)
        real = torch.from_numpy(rng.normal(mean, deviation, (spec.n_out, spec.n_out)))
        fmt = fitted_format(real, 8)
        recurrence = RecurrenceSpec(RecurrenceKind.DENSE, fmt, spec.recurrence.max_delay)
        layers.append(replace(spec, recurrence=recurrence))
        params.append(replace(own, recurrent=codes(requantize(real, fmt), fmt.frac_bits).numpy()))
    return Network(NetworkSpec(tuple(layers), network.spec.readout), (*params, network.params[-1]))


def clips(counts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`counts` (T, B, n_in) repeated or cut to (`STEPS`, `BATCH`, n_in); short clips are zero-padded."""
    picked = counts[:STEPS, np.arange(BATCH) % counts.shape[1]]
    return np.pad(picked, ((0, STEPS - len(picked)), (0, 0), (0, 0)))


@dataclass(frozen=True)
class Subject:
    """A network in its implementations, with the golden model's results for `counts` (T, B, n_in)."""

    network: Network
    counts: NDArray[np.uint8]
    trace: Trace
    published: PublishedNetwork
    commuted: PublishedNetwork

    @classmethod
    def of(cls, network: Network, counts: NDArray[np.uint8]) -> Subject:
        """Build all implementations of `network`."""
        module = from_network(network)
        forms = [PublishedNetwork(module, commuted=c).float().eval() for c in (False, True)]
        return cls(network, counts, golden.run(network, counts), *forms)

    @property
    def layer(self) -> LayerSpec:
        """The last hidden layer, which is also timed alone."""
        return self.network.spec.layers[-1]

    def currents(self, batch: int) -> NDArray[np.int64]:
        """Feed-forward currents (T, batch, N) of `layer`, codes of fraction `sum_frac_bits`."""
        return np.ascontiguousarray(self.trace.layers[-1].i_syn[:, :batch])


def measure(
    artifact: Artifact,
    counts: NDArray[np.uint8],
    *,
    quick: bool = False,
    progress: Callable[[str], object] = lambda name: None,
) -> dict[str, Any]:
    """All measurements, as the JSON of `scripts/bench.py`; times in seconds.

    Parameters
    ----------
    artifact : Artifact
        Hidden layers of one width with conv recurrence, readout ``sum``.
    counts : (T, B, n_in)
        Clips; see `clips`.
    quick : bool
        One round instead of several.
    progress : callable
        Called with the name of each part before it runs.

    Raises
    ------
    InputError
        If the artifact is of another kind.
    NotEqual
        If two implementations that must agree do not.
    """
    network = artifact.network
    for name, layer in zip(network.spec.stage_names, network.spec.layers, strict=False):
        if layer.recurrence is None or layer.recurrence.kind is not RecurrenceKind.CONV:
            kind = layer.recurrence and str(layer.recurrence.kind)
            raise InputError(f"recurrence of {name} must be conv to be compared, not {kind}")
    progress("check")
    conv = Subject.of(network, clips(counts))
    dense = Subject.of(dense_twin(network), clips(counts))
    agreement = check(conv, dense)
    result: dict[str, Any] = {
        "artifact": artifact.name,
        "steps": STEPS,
        "distinct_clips": min(counts.shape[1], BATCH),
        "rounds": 1 if quick else ROUNDS,
        "machine": machine(),
        "agreement": agreement,
    }
    for part, calls_of in (("inference", whole_network), ("recurrent_layer", recurrent_layer)):
        result[part] = {}
        for scenario, (batch, threads) in SCENARIOS.items():
            progress(f"{part} {scenario}")
            with _threads(threads), torch.inference_mode():
                calls = calls_of(conv, dense, batch)
                times = medians(calls, result["rounds"], 0.0 if quick else 0.02)
            result[part][scenario] = {f"{name}_s": times[name] for name in SYSTEMS}
    progress("ear")
    heard = medians(ears(), result["rounds"], 0.0 if quick else 0.2)
    result["ear"] = {"times_real_time": {name: EAR_SECONDS / seconds for name, seconds in heard.items()}}
    progress("training")
    result["training"] = training(conv, dense, 1 if quick else TRAINING_ROUNDS)
    return result


def check(conv: Subject, dense: Subject) -> dict[str, Any]:
    """Check that all compute the same network; returns how the published implementations compare.

    Engine and PyTorch's eval mode must equal the golden model. The published networks do not round the
    membrane: in float64, their spikes on `CHECKED_CLIPS` clips must be those of a golden model with an
    `unrounded` membrane. In float32, as timed, they are compared with the golden model itself:
    `spikes_shared`, the share of the spikes of either that both have, per layer, and `classes_equal`.

    Raises
    ------
    InputError
        If a hidden layer has no spike: silent networks are always equal.
    NotEqual
        If an integer differs, or fewer than `MIN_SPIKES_EQUAL` of the unrounded spikes are equal.
    """
    for name, layer in zip(conv.network.spec.stage_names, conv.trace.layers, strict=False):
        if not layer.spikes.any():
            raise InputError(f"the clips must cause spikes in {name}, not 0")
    scores = {
        "engine": Engine(conv.network).run(conv.counts).scores,
        "torch_eval": from_network(conv.network).scores(conv.counts),
    }
    for name, own in scores.items():
        if not np.array_equal(own, conv.trace.scores):
            raise NotEqual(f"scores of {name} are not those of the golden model")
    for name, call in _exact_layers(conv, BATCH).items():
        if not np.array_equal(np.asarray(call()), conv.trace.layers[-1].spikes):
            raise NotEqual(f"spikes of the {name} layer are not those of the golden model")
    found: dict[str, Any] = {}
    for kind, subject in (("conv", conv), ("dense", dense)):
        few = subject.counts[:, :CHECKED_CLIPS]
        exact = golden.run(unrounded(subject.network), few)
        found[kind] = {"spikes_per_neuron_step": [float(y.spikes.mean()) for y in subject.trace.layers]}
        for form, published in (("published", subject.published), ("commuted", subject.commuted)):
            with torch.inference_mode():
                doubled = copy.deepcopy(published).double()(torch.from_numpy(few).double())
                timed = published(torch.from_numpy(subject.counts).float())
            pairs = zip(doubled.spikes, exact.layers, strict=True)
            equal = min(float(np.mean(own.numpy() == layer.spikes)) for own, layer in pairs)
            if equal < MIN_SPIKES_EQUAL:
                raise NotEqual(
                    f"spikes of {form} {kind} equal the unrounded golden model's in {equal:.4f} only"
                )
            pairs = zip(timed.spikes, subject.trace.layers, strict=True)
            found[kind][form] = {
                "unrounded_spikes_equal": equal,
                "spikes_shared": [_shared(own.numpy() > 0, layer.spikes > 0) for own, layer in pairs],
                "classes_equal": float(np.mean(timed.logits.argmax(1).numpy() == subject.trace.classes)),
            }
    return found


def unrounded(network: Network) -> Network:
    """`network` with 32-bit hidden membranes: with so fine an lsb, rounding seldom changes a spike."""
    layers = []
    for spec in network.spec.layers:
        finer = QFormat(True, spec.membrane.int_bits, 32 - spec.membrane.int_bits)
        assert spec.v_th is not None, "the published networks, of which there is one, have refused it"
        v_th = spec.v_th << (finer.frac_bits - spec.membrane.frac_bits)
        layers.append(replace(spec, membrane=finer, v_th=v_th))
    return Network(NetworkSpec(tuple(layers), network.spec.readout), network.params)


def _shared(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float | None:
    """Share of the spikes of either that both have; None if there is no spike."""
    either = np.sum(a | b)
    return float(np.sum(a & b) / either) if either else None


def whole_network(conv: Subject, dense: Subject, batch: int) -> Calls:
    """Calls that classify `batch` clips; the engine uses as many threads as torch."""
    counts = np.ascontiguousarray(conv.counts[:, :batch])
    x = torch.from_numpy(counts).float()
    return {
        "published_dense": _native(partial(dense.published, x)),
        "published_conv": _native(partial(conv.published, x)),
        "commuted_dense": partial(dense.commuted, x),
        "commuted_conv": partial(conv.commuted, x),
        "gru": partial(Gru(conv.network.spec).eval(), x),
        "torch_eval": partial(from_network(conv.network).scores, counts),
        "engine": partial(Engine(conv.network, threads=torch.get_num_threads()).run, counts),
    }


def recurrent_layer(conv: Subject, dense: Subject, batch: int) -> Calls:
    """Calls that run the last hidden layer on given currents; for the GRU, one layer on given input."""
    calls = _exact_layers(conv, batch)
    for kind, subject in (("conv", conv), ("dense", dense)):
        real = torch.from_numpy(subject.currents(batch) * 2.0**-subject.layer.sum_frac_bits).float()
        calls[f"published_{kind}"] = _native(partial(subject.published.layers[-1], real))
        calls[f"commuted_{kind}"] = partial(subject.commuted.layers[-1], real)
    n = conv.layer.n_out
    spikes = np.ascontiguousarray(conv.trace.layers[-1].spikes[:, :batch])
    calls["gru"] = partial(nn.GRU(n, n).eval(), torch.from_numpy(spikes).float())
    return calls


def _exact_layers(conv: Subject, batch: int) -> Calls:
    """The calls of `recurrent_layer` that return exactly the golden model's spikes (T, B, N)."""
    currents = conv.currents(batch)
    exact = list(from_network(conv.network).layers)[-1].folded()
    real = torch.from_numpy(currents * 2.0**-conv.layer.sum_frac_bits)
    dynamics = exact.dynamics(real.dtype)
    engine = EngineStage(conv.layer, conv.network.params[-2], threads=torch.get_num_threads())
    return {
        "torch_eval": lambda: simulate(real, *dynamics)[1],
        "engine": partial(engine.fire, currents.astype(engine.packed.bias.dtype)),
    }


def ears() -> Calls:
    """Calls by which compiled ears, on one thread, hear noise of `EAR_SECONDS`."""
    calls: Calls = {}
    for channels, sections in EARS:
        ear = EarEngine(EarSpec.design(channels=channels, sections=sections))
        samples = np.random.default_rng(0).integers(-8192, 8192, EAR_SECONDS * ear.spec.rate_hz)
        calls[f"{channels}x{sections}"] = partial(ear.step, samples)
    return calls


def training(conv: Subject, dense: Subject, rounds: int) -> dict[str, Any]:
    """Seconds per epoch of `EPOCH_CLIPS` clips, scaled from `rounds` steps of `BATCH` clips.

    Published and ours start from the same parameters, with the largest sigma, and run the same step on
    the same batch, with all threads: forward with both dropouts, cross-entropy, backward, AdamW, parameter
    clamping. Both clip the gradient norm, which the published training does not: it takes less than
    a thousandth of its step. `published` and `ours` are conv, `*_dense` are dense.
    """
    recipe = Recipe()
    labels = torch.arange(BATCH) % conv.network.spec.n_out
    lengths = torch.full((BATCH,), STEPS)
    with _threads(ALL_THREADS):
        calls: Calls = {}
        for suffix, subject in (("", conv), ("_dense", dense)):
            counts = torch.from_numpy(subject.counts).float()
            ours = Training(subject.network.spec, recipe, Path())
            published = PublishedNetwork(ours.module)
            optimizer = torch.optim.AdamW(published.parameters())
            forward = partial(published, counts, recipe.sigma, recipe.noise)
            calls[f"published{suffix}"] = _native(partial(_step, published, optimizer, forward, labels))
            forward = partial(ours.module, counts.byte(), lengths, recipe.sigma, recipe.noise)
            calls[f"ours{suffix}"] = partial(_step, ours.module, ours.optimizer, forward, labels)
        times = medians(calls, rounds, 0.0)
    return {
        **{f"{name}_s_per_epoch": seconds * EPOCH_CLIPS / BATCH for name, seconds in times.items()},
        "clips_per_epoch": EPOCH_CLIPS,
        "batch": BATCH,
        "batches_measured": rounds,
        "threads": ALL_THREADS,
        "sigma": recipe.sigma,
    }


def _step(
    module: SpikingNetwork | PublishedNetwork,
    optimizer: torch.optim.Optimizer,
    forward: Callable[[], Output | Course],
    labels: Tensor,
) -> None:
    """One training step."""
    loss = F.cross_entropy(forward().logits, labels)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    module.constrain()


def _native(call: Callable[[], Any]) -> Callable[[], Any]:
    """`call` of a published network with the faster of torch's convolutions; unchanged for a commuted one."""

    def native() -> Any:
        with native_convolution():
            return call()

    return native


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """Within the block, torch and the compiled kernels use `number` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    kernels.match_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        kernels.match_threads()


def machine() -> dict[str, Any]:
    """What the times depend on: processor, cores, initial load, versions."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": ALL_THREADS,
        "load_average": os.getloadavg()[0],
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("spikeline", "torch", "numpy", "numba")},
        },
    }


def table(result: dict[str, Any]) -> str:
    """`measure`'s result as text: milliseconds, and the ratio to the engine's."""
    lines = []
    for part, title in (("inference", "whole network"), ("recurrent_layer", "recurrent layer alone")):
        lines.append(f"{title:24}" + "".join(f"{name:>26}" for name in SCENARIOS))
        for system in SYSTEMS:
            cells = [result[part][name] for name in SCENARIOS]
            times = [(cell[f"{system}_s"], cell[f"{system}_s"] / cell["engine_s"]) for cell in cells]
            lines.append(f"  {system:22}" + "".join(f"{s * 1e3:12.3f} ms{r:9.1f} x" for s, r in times))
    heard = result["ear"]["times_real_time"]
    lines.append(
        f"{'ear, times real time':24}" + "".join(f"{name:>16}: {x:5.0f} x" for name, x in heard.items())
    )
    trained = result["training"]
    lines.append(f"{'training':24}{'published':>15}{'ours':>15}   seconds per epoch")
    for kind, suffix in (("conv", ""), ("dense", "_dense")):
        published, ours = (trained[f"{name}{suffix}_s_per_epoch"] for name in ("published", "ours"))
        lines.append(f"  {kind:22}{published:15.1f}{ours:15.1f}{published / ours:12.1f} x")
    return "\n".join(lines)
