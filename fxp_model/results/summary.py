"""A line for each system: mean and spread over seeds, and the differences to dense DelRec."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from fxp_model.results.rows import Row

REFERENCES = ("dense-last-float", "dense-float")
"""Baselines of the comparison: DelRec as published, and with a recurrence in every layer."""

Summary = dict[str, Any]


def summarise(rows: Iterable[Row]) -> list[Summary]:
    """One object per system, in the order of the rows.

    `val_std` is the sample standard deviation (ddof 1), `recurrent_parameters` are those of one layer.
    `against` has, for each of `REFERENCES`, the mean `delta` over their common seeds, the number of `pairs`,
    and the `p_value` of the two-sided paired t-test; None if there is nothing to test.
    """
    systems: dict[str, dict[int, Row]] = {}
    for row in rows:
        systems.setdefault(row["system"], {})[row["seed"]] = row
    references = {name: systems.get(name, {}) for name in REFERENCES}
    return [_summary(by_seed, references) for by_seed in systems.values()]


def _summary(by_seed: dict[int, Row], references: dict[str, dict[int, Row]]) -> Summary:
    first = next(iter(by_seed.values()))
    seeds = sorted(by_seed)
    val = [by_seed[seed]["val"] for seed in seeds]
    copied = ("system", "about", "weight_bits", "kernel", "recurrent_parameters", "recurrent_layers")
    return {name: first[name] for name in copied} | {
        "val_mean": statistics.fmean(val),
        "val_std": statistics.stdev(val) if len(val) > 1 else None,
        "seeds": seeds,
        "against": {
            name: _against(by_seed, {} if name == first["system"] else reference)
            for name, reference in references.items()
        },
        "spikes_per_neuron_step": statistics.fmean(row["spikes_per_neuron_step"] for row in by_seed.values()),
    }


def _against(by_seed: dict[int, Row], reference: dict[int, Row]) -> dict[str, Any]:
    common = sorted(by_seed.keys() & reference.keys())
    own, other = ([rows[seed]["val"] for seed in common] for rows in (by_seed, reference))
    delta = statistics.fmean(own) - statistics.fmean(other) if common else None
    return {"delta": delta, "p_value": paired_p_value(own, other), "pairs": len(common)}


def paired_p_value(a: list[float], b: list[float]) -> float | None:
    """Two-sided p-value of the paired t-test; None for fewer than two pairs, or equal differences."""
    from scipy.stats import ttest_rel

    if len({x - y for x, y in zip(a, b, strict=True)}) < 2:
        return None
    return float(ttest_rel(a, b).pvalue)


def markdown(summaries: Iterable[Summary]) -> str:
    """The table as Markdown; accuracies in percent, differences in points."""
    lines = [
        "| system | | weights | K | recurrent parameters | seeds | val % "
        "| to dense, last layer | to dense, both | spikes |",
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
            *(_difference(row["against"][name]) for name in REFERENCES),
            f"{row['spikes_per_neuron_step']:.3f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _difference(against: dict[str, Any]) -> str:
    test = _optional(f" (p {{:.3f}}, n {against['pairs']})", against["p_value"])
    return _optional("{:+.2f}", against["delta"], 100) + test


def _optional(text: str, value: float | None, factor: float = 1.0) -> str:
    return "" if value is None else text.format(factor * value)
