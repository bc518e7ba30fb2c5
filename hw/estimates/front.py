"""The Pareto front of cores in latency, area and accuracy, and which of them to build."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.network import Network
from hw.estimates.explore import Floats, Points, Sweeps
from hw.estimates.latency import Counts
from hw.estimates.resources.prices import prices_of
from hw.parts import Part

PICKS = ("small", "balanced", "fast")
"""Least area; nearest to least area and least latency, on logarithmic scales over the range of the Pareto
front; least latency."""


@dataclass(frozen=True)
class System:
    """A network to build cores of, and its accuracy, where that is known."""

    name: str
    network: Network
    accuracy: float | None


@dataclass(frozen=True)
class Limits:
    """Limits of a core, which must hold even if the area estimate is too low by the worst error.

    part : the core must fit it; its area is the largest share that it takes of any kind of cell
    clock_mhz : clock that converts cycles to time
    max_lut : LUT sites
    max_us : mean latency of a clip
    """

    part: Part
    clock_mhz: float
    max_lut: int | None = None
    max_us: float | None = None

    def share(self, cells: dict[str, Floats]) -> Floats:
        """Area of each core, 1 for the whole part."""
        shares: Floats = np.max([cells[kind] / amount for kind, amount in self.part.capacity.items()], axis=0)
        return shares

    def __str__(self) -> str:
        asked = {"LUTs": self.max_lut, "us": self.max_us}
        most = (f"at most {limit:,g} {kind}" for kind, limit in asked.items() if limit is not None)
        return ", ".join((self.part.name, *most))

    def luts(self, cells: dict[str, Floats]) -> Floats:
        """LUT sites of each core."""
        return cells["lut" if "lut" in cells else "comb"]

    def kept(self, points: Points) -> NDArray[np.bool_]:
        """Which cores meet the limits."""
        prices = prices_of(self.part.target)
        error, neurons = prices.error, prices.neurons
        cells = {
            kind: amount + (amount * error[kind][1] + points.featured[kind] * neurons[kind][1]) / 100
            for kind, amount in points.cells.items()
        }
        kept = self.share(cells) <= 1
        if self.max_lut is not None:
            kept &= self.luts(cells) <= self.max_lut
        if self.max_us is not None:
            kept &= points.cycles <= self.max_us * self.clock_mhz
        return kept


@dataclass(frozen=True)
class Found:
    """Result of `explore`: how many cores there were and how many meet the limits, the front, the picks.

    A core is a table: `system`, `accuracy`, `cycles`, `us`, `share`, `cells`, `hardware` as from
    `HardwareConfig.to_dict`.
    """

    points: int
    feasible: int
    front: list[dict[str, Any]]
    picked: dict[str, dict[str, Any]]


def explore(
    systems: Sequence[System], events: Sequence[Counts], lengths: Sequence[int], limits: Limits
) -> Found:
    """Try the widths of every system; pick among those of the first.

    `events` and `lengths` of some clips, as for `hw.estimates.latency.clip_cycles`, apply to all systems.

    Raises
    ------
    InputError
        If no core of the first system meets the limits.
    """
    total = feasible = 0
    candidates: list[dict[str, Any]] = []
    picked: dict[str, dict[str, Any]] = {}
    sweeps = Sweeps(limits.part.target, events, lengths)
    for system in systems:
        points = sweeps.points(system.network)
        share, kept = limits.share(points.cells), np.flatnonzero(limits.kept(points))
        total, feasible = total + len(share), feasible + len(kept)

        def core(
            point: int, system: System = system, points: Points = points, share: Floats = share
        ) -> dict[str, Any]:
            return {
                "system": system.name,
                "accuracy": system.accuracy,
                "cycles": float(points.cycles[point]),
                "us": float(points.cycles[point] / limits.clock_mhz),
                "share": float(share[point]),
                "cells": {kind: float(amount[point]) for kind, amount in points.cells.items()},
                "hardware": points.config(point).to_dict(),
            }

        if not picked:
            if not len(kept):
                luts = limits.luts(points.cells).min()
                raise InputError(
                    f"no core meets the limits ({limits}): of {len(share)}, the smallest takes "
                    f"{share.min():.0%} and {luts:,.0f} LUTs of {limits.part.name}, the fastest "
                    f"{points.cycles.min() / limits.clock_mhz:.1f} us"
                )
            best = kept[unbeaten(points.cycles[kept], share[kept])]
            middle = np.hypot(_scaled(points.cycles[best]), _scaled(share[best])).argmin()
            picks = (best[-1], best[middle], best[0])
            picked = {name: core(int(point)) for name, point in zip(PICKS, picks, strict=True)}
        candidates += [core(int(kept[i])) for i in unbeaten(points.cycles[kept], share[kept])]
    return Found(total, feasible, _front(candidates), picked)


def unbeaten(first: Floats, second: Floats) -> NDArray[np.int64]:
    """Indices of the Pareto-optimal points in two costs, sorted by the first cost."""
    order = np.lexsort((second, first))
    lowest = np.minimum.accumulate(second[order])
    better = np.append(True, lowest[1:] < lowest[:-1])
    return order[better[: len(order)]]


def _scaled(cost: Floats) -> Floats:
    """Logarithms of `cost`, from 0 to 1."""
    logs = np.log(cost / cost.min())
    scaled: Floats = logs / max(logs.max(), 1e-9)
    return scaled


def _front(cores: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Pareto front in cycles, share and accuracy, the fastest first."""
    costs = np.array([(core["cycles"], core["share"], -(core["accuracy"] or 0)) for core in cores])
    no_worse = (costs[:, None] <= costs[None]).all(axis=2)
    better = no_worse & (costs[:, None] < costs[None]).any(axis=2)
    front = [cores[index] for index in np.flatnonzero(~better.any(axis=0)).tolist()]
    return sorted(front, key=lambda core: core["cycles"])
