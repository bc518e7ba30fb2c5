"""The figure of a detection error trade-off (DET): misses against false alarms per hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fxp_model.results.style import COLORS, figure, plain

Rows = Sequence[Mapping[str, Any]]
"""Points of a curve, as `fxp_model.spotting.report.row` gives them."""


def draw(path: Path, curves: Mapping[str, Rows]) -> Path:
    """Write the curves of detectors, by their names, with the bounds of their misses, as SVG.

    False alarms are on a logarithmic axis: thresholds without any are not shown.
    """
    with figure(path, 6, 4) as drawing:
        axes = drawing.add_subplot()
        for color, (name, rows) in zip(COLORS, curves.items(), strict=False):
            shown = sorted(
                (row for row in rows if row["false_alarms_per_hour"] > 0),
                key=lambda row: (row["false_alarms_per_hour"], -row["miss"]),
            )
            alarms = [row["false_alarms_per_hour"] for row in shown]
            low, high = ([100 * row["miss_bounds"][place] for row in shown] for place in (0, 1))
            axes.fill_between(alarms, low, high, color=color, alpha=0.15, linewidth=0)
            axes.plot(alarms, [100 * row["miss"] for row in shown], color=color, label=plain(name))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_ylim(0, 100)
        axes.set_xlabel("false alarms per hour")
        axes.set_ylabel("words missed, %")
        axes.legend()
    return path
