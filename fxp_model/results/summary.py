"""A line for each system: mean and spread over seeds, and the difference to dense DelRec."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from fxp_model.results.rows import Row

REFERENCE = "dense-float"
"""The system that the others are compared with: DelRec as published."""

Summary = dict[str, Any]


def summarise(rows: Iterable[Row]) -> list[Summary]:
    """One object for each system, in the order of the rows.

    `val_std` is the sample's (ddof 1), `recurrent_parameters` are those of one layer.
    `delta_to_dense` is the mean over the seeds that both have, `pairs` their number, and `p_value`
    that of the paired t-test over them, two-sided; None where there is nothing to test.
    """
    systems: dict[str, dict[int, Row]] = {}
    for row in rows:
        systems.setdefault(row["system"], {})[row["seed"]] = row
    reference = systems.get(REFERENCE, {})
    return [_summary(by_seed, reference) for by_seed in systems.values()]


def _summary(by_seed: dict[int, Row], reference: dict[int, Row]) -> Summary:
    first = next(iter(by_seed.values()))
    seeds = sorted(by_seed)
    val = [by_seed[seed]["val"] for seed in seeds]
    common = [seed for seed in seeds if seed in reference and first["system"] != REFERENCE]
    own, other = ([rows[seed]["val"] for seed in common] for rows in (by_seed, reference))
    copied = ("system", "about", "weight_bits", "kernel", "recurrent_parameters", "recurrent_layers")
    return {name: first[name] for name in copied} | {
        "val_mean": statistics.fmean(val),
        "val_std": statistics.stdev(val) if len(val) > 1 else None,
        "seeds": seeds,
        "delta_to_dense": statistics.fmean(own) - statistics.fmean(other) if common else None,
        "p_value": paired_p_value(own, other),
        "pairs": len(common),
        "spikes_per_neuron_step": statistics.fmean(row["spikes_per_neuron_step"] for row in by_seed.values()),
    }


def paired_p_value(a: list[float], b: list[float]) -> float | None:
    """Two-sided p-value of the paired t-test; None for fewer than two pairs, or equal differences."""
    from scipy.stats import ttest_rel

    if len({x - y for x, y in zip(a, b, strict=True)}) < 2:
        return None
    return float(ttest_rel(a, b).pvalue)


def markdown(summaries: Iterable[Summary]) -> str:
    """The table as Markdown; accuracies in percent, differences in points."""
    lines = [
        "| system | | weights | K | recurrent parameters | seeds | val % | to dense | p | spikes |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in summaries:
        cells = [
            row["system"],
            row["about"],
            "float" if row["weight_bits"] is None else f"{row['weight_bits']} bit",
            "" if row["kernel"] is None else str(row["kernel"]),
            f"{row['recurrent_layers']} x {row['recurrent_parameters']:,}"
            if row["recurrent_layers"]
            else "0",
            str(len(row["seeds"])),
            f"{100 * row['val_mean']:.2f}" + _optional(" ± {:.2f}", row["val_std"], 100),
            _optional("{:+.2f}", row["delta_to_dense"], 100),
            _optional("{:.3f}", row["p_value"]) + (f" (n = {row['pairs']})" if row["p_value"] else ""),
            f"{row['spikes_per_neuron_step']:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _optional(text: str, value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else text.format(factor * value)
