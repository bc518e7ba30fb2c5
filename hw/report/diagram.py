"""A block diagram of a core: its stages and blocks, with the widths and formats that it was built with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fxp_model.results.style import COLORS, INK, PALE, PAPER, Axes, figure, patches
from hw.rtl.spike_queue import SpikeQueue

WIDTH = 302.0
"""In points, as all lengths here, from the top left."""
BOX, TALL, GAP, EDGE = 63.0, 48.0, 10.0, 10.0
NAME, TEXT = 8.0, 7.5
"""Font sizes."""
LINE = 8.5
BETWEEN = 16.0
"""Between the frames of two stages."""
_TITLE = 14.0
_LOOP = 30.0
"""Height of the blocks of a recurrence."""


def diagram(path: Path, summary: Mapping[str, Any]) -> Path:
    """Write the diagram as SVG."""
    layers = summary["layers"]
    heights = [_height(layer) for layer in layers]
    total = 54 + sum(heights) + BETWEEN * len(layers) + 18
    with figure(path, WIDTH / 72, total / 72, TEXT) as drawing:
        drawing.set_layout_engine("none")
        axes = drawing.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(total, 0))
        axes.set_axis_off()
        _top(axes, summary)
        y = 54.0
        source = (_x(0), 40.0)  # bottom of the decoder, where events leave for the first synapses
        for layer, height in zip(layers, heights, strict=True):
            _stage(axes, layer, y, height)
            _link(axes, source, y)
            source = (_x(3), y + _TITLE + TALL)
            y += height + BETWEEN
        middle = _x(2) + BOX / 2
        _arrow(axes, (middle, source[1]), (middle, y))
        axes.text(middle, y + 10, f"m_axis: {layers[-1]['n_out']} scores, class", ha="center", size=NAME)
    return path


def _top(axes: Axes, summary: Mapping[str, Any]) -> None:
    """Input decoder and control."""
    first = summary["layers"][0]
    _box(axes, _x(0), 14, 26, "decoder", [f"{32 * first['events_per_cycle']}-bit s_axis"])
    _arrow(axes, (_x(0) + BOX / 2, 0), (_x(0) + BOX / 2, 14))
    lines = ["registers, counters" + (", reload" if summary["reload"] else ""), "s_axil, irq"]
    _box(axes, _x(2), 6, 34, "control", lines, width=2 * BOX + GAP, color=PALE)


def _stage(axes: Axes, layer: Mapping[str, Any], y: float, height: float) -> None:
    """A hidden layer or the readout, in a frame."""
    _frame(axes, 2, y, WIDTH - 4, height, PALE, "none")
    axes.text(
        WIDTH - 8, y + 10, f"{layer['stage']}: {layer['n_in']} to {layer['n_out']}", ha="right", size=NAME
    )
    late = layer["input_delay_steps"]
    if late:
        said = f"inputs {late['min']}..{late['max']} steps late"
        axes.text(_x(0) + BOX / 2 + 6, y + 10, said, size=TEXT, color=COLORS[0])
    row = y + _TITLE
    names = _blocks(layer)
    for place, (name, lines) in enumerate(names):
        _box(axes, _x(place), row, TALL, name, lines)
        if place:
            _arrow(axes, (_x(place) - GAP, row + TALL / 2), (_x(place), row + TALL / 2))
    if layer["recurrence"] is None:
        return
    low = row + TALL + 12
    middle = _x(1) + BOX / 2
    kind, text = _recurrence(layer)
    width = 76.0
    left, right = middle - 6 - width, middle + 6
    learned = layer["delay_steps"]
    _box(axes, left, low, _LOOP, kind, text, width, COLORS[0])
    lines = [f"{learned['min']}..{learned['max']} steps", f"mean {learned['mean']:.1f}"]
    _box(axes, right, low, _LOOP, "delays", lines, width, COLORS[0])
    _arrow(axes, (middle + 16, row + TALL), (middle + 16, low), COLORS[0])
    _arrow(axes, (right, low + _LOOP / 2), (left + width, low + _LOOP / 2), COLORS[0])
    _arrow(axes, (middle - 16, low), (middle - 16, row + TALL), COLORS[0])


def _link(axes: Axes, source: tuple[float, float], y: float) -> None:
    """Events from the block above, whose lower left corner is `source`, into the frame at `y`."""
    start, end, turn = source[0] + BOX / 2, _x(0) + BOX / 2, y - BETWEEN / 2
    axes.plot([start, start, end], [source[1], turn, turn], color=INK, linewidth=0.8, solid_joinstyle="miter")
    _arrow(axes, (end, turn), (end, y + _TITLE))


def _blocks(layer: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Blocks along the data flow of a stage, and the labels of each."""
    events = layer["events_per_cycle"]
    formats = layer["formats"]
    first = [
        (
            "synapses",
            [
                formats["weight"],
                f"{layer['lanes']} lanes",
                f"W = {layer['words']}",
                f"{events} event{'s' * (events > 1)}/cycle",
            ],
        ),
        (
            "update",
            [
                formats["membrane"],
                f"{layer['update_lanes']} lanes",
                f"G = {layer['groups']}",
                f"beta {layer['beta']}",
            ],
        ),
    ]
    if layer["does"].startswith("readout"):
        return [*first, ("scores", [layer["does"].removeprefix("readout ").partition(",")[0], "argmax"])]
    return [*first, ("spike_queue", [f"{SpikeQueue.DEPTH} steps"]), ("encoder", ["to events"])]


def _recurrence(layer: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Name of the block and its labels."""
    taps = (
        f"K = {layer['kernel_size']}"
        if layer["recurrence"] == "conv"
        else f"{layer['n_out']} x {layer['n_out']}"
    )
    name = "conv" if layer["recurrence"] == "conv" else "recurrent"
    return name, [f"{taps}, {layer['formats']['recurrent']}"]


def _height(layer: Mapping[str, Any]) -> float:
    return _TITLE + TALL + EDGE + (12 + _LOOP if layer["recurrence"] else 0)


def _x(place: int) -> float:
    """Left edge of the block at a place along the flow."""
    return EDGE + place * (BOX + GAP)


def _box(
    axes: Axes,
    x: float,
    y: float,
    height: float,
    name: str,
    lines: Sequence[str],
    width: float = BOX,
    color: str = INK,
) -> None:
    _frame(axes, x, y, width, height, color, PAPER)
    axes.text(x + width / 2, y + 10, name, ha="center", size=NAME, weight="bold")
    for place, line in enumerate(lines, 1):
        axes.text(x + width / 2, y + 10 + LINE * place, line, ha="center", size=TEXT)


def _frame(axes: Axes, x: float, y: float, width: float, height: float, edge: str, face: str) -> None:
    style = "round,pad=0,rounding_size=3"
    axes.add_patch(
        patches.FancyBboxPatch((x, y), width, height, style, edgecolor=edge, facecolor=face, linewidth=0.8)
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], color: str = INK) -> None:
    style = {"arrowstyle": "-|>,head_width=0.15,head_length=0.3", "color": color, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops={**style, "linewidth": 0.8})
