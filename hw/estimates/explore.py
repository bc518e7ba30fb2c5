"""Tens of thousands of width combinations of a core, with exact cycles and estimated cells of each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.network import Network
from fxp_model.spec import IntegratorSpec, LayerSpec, NetworkSpec
from hw.config import EVENTS_PER_CYCLE, LEAST_SWEEP, HardwareConfig, StageConfig
from hw.estimates.latency import Counts, sweep_cycles
from hw.estimates.resources import cells_of, frame_parts, stage_parts
from hw.estimates.resources.neurons import has_features
from hw.estimates.resources.prices import prices_of

MAX_POINTS = 20_000
"""Most combinations per network; of more, this many are drawn at random, always the same ones."""
WORDS = (1, 2, 4, 8, 16)
"""Words per event that are tried."""
GROUPS = (LEAST_SWEEP, 8, 16, 32, 64)
"""Groups per sweep that are tried."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Points:
    """Cores of one network; each point is a core.

    Parameters
    ----------
    options : for each stage, the widths that are tried
    chosen : (P, stages) index into the options of each stage
    cycles : (P,) mean over clips
    cells : for each kind of cell, (P,)
    featured : the part of these that is in neurons with features, whose estimate is less certain
    """

    options: tuple[tuple[StageConfig, ...], ...]
    chosen: NDArray[np.int64]
    cycles: Floats
    cells: dict[str, Floats]
    featured: dict[str, Floats]

    def config(self, point: int) -> HardwareConfig:
        """Widths of a point."""
        return HardwareConfig(tuple(own[i] for own, i in zip(self.options, self.chosen[point], strict=True)))


def stage_options(spec: IntegratorSpec) -> tuple[StageConfig, ...]:
    """Widths that are tried for a stage: lanes, update lanes, events per cycle, multipliers or adders."""
    lanes = sorted({-(-spec.n_out // words) for words in WORDS})
    updates = sorted({-(-spec.n_out // groups) for groups in GROUPS})
    events = EVENTS_PER_CYCLE[: min(spec.n_in, 2)]
    multiplies = spec.input_bits > 1 or any(leak.share is None for leak, _ in spec.sums)
    dsp = (True, False) if multiplies else (True,)
    return tuple(
        StageConfig(*widths)
        for widths in product(lanes, updates, events, dsp)
        if widths[1] <= widths[0] and (widths[0] == spec.n_out or widths[0] % widths[1] == 0)
    )


def combinations(spec: NetworkSpec) -> tuple[tuple[tuple[StageConfig, ...], ...], NDArray[np.int64]]:
    """Options of every stage, and as (P, stages) indices all combinations of them, or `MAX_POINTS`."""
    options = tuple(stage_options(stage) for stage in spec.stages)
    sizes = [len(own) for own in options]
    total = math.prod(sizes)
    places = np.arange(total)
    if total > MAX_POINTS:
        places = np.sort(np.random.default_rng(0).choice(total, MAX_POINTS, replace=False))
    return options, np.stack(np.unravel_index(places, sizes), axis=1)


class Sweeps:
    """Cores of networks of one shape, on some clips; equal cycles are computed only once.

    Parameters
    ----------
    target : str
        As in `hw.estimates.resources.estimate`.
    events, lengths
        Of the clips over which cycles are averaged, as for `hw.estimates.latency.clip_cycles`.
    """

    def __init__(self, target: str, events: Sequence[Counts], lengths: Sequence[int]) -> None:
        self._target, self._events, self._lengths = target, events, lengths
        self._known: dict[tuple[Any, ...], Floats] = {}

    def points(self, network: Network) -> Points:
        """The `combinations` of `network`."""
        options, chosen = combinations(network.spec)
        readout = network.spec.readout
        answers = readout.answer, readout.stride
        key = (options, answers, *(_timing_of(stage) for stage in network.spec.stages))
        if key not in self._known:
            self._known[key] = _cycles(network.spec, options, chosen, self._events, self._lengths)
        return Points(options, chosen, self._known[key], *_cells(network, self._target, options, chosen))


def _timing_of(spec: IntegratorSpec) -> tuple[int, ...]:
    """What cycles depend on in a stage, beside its widths."""
    recurrence = spec.recurrence if isinstance(spec, LayerSpec) else None
    taps = -1 if recurrence is None else recurrence.kernel_size
    late = spec.max_input_delay is not None
    return spec.n_in, spec.n_out, spec.input_bits, taps, late, spec.synapse is not None


def _cycles(
    spec: NetworkSpec,
    options: Sequence[Sequence[StageConfig]],
    chosen: NDArray[np.int64],
    events: Sequence[Counts],
    lengths: Sequence[int],
) -> Floats:
    """Mean cycles of each point."""
    configs = [
        HardwareConfig(tuple(own[i] for own, i in zip(options, row, strict=True))) for row in chosen.tolist()
    ]
    means: Floats = sweep_cycles(spec, configs, events, lengths).mean(axis=1)
    return means


def _cells(
    network: Network, target: str, options: Sequence[Sequence[StageConfig]], chosen: NDArray[np.int64]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Cells of each point: of its stages, which also depend on the next stage's events, and of the rest.

    Then those of them that are in neurons with features.
    """
    last, spec = len(options) - 1, network.spec
    total = {kind: np.zeros(len(chosen)) for kind in prices_of(target).error}
    featured = {kind: np.zeros(len(chosen)) for kind in total}

    def add(parts: Any, where: Any, to: dict[str, Floats] = total) -> None:
        for kind, amount in cells_of(parts, target).items():
            to[kind][where] += amount

    events = [np.array([own.events_per_cycle for own in options[i]])[chosen[:, i]] for i in range(last + 1)]
    for index, own in enumerate(options):
        for number, widths in enumerate(own):
            for out in EVENTS_PER_CYCLE if index < last else (1,):
                where = chosen[:, index] == number
                if index < last:
                    where &= events[index + 1] == out
                parts = stage_parts(network, index, widths, out, target)
                add(parts, where)
                if has_features(spec.stages[index]):
                    update = f"{spec.stage_names[index]}.update"
                    add({update: parts[update]}, where, featured)
    for slots in EVENTS_PER_CYCLE:
        add(frame_parts(network, slots, target), events[0] == slots)
    return total, featured
