"""Costs of a core for some clips, as tables: cycles, energy, cells, and each kind of recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np

from fxp_model.artifact import Artifact
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.spec import RecurrenceKind
from fxp_model.tables import OBJECT, TEXT, array_of, check_fields, number, one_of
from fxp_model.variants import with_recurrence
from hw.config import HardwareConfig
from hw.ear import EarConfig
from hw.estimates.bottleneck import loads
from hw.estimates.clips import Clips, follow
from hw.estimates.energy import energy
from hw.estimates.latency import clip_cycles, clip_intervals, lower_bound
from hw.estimates.resources import Estimate, estimate
from hw.estimates.work import work
from hw.parts import PARTS, Part
from hw.report.subject import Recordings

BINS = 24
"""Most bins of the histogram of cycles."""


def timing(
    network: Network, config: HardwareConfig, clips: Clips, source: str, clock_mhz: float
) -> dict[str, Any]:
    """Cycles of the clips, in total and stage by stage, and their time at `clock_mhz`."""
    spec = network.spec
    cycles = clip_cycles(spec, config, clips.events, clips.lengths)
    intervals = clip_intervals(spec, config, clips.events, clips.lengths)
    counts, edges = np.histogram(cycles, min(BINS, len(cycles)))
    stages: list[dict[str, Any]] = [
        {
            "stage": name,
            "events_mean": float(count.sum(axis=0).mean()),
            "synapses_mean": float(load.synapses.mean()),
            "update_mean": float(load.update.mean()),
        }
        for (name, load), count in zip(loads(spec, config, clips).items(), clips.events, strict=False)
    ]
    busiest = max(stages, key=lambda own: max(own["synapses_mean"], own["update_mean"]))
    return {
        "source": source,
        "clips": len(cycles),
        "clock_mhz": clock_mhz,
        "cycles_min": int(cycles.min()),
        "cycles_mean": float(cycles.mean()),
        "cycles_max": int(cycles.max()),
        "interval_mean": float(intervals.mean()),
        "lower_bound_mean": float(lower_bound(spec, config, clips.events, clips.lengths).mean()),
        "latency_us_mean": float(cycles.mean() / clock_mhz),
        "latency_us_max": float(cycles.max() / clock_mhz),
        "clips_per_second": float(1e6 * clock_mhz / intervals.mean()),
        "histogram": {"cycles": edges.tolist(), "clips": counts.tolist()},
        "stages": stages,
        "bottleneck": {
            "stage": busiest["stage"],
            "part": "synapses" if busiest["synapses_mean"] >= busiest["update_mean"] else "update",
        },
    }


def energy_of(network: Network, config: HardwareConfig, clips: Clips) -> dict[str, Any]:
    """Mean energy of a clip by the model of `hw.estimates.energy`, and the work behind it."""
    done = work(network.spec, config, clips)
    stages = [
        {
            "stage": name,
            "adders_nj": float(own.adders_nj.mean()),
            "weights_nj": float(own.weights_nj.mean()),
            "state_nj": float(own.state_nj.mean()),
            "delays_nj": float(own.delays_nj.mean()),
            "total_nj": float(own.total_nj.mean()),
            "additions": float(done[name].additions.mean()),
            "weight_bits": float(done[name].weight_bits.mean()),
            "state_bits": float((done[name].state_bits_read + done[name].state_bits_written).mean()),
            "toggles": float(done[name].toggles.mean()),
        }
        for name, own in energy(done).items()
    ]
    return {"stages": stages, "total_nj": sum(own["total_nj"] for own in stages)}


def resources(
    network: Network, config: HardwareConfig, part: Part, ear: tuple[EarSpec, EarConfig] | None = None
) -> dict[str, Any]:
    """Estimated cells in total and block by block, their error, and the capacity of `part`.

    Those of an ear are in ``ear``, and not in the total.
    """
    cells = estimate(network, config, part.target, ear)
    return {
        "part": part.name,
        "target": part.target,
        "capacity": part.capacity,
        **_cells(cells),
        "ear": cells.ear and _cells(cells.ear),
    }


def _cells(cells: Estimate) -> dict[str, Any]:
    return {
        "total": cells.total,
        "blocks": dict(cells.blocks),
        "error": {kind: list(own) for kind, own in cells.error.items()},
    }


def recurrences(
    network: Network, config: HardwareConfig, recordings: Recordings, part: Part
) -> list[dict[str, Any]]:
    """The same spikes in cores of the same widths with other recurrences, where such cores exist."""
    kinds: tuple[RecurrenceKind | None, ...] = (None, RecurrenceKind.CONV, RecurrenceKind.DENSE)
    own = {layer.recurrence.kind for layer in network.spec.layers if layer.recurrence is not None}
    if not own:
        return []
    cores = {}
    for kind in kinds:
        try:
            cores[kind] = with_recurrence(network, kind)
        except InputError:  # no kernel to replace dense weights, or sums too wide
            continue
    clips = follow(list(cores.values()), recordings.counts, recordings.lengths, recordings.run)
    return [
        {
            "recurrence": kind.value if kind else "none",
            "this": own == {kind},
            "parameters": sum(layer.recurrent_parameters for layer in core.spec.layers),
            "cycles_mean": float(clip_cycles(core.spec, config, run.events, run.lengths).mean()),
            "energy_nj": energy_of(core, config, run)["total_nj"],
            "cells": estimate(core, config, part.target).total,
        }
        for (kind, core), run in zip(cores.items(), clips, strict=True)
    ]


_EXPLORATION = {
    "part": one_of(PARTS),
    "clock_mhz": number(1e-9, 1e9),
    "artifact": TEXT,
    "front": array_of(OBJECT, 1),
}
_POINT = {
    "system": TEXT,
    "accuracy": number(0, 1).or_null(),
    "us": number(1e-9, 1e12),
    "share": number(1e-9, 1e12),
}
"""Fields that are read of an exploration, and of each core of its front."""


def placed(
    exploration: dict[str, Any], artifact: Artifact, config: HardwareConfig, cycles: float
) -> dict[str, Any]:
    """Result of an exploration, and the place in it of the core of `config`, whose clips take `cycles`.

    Raises
    ------
    InputError
        If it is not from `explore.py`, or is of another artifact.
    """
    name = "the exploration must be a file of explore.py --json"
    check_fields(name, exploration, _EXPLORATION)
    for index, point in enumerate(exploration["front"]):
        check_fields(f"{name}: front[{index}]", point, _POINT)
    part, clock_mhz, own = PARTS[exploration["part"]], exploration["clock_mhz"], exploration["artifact"]
    points = [{key: point[key] for key in _POINT} for point in exploration["front"]]
    if own != artifact.name:
        raise InputError(f"the exploration must be of {artifact.name}, not of {own}")
    cells = estimate(artifact.network, config, part.target).total
    return {
        "part": part.name,
        "clock_mhz": clock_mhz,
        "systems": [own, *sorted({point["system"] for point in points} - {own})],
        "front": points,
        "core": {
            "us": cycles / clock_mhz,
            "share": max(cells[kind] / amount for kind, amount in part.capacity.items()),
        },
    }
