"""One style for all figures, and files that are equal byte for byte under any matplotlib settings.

The only module that imports matplotlib: everything else that a figure needs from it comes from here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import replacing
from fxp_model.printable import printable

_BACKEND = os.environ.pop("MPLBACKEND", None)  # no figure here uses a backend, and a missing one is an error
try:
    import matplotlib as mpl
    from matplotlib import colors, patches, ticker
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ValueError as error:  # a matplotlibrc that is not text
    raise InputError(f"matplotlib cannot read its settings: {error}") from None
finally:
    if _BACKEND is not None:
        os.environ["MPLBACKEND"] = _BACKEND

__all__ = ["COLORS", "INK", "PALE", "PAPER", "RULE", "Axes", "colors", "figure", "patches", "plain", "ticker"]

INK = "#222222"
PALE = "#bbbbbb"
RULE = "#e6e6e6"
PAPER = "#ffffff"
COLORS = ("#0b6e99", "#d9730d", "#6b7a3a")
"""Conv, dense, and no recurrence; distinct in grey too."""

_HOUSE: Any = {
    "axes.edgecolor": INK,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
    "font.size": 10,
    "grid.color": RULE,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "spikeline",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def plain(name: str) -> str:
    """A name as text of a figure: one line, with $ escaped, as it would start a formula."""
    return printable(name).replace("$", r"\$")


@contextmanager
def figure(path: Path, width: float, height: float, font_size: float = 10) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches, written to `path` as SVG when the block succeeds."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_HOUSE, "font.size": font_size})
        drawing = Figure(figsize=(width, height), layout="constrained")
        yield drawing
        with replacing(path) as temporary:
            drawing.savefig(temporary, format="svg", metadata={"Date": None})
