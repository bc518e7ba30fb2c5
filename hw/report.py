"""What a build is, in figures: one table for programs (`summary`), one page for people (`render`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fxp_model.artifact import Artifact
from fxp_model.network import run
from fxp_model.spec import IntegratorSpec, LayerSpec, ReadoutSpec
from hw.config import HardwareConfig
from hw.emit import EmittedCore
from hw.estimate.latency import clip_cycles, event_counts, lower_bound
from hw.rtl.synapse_array import SynapseArray


def summary(artifact: Artifact, config: HardwareConfig, core: EmittedCore) -> dict[str, Any]:
    """Layers, formats, memory bits, and the cycles of the artifact's stimulus by the exact formula."""
    spec, params = artifact.network.spec, artifact.network.params
    layers = []
    stages = zip(spec.stage_names, spec.stages, params, config.stages, strict=True)
    for name, stage, codes, widths in stages:
        layers.append(
            {
                "stage": name,
                "n_in": stage.n_in,
                "n_out": stage.n_out,
                "lanes": widths.lanes,
                "update_lanes": widths.update_lanes,
                "events_per_cycle": widths.events_per_cycle,
                "formats": _formats(stage),
                "accumulator_bits": SynapseArray.accumulator_bits(stage, codes, config.reload),
                "sum_bits": stage.sum_bits,
                "delay_steps": None if codes.delay_steps is None else _range(codes.delay_steps.tolist()),
                **_behaviour(stage),
            }
        )
    trace = run(artifact.network, artifact.stimulus)
    events = event_counts(artifact.network, trace, artifact.stimulus)
    steps, samples, _ = events[0].shape
    cycles = clip_cycles(spec, config, events, [steps] * samples)
    bounds = lower_bound(spec, config, events, [steps] * samples)
    totals = np.stack([count.sum(axis=(0, 2)) for count in events], axis=1)
    clips = [
        {"steps": steps, "events": into, "cycles": taken, "lower_bound_cycles": bound}
        for into, taken, bound in zip(totals.tolist(), cycles.tolist(), bounds.tolist(), strict=True)
    ]
    return {
        "layers": layers,
        "memories": [
            {"path": m.path, "depth": m.depth, "width": m.width, "bits": m.bits} for m in core.memories
        ],
        "memory_bits": sum(m.bits for m in core.memories),
        "clips": clips,
        "cycles_mean": float(np.mean([clip["cycles"] for clip in clips])),
        "cycles_max": max(clip["cycles"] for clip in clips),
    }


def render(name: str, artifact: Artifact, estimate: dict[str, Any]) -> str:
    """The report as a page of text."""
    metrics = ", ".join(f"{key} {value:.4g}" for key, value in _numbers(artifact.metrics))
    lines = [
        f"Spikeline core {name}",
        f"artifact  {artifact.name}",
        f"sha256    {artifact.sha256}",
        f"metrics   {metrics or 'none recorded'}",
        "",
        "Layers",
        *_table(
            (
                "stage",
                "inputs",
                "neurons",
                "does",
                "lanes",
                "update_lanes",
                "events/cycle",
                "accumulator",
                "exact sum",
            ),
            [
                (
                    layer["stage"],
                    layer["n_in"],
                    layer["n_out"],
                    layer["does"],
                    layer["lanes"],
                    layer["update_lanes"],
                    layer["events_per_cycle"],
                    f"{layer['accumulator_bits']} bits",
                    f"{layer['sum_bits']} bits",
                )
                for layer in estimate["layers"]
            ],
        ),
        "",
        "Formats (ap_fixed notation: <bits, integer bits>)",
        *_table(
            ("stage", *_FORMATS, "beta", "Q"),
            [
                (
                    layer["stage"],
                    *(layer["formats"].get(key, "-") for key in _FORMATS),
                    layer["beta"],
                    layer["requantisation"],
                )
                for layer in estimate["layers"]
            ],
        ),
        "",
        f"Memories, {estimate['memory_bits']:,} bits",
        *_table(
            ("memory", "words", "width", "bits"),
            [(m["path"], m["depth"], m["width"], f"{m['bits']:,}") for m in estimate["memories"]],
        ),
        "",
        "Cycles of the artifact's stimulus, by the formula that equals the RTL's (ARCHITECTURE.md)",
        *_table(
            ("clip", "steps", "events into the stages", "cycles", "lower bound"),
            [
                (i, c["steps"], " ".join(map(str, c["events"])), c["cycles"], c["lower_bound_cycles"])
                for i, c in enumerate(estimate["clips"])
            ],
        ),
        f"mean {estimate['cycles_mean']:,.1f} cycles, at most {estimate['cycles_max']:,}",
        "",
    ]
    return "\n".join(lines)


_FORMATS = ("weight", "bias", "recurrent", "membrane")


def _formats(stage: IntegratorSpec) -> dict[str, str]:
    formats = {"weight": stage.weight, "bias": stage.bias, "membrane": stage.membrane}
    if isinstance(stage, LayerSpec) and stage.recurrence is not None:
        formats["recurrent"] = stage.recurrence.weight
    return {key: str(value) for key, value in formats.items()}


def _behaviour(stage: IntegratorSpec) -> dict[str, Any]:
    recurrent_parameters = 0
    if isinstance(stage, LayerSpec):
        rec = stage.recurrence
        recurrent_parameters = stage.recurrent_parameters
        does = "no recurrence" if rec is None else f"{rec.kind} K={rec.kernel_size} delays<={rec.max_delay}"
        does += f", reset {stage.reset_mode}"
    else:
        assert isinstance(stage, ReadoutSpec)
        does = f"readout {stage.mode}"
    beta = float(stage.beta_format.to_real(stage.beta))
    return {
        "does": does,
        "recurrent_parameters": recurrent_parameters,
        "beta": f"{beta:g}",
        "requantisation": f"{stage.rounding}, {stage.overflow}",
    }


def _range(values: list[int]) -> dict[str, float]:
    return {"min": min(values), "mean": round(sum(values) / len(values), 3), "max": max(values)}


def _numbers(metrics: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every single number in `metrics`, under its dotted path."""
    for key, value in metrics.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{key}", value


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    """Columns as wide as their widest cell; numbers to the right."""
    cells = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    numeric = [all(isinstance(value, int) for value in column) for column in zip(*rows, strict=True)]

    def line(row: tuple[str, ...]) -> str:
        pairs = zip(row, widths, numeric, strict=True)
        return "  " + "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in pairs).rstrip()

    return [line(head), "  " + "  ".join("-" * width for width in widths), *map(line, cells)]
