"""The figures: accuracy against parameters and bits, delays before and after, the raster of a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fxp_model import network as golden
from fxp_model.artifact import Artifact
from fxp_model.files import json_text, write_text
from fxp_model.folders import FolderKind
from fxp_model.results.rows import Row
from fxp_model.results.style import COLORS, INK, PALE, Axes, figure, plain
from fxp_model.results.summary import Summary, summarise

SHOWN = "conv"
"""The system whose delays and bits are shown."""
_OF_BITS = {"weight_bits", "kernel_bits", "quantized"}


FOLDER = FolderKind("folder of figures", "figures.json", "spikeline-figures")


def draw(folder: Path, rows: list[Row], artifact: Artifact) -> list[Path]:
    """Write all figures that the rows allow to `folder`, a `FOLDER`, and return their paths.

    Raises
    ------
    InputError
        If the folder holds something else.
    """
    with FOLDER.writing(folder) as new:
        write_text(new / FOLDER.mark, json_text({"format": FOLDER.format}))
        drawn = [parameters(new / "parameters.svg", summarise(rows)), raster(new / "raster.svg", artifact)]
        shown = [row for row in rows if row["system"] == SHOWN]
        if shown:
            setting = _without_bits(shown[0])
            bits = [row for row in rows if _without_bits(row) == setting]
            drawn += [delays(new / "delays.svg", shown[0]), weight_bits(new / "bits.svg", summarise(bits))]
    return [folder / path.name for path in drawn]


def parameters(path: Path, summaries: list[Summary]) -> Path:
    """Accuracy of each system against its total recurrent parameters, with the spread over seeds."""
    with figure(path, 8, 5.5) as drawing:
        axes = drawing.add_subplot()
        groups: dict[int, list[tuple[float, float, str]]] = {0: [], 1: [], 2: []}
        for row in summaries:
            count = row["recurrent_parameters"] * row["recurrent_layers"]
            kind = 2 if count == 0 else 0 if row["kernel"] else 1
            groups[kind].append((count, 100 * row["val_mean"], row["system"]))
            _point(axes, count, row, COLORS[kind])
        axes.set_xscale("symlog", linthresh=100, linscale=0.5)
        axes.set_xlim(-20, 1e8)
        axes.set_xticks([0, 1e2, 1e3, 1e4, 1e5], ["0", "100", "1,000", "10,000", "100,000"])
        axes.set_xlabel("recurrent parameters")
        axes.set_ylabel("accuracy on val, %")
        low, high = axes.get_ylim()
        for kind, points in groups.items():
            _label(axes, points, COLORS[kind], (high - low) / 24)
    return path


def weight_bits(path: Path, summaries: list[Summary]) -> Path:
    """Accuracy against the width of the weights; float weights as a line."""
    with figure(path, 6, 4) as drawing:
        axes = drawing.add_subplot()
        for row in summaries:
            if row["weight_bits"] is None:
                mean = 100 * row["val_mean"]
                axes.axhline(mean, color=PALE, linestyle="--")
                axes.annotate(
                    plain(row["system"]),
                    (0.99, mean),
                    xycoords=("axes fraction", "data"),
                    ha="right",
                    va="bottom",
                )
            else:
                _point(axes, row["weight_bits"], row, COLORS[0])
                axes.annotate(
                    plain(row["system"]),
                    (row["weight_bits"], 100 * row["val_mean"]),
                    (6, -12),
                    textcoords="offset points",
                )
        axes.set_xticks(sorted({row["weight_bits"] for row in summaries} - {None}))
        axes.margins(x=0.15)
        axes.set_xlabel("bits of a weight")
        axes.set_ylabel("accuracy on val, %")
    return path


def delays(path: Path, row: Row) -> Path:
    """Delays of each layer at the start and after training."""
    layers = list(zip(row["delays_before"], row["delays_after"], strict=True))
    edges = np.arange(0, max(max(before + after) for before, after in layers) + 3, 2) - 0.5
    with figure(path, 8, 3.2) as drawing:
        panels = drawing.subplots(1, len(layers), sharey=True, squeeze=False)[0]
        for index, (axes, (before, after)) in enumerate(zip(panels, layers, strict=True)):
            axes.hist(after, edges, color=COLORS[0], label="learned")
            axes.hist(before, edges, histtype="step", color=INK, label="at the start")
            axes.set_title(f"recurrent layer {index}", fontsize=10)
            axes.set_xlabel("axonal delay, steps")
        panels[0].set_ylabel("neurons")
        panels[-1].legend(title=plain(f"{row['system']}, seed {row['seed']}"))
    return path


def raster(path: Path, artifact: Artifact, clip: int = 0) -> Path:
    """Input events of a clip of the artifact's stimulus and the spikes they cause, by the golden model."""
    counts = artifact.stimulus[:, clip : clip + 1]
    trace = golden.run(artifact.network, counts)
    word = artifact.labels[int(trace.classes[0])]
    panels = [("input channel", counts[:, 0])]
    panels += [(f"neuron, layer {i}", layer.spikes[:, 0]) for i, layer in enumerate(trace.layers)]
    with figure(path, 8, 7) as drawing:
        rows = drawing.subplots(len(panels), 1, sharex=True)
        for axes, (name, events) in zip(rows, panels, strict=True):
            # an image, one pixel per step and row: as points, a clip would take megabytes
            axes.imshow(events.T, "Greys", aspect="auto", interpolation="nearest", origin="lower")
            axes.set_ylabel(name)
            axes.grid(visible=False)
        axes.set_xlabel("step")
        drawing.suptitle(plain(f"{artifact.name}: a clip that it hears as “{word}”"), fontsize=10)
    return path


def _without_bits(row: Row) -> dict[str, object]:
    return {name: value for name, value in row["setting"].items() if name not in _OF_BITS}


def _point(axes: Axes, x: float, row: Summary, color: str) -> None:
    spread = None if row["val_std"] is None else 100 * row["val_std"]
    axes.errorbar(
        x, 100 * row["val_mean"], spread, color=color, marker="o", markersize=4, linewidth=1, capsize=2
    )


def _label(axes: Axes, points: Sequence[tuple[float, float, str]], color: str, gap: float) -> None:
    """Label points in a column to their right, from the top, at least `gap` apart."""
    if not points:
        return
    column = 40.0 if max(x for x, _, _ in points) == 0 else 2.5 * max(x for x, _, _ in points)
    last = np.inf
    for x, y, name in sorted(points, key=lambda point: -point[1]):
        last = min(y, last - gap)
        axes.annotate(
            plain(name),
            (x, y),
            (column, last),
            color=color,
            fontsize=8,
            va="center",
            arrowprops={"arrowstyle": "-", "color": PALE, "linewidth": 0.6, "shrinkB": 3},
        )
