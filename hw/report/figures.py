"""The figures of a report, as SVG files narrow enough for a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model import network as golden
from fxp_model.artifact import Artifact
from fxp_model.results.style import COLORS, INK, PALE, Axes, colors, figure, plain, ticker
from hw.report.diagram import diagram

WIDTH = 4.2
"""In inches: with an 8-point font, text is readable on 360 pixels."""
FONT = 8
DELAYS = {"delay_steps": "neurons", "input_delay_steps": "inputs"}
"""What has the delays of a layer, recurrent and forward ones, by their names in the summary."""
DASHES = ("-", "-", "-", "--", "-.", ":")


def draw(folder: Path, summary: Mapping[str, Any], artifact: Artifact) -> list[Path]:
    """Write the figures of a build into `folder`, which is created here, and return their paths."""
    folder.mkdir()
    paths = [
        diagram(folder / "diagram.svg", summary),
        cycles(folder / "cycles.svg", summary["timing"]),
        latency(folder / "latency.svg", summary["timing"]),
        raster(folder / "raster.svg", artifact),
    ]
    if any(layer[key] for layer in summary["layers"] for key in DELAYS):
        paths.append(delays(folder / "delays.svg", summary["layers"]))
    if summary["exploration"]:
        paths.append(front(folder / "front.svg", summary["exploration"]))
    return paths


def cycles(path: Path, timing: Mapping[str, Any]) -> Path:
    """Busy cycles of each stage, beside the cycles of a clip."""
    stages = timing["stages"]
    places = np.arange(len(stages))
    with figure(path, WIDTH, 0.9 + 0.42 * len(stages), FONT) as drawing:
        axes = drawing.add_subplot()
        for offset, part, color in ((-0.2, "synapses", COLORS[0]), (0.2, "update", COLORS[1])):
            axes.barh(places + offset, [own[f"{part}_mean"] for own in stages], 0.36, color=color, label=part)
        axes.axvline(timing["cycles_mean"], color=INK, linewidth=1, label="clip")
        axes.set_yticks(places, [own["stage"] for own in stages])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        _thousands(axes)
        axes.set_xlabel("cycles per clip, mean")
        axes.legend(ncols=3, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.2, handlelength=1.2)
    return path


def latency(path: Path, timing: Mapping[str, Any]) -> Path:
    """Histogram of the cycles of the clips."""
    with figure(path, WIDTH, 2.1, FONT) as drawing:
        axes = drawing.add_subplot()
        axes.stairs(timing["histogram"]["clips"], timing["histogram"]["cycles"], fill=True, color=COLORS[0])
        mean = timing["cycles_mean"]
        axes.axvline(mean, color=INK, linewidth=1)
        axes.annotate(
            f"mean {mean:,.0f}",
            (mean, 1),
            (0, 2),
            ha="center",
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
        )
        axes.yaxis.set_major_locator(ticker.MaxNLocator(integer=True))
        _thousands(axes)
        axes.set_xlabel("cycles of a clip")
        axes.set_ylabel("clips")
    return path


def delays(path: Path, layers: Sequence[Mapping[str, Any]]) -> Path:
    """Histogram of the delays of the neurons and of the inputs of each layer."""
    own = [
        (layer["stage"], of, layer[key][of]) for layer in layers for key, of in DELAYS.items() if layer[key]
    ]
    with figure(path, WIDTH, 0.5 + 1.15 * len(own), FONT) as drawing:
        panels = drawing.subplots(len(own), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (stage, of, amounts) in zip(panels, own, strict=True):
            axes.stairs(amounts, np.arange(len(amounts) + 1) - 0.5, fill=True, color=COLORS[0])
            axes.yaxis.set_major_locator(ticker.MaxNLocator(4, integer=True))
            axes.set_ylabel(f"{of}, {stage}")
        panels[-1].set_xlabel("axonal delay, steps")
    return path


def raster(path: Path, artifact: Artifact, clip: int = 0) -> Path:
    """Input events of a clip of the artifact's stimulus and the spikes they cause, by the golden model."""
    counts = artifact.stimulus[:, clip : clip + 1]
    trace = golden.run(artifact.network, counts)
    panels = [("input", counts[:, 0])]
    panels += [(f"layer{i}", layer.spikes[:, 0]) for i, layer in enumerate(trace.layers)]
    with figure(path, WIDTH, 0.5 + 1.1 * len(panels), FONT) as drawing:
        rows = drawing.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, events) in zip(rows, panels, strict=True):
            # an image with a pixel per step and line: as vector points, a clip would take megabytes
            axes.imshow(_pixels(events.T), aspect="auto", interpolation="none", origin="lower")
            axes.set_ylabel(name)
            axes.grid(visible=False)
        rows[-1].set_xlabel("step")
        rows[0].set_title(
            f"stimulus {clip}, heard as “{plain(artifact.labels[int(trace.classes[0])])}”",
            fontsize=FONT,
            loc="left",
        )
    return path


def _pixels(events: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Ink where there are events, denser for higher counts; transparent elsewhere."""
    image = np.zeros((*events.shape, 4), np.uint8)
    image[..., :3] = np.round(255 * np.array(colors.to_rgb(COLORS[0])))
    image[..., 3] = np.where(events > 0, 130 + 125 * events / max(1, events.max()), 0)
    return image


def front(path: Path, found: Mapping[str, Any]) -> Path:
    """Area against latency of the Pareto front of an exploration, and this core."""
    core = found["core"]
    with figure(path, WIDTH, 3.2, FONT) as drawing:
        axes = drawing.add_subplot()
        for number, system in enumerate(found["systems"]):
            cores = [point for point in found["front"] if point["system"] == system]
            shares = [100 * point["share"] for point in cores]
            color = COLORS[number] if number < len(COLORS) else PALE
            dashes = DASHES[number % len(DASHES)]
            axes.plot([point["us"] for point in cores], shares, dashes, color=color, label=plain(system))
        place = core["us"], 100 * core["share"]
        axes.plot(*place, "o", color=INK, fillstyle="none", markersize=8)
        axes.annotate("this core", place, (7, 5), textcoords="offset points")
        axes.loglog()
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(lambda value, _: f"{value:g}")
            axis.set_minor_locator(ticker.NullLocator())
        axes.set_title(f"on {plain(found['part'])} at {found['clock_mhz']:g} MHz", fontsize=FONT, loc="left")
        axes.set_xlabel("mean latency of a clip, us")
        axes.set_ylabel("largest share of a kind of cell, %")
        axes.legend()
    return path


def _thousands(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5))
