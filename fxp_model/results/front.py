"""The front of a search for widths: area against latency, a curve for each accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fxp_model.results.style import COLORS, INK, PALE, figure, plain

Core = Mapping[str, Any]


def draw(path: Path, front: Sequence[Core], picked: Mapping[str, Core], part: str) -> Path:
    """Write the figure as SVG.

    `front` and `picked` are cores as `hw.estimates.front.Found` has them: `us`, `share`, `accuracy`,
    `system`.
    """
    own = next(iter(picked.values()))["system"]
    others = sorted({core["system"] for core in front} - {own}, reverse=True)
    with figure(path, 8, 5.5) as drawing:
        axes = drawing.add_subplot()
        for number, system in enumerate([own, *others]):
            cores = [core for core in front if core["system"] == system]
            accuracy = cores[0]["accuracy"] if cores else None
            label = system if accuracy is None else f"{system}, {100 * accuracy:.1f} %"
            color = COLORS[number] if number < len(COLORS) else PALE
            shares = [100 * core["share"] for core in cores]
            axes.plot(
                [core["us"] for core in cores], shares, ".-", color=color, label=plain(label), markersize=4
            )
        for name, core in picked.items():
            place = core["us"], 100 * core["share"]
            axes.plot(*place, "o", color=INK, fillstyle="none", markersize=9)
            axes.annotate(name, place, xytext=(8, 6), textcoords="offset points", color=INK)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("mean latency of a clip, us")
        axes.set_ylabel(f"largest share of a kind of cell of {part}, %")
        axes.legend()
    return path
