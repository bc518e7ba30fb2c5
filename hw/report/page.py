"""The report as one self-contained HTML page, with style and figures inside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from fxp_model.results.style import COLORS, INK, PALE, PAPER, RULE
from hw.report.builds import of_core, of_hls, shown
from hw.report.text import numbers

_THEME = {
    INK: "ink",
    PALE: "pale",
    RULE: "rule",
    PAPER: "paper",
    COLORS[0]: "accent",
    COLORS[1]: "second",
    COLORS[2]: "third",
}
"""Colours of the figures, and the page's names for them, so that they follow its dark mode."""


def render_page(template: str, **values: Any) -> str:
    """The page of a template in ``templates/``; every text in `values` is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "path": breakable}
    return environment.get_template(template).render(**values)


def report_page(summary: Mapping[str, Any], figures: Sequence[Path]) -> str:
    """The page of a build, from its summary and its figures."""
    metrics, cells = list(numbers(summary["metrics"])), summary["resources"]
    return render_page(
        "report.html",
        report=summary,
        figures={path.stem: inline(path) for path in figures},
        metrics=metrics,
        accuracy=next((own for own in metrics if own[0].endswith("accuracy")), None),
        memories=list(alike(summary["memories"])),
        blocks=stage_blocks(cells["blocks"]),
        ear_blocks=stage_blocks(cells["ear"]["blocks"]) if cells["ear"] else [],
        hls_rows=hls_rows(summary),
    )


def inline(path: Path) -> Markup:
    """A figure of `fxp_model.results.style.figure` for a page: unique ids, and colours by name."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'(?<=id=")|(?<=url\(#)|(?<=href="#)', f"{path.stem}-", text)
    for color, name in _THEME.items():
        text = text.replace(color, f"var(--{name})")
    # the page sets its size
    return Markup(re.sub(r'(<svg [^>]*?)width="[^"]*" height="[^"]*"', r"\1", text, count=1))


def hls_rows(summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name of every figure of the HLS project, with its value there and in the core."""
    if summary["hls"] is None:
        return []
    ours = of_core(summary)
    return [(name, shown(value), shown(ours.get(name))) for name, value in of_hls(summary["hls"]).items()]


def alike(memories: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Memories; those that differ only in the number at the end of their names share a row."""

    def kind(memory: Mapping[str, Any]) -> tuple[str, int, int]:
        return re.sub(r"\d+$", "", memory["path"]), memory["depth"], memory["width"]

    for (stem, depth, width), group in groupby(memories, kind):
        own = list(group)
        path = own[0]["path"] if len(own) == 1 else f"{stem}0..{len(own) - 1}"
        bits = sum(memory["bits"] for memory in own)
        yield {"path": path, "count": len(own), "depth": depth, "width": width, "bits": bits}


def stage_blocks(
    blocks: Mapping[str, Mapping[str, float]],
) -> list[tuple[str, list[tuple[str, dict[str, float]]]]]:
    """Cells of the blocks one level below each stage, stage by stage."""
    stages: dict[str, dict[str, dict[str, float]]] = {}
    for path, cells in blocks.items():
        stage, _, rest = path.partition(".")
        own = stages.setdefault(stage, {}).setdefault(rest.partition(".")[0], {})
        for kind, amount in cells.items():
            own[kind] = own.get(kind, 0) + amount
    return [(stage, list(own.items())) for stage, own in stages.items()]


def count(value: float | None, digits: int = 0) -> str:
    """A number with thousands separators; ? if it is not known."""
    if value is None:
        return "?"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def breakable(path: str) -> Markup:
    """A hierarchical name with possible line breaks at its dots."""
    return Markup(".<wbr>").join(escape(part) for part in path.split("."))
