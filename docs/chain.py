"""The chain from sound to gates, of a synthetic word: ``python -m docs.chain`` draws it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

from fxp_model import find, load_artifact, run
from fxp_model.data import synthesise
from fxp_model.ear.spec import EarSpec
from fxp_model.results.style import COLORS, INK, PALE, PAPER, figure

PICTURE = Path(__file__).parent / "images" / "chain.svg"
NETWORK = "asc20-256x256-k5"
WORD, SPEAKER = "tau", 3

WIDTH, HEIGHT = 900.0, 392.0
"""Points; the unit of all coordinates, from the top left."""
TOP, TALL = 54.0, 120.0
PANELS = (("sound", 16), ("spike counts", 241), ("hidden layer", 466), ("scores", 691))
PANEL = 193.0
FORMS = (
    "PyTorch,\neval mode",
    "golden model,\nnumpy",
    "compiled\nengine",
    "RTL,\nIcarus",
    "RTL,\nVerilator",
    "HLS C++",
    "netlist\nof gates",
)
"""The implementations that compute the same integers."""


def draw(path: Path = PICTURE) -> Path:
    """Write the picture as SVG."""
    artifact = load_artifact(find(NETWORK))
    sound = synthesise(WORD, 0, SPEAKER)
    counts = EarSpec.from_dict(artifact.encoder or {}).encode(sound, 16_000)
    trace = run(artifact.network, counts[:, np.newaxis])
    with figure(path, WIDTH / 72, HEIGHT / 72, 12) as drawing:
        drawing.set_layout_engine("none")
        canvas = drawing.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        canvas.set_axis_off()
        panels = [_panel(drawing, canvas, title, left) for title, left in PANELS]
        _sound(panels[0], sound)
        _events(panels[1], counts, INK)
        _events(panels[2], trace.layers[0].spikes[:, 0], COLORS[0])
        _scores(panels[3], trace.scores[0])
        notes = (
            "one second, 16 kHz",
            "140 channels of an ear,\n10 ms a step",
            "256 neurons receive their\nown delayed spikes",
            "20 words; the highest wins",
        )
        for (_, left), note in zip(PANELS, notes, strict=True):
            canvas.text(
                left + PANEL / 2,
                TOP + TALL + 8,
                note,
                ha="center",
                va="top",
                size=10.5,
                color=INK,
                linespacing=1.3,
            )
        for _, left in PANELS[1:]:
            _arrow(canvas, (left - 30, TOP + TALL / 2), (left - 3, TOP + TALL / 2))
        _forms(canvas)
    return path


def _panel(drawing: Figure, canvas: Axes, title: str, left: float) -> Axes:
    canvas.text(left + PANEL / 2, TOP - 14, title, ha="center", size=13, weight="bold", color=INK)
    axes = drawing.add_axes((left / WIDTH, 1 - (TOP + TALL) / HEIGHT, PANEL / WIDTH, TALL / HEIGHT))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(PALE)
    return axes


def _sound(axes: Axes, sound: NDArray[np.float64]) -> None:
    """The envelope: a line for each 50 samples, from the lowest to the highest."""
    blocks = sound.reshape(-1, 50)
    axes.vlines(np.arange(len(blocks)), blocks.min(axis=1), blocks.max(axis=1), colors=INK, linewidth=0.5)
    axes.set_xlim(0, len(blocks))


def _events(axes: Axes, counts: NDArray[np.integer], color: str) -> None:
    """A dot wherever a channel, or a neuron, spikes; of `counts` (T, N)."""
    step, place = np.nonzero(counts)
    axes.plot(step, place, ".", color=color, markersize=1.6, markeredgewidth=0, rasterized=True)
    axes.set_xlim(0, len(counts))
    axes.set_ylim(-1, counts.shape[1])


def _scores(axes: Axes, scores: NDArray[np.int64]) -> None:
    """A bar for each class, the winner's in colour."""
    colors = [COLORS[1] if label == np.argmax(scores) else PALE for label in range(len(scores))]
    axes.bar(np.arange(len(scores)), scores - scores.min(), color=colors, width=0.75)


def _forms(canvas: Axes) -> None:
    top, tall, gap = 288.0, 56.0, 26.0
    canvas.text(
        WIDTH / 2,
        top - 28,
        "one network, the same integers in every form",
        ha="center",
        size=13,
        weight="bold",
        color=INK,
    )
    left, wide = 16.0, (WIDTH - 32 - gap * (len(FORMS) - 1)) / len(FORMS)
    for place, form in enumerate(FORMS):
        x = left + place * (wide + gap)
        box = FancyBboxPatch(
            (x + 3, top + 3),
            wide - 6,
            tall - 6,
            "round,pad=3,rounding_size=5",
            facecolor=PAPER,
            edgecolor=COLORS[0],
            linewidth=1.4,
        )
        canvas.add_patch(box)
        canvas.text(
            x + wide / 2,
            top + tall / 2,
            form,
            ha="center",
            va="center",
            size=10.5,
            color=INK,
            linespacing=1.3,
        )
        if place:
            canvas.text(
                x - gap / 2,
                top + tall / 2,
                "==",
                ha="center",
                va="center",
                size=13,
                weight="bold",
                color=COLORS[1],
            )
    canvas.text(
        WIDTH / 2,
        top + tall + 26,
        "compared by ==, no tolerance: every membrane, spike and score; of RTL and netlist the cycles, too",
        ha="center",
        size=10.5,
        color=INK,
    )


def _arrow(canvas: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    canvas.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=14, color=INK, linewidth=1.4, shrinkA=0, shrinkB=0
        )
    )


if __name__ == "__main__":
    draw()
