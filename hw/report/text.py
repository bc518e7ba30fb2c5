"""The report as a page of text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

_FORMATS = ("weight", "bias", "recurrent", "current", "membrane")
_CODES = {
    "threshold": "threshold",
    "beta": "beta",
    "alpha": "alpha",
    "requantisation": "Q",
    "current_requantisation": "Q of the current",
}
"""Heads of columns by the names in the summary."""


def render(summary: Mapping[str, Any]) -> str:
    """The page of a `hw.report.summary.summary`."""
    recorded = ", ".join(f"{key} {value:.4g}" for key, value in numbers(summary["metrics"]))
    lines = [
        f"Spikeline core {summary['name']}",
        f"artifact  {summary['artifact']}",
        f"sha256    {summary['sha256']}",
        f"metrics   {recorded or 'none recorded'}",
        "",
        *_layers(summary["layers"]),
        f"Memories, {summary['memory_bits']:,} bits",
        *table(
            ("memory", "words", "width", "bits"),
            [(m["path"], m["depth"], m["width"], f"{m['bits']:,}") for m in summary["memories"]],
        ),
        "",
        "Cycles of the artifact's stimulus, by the formula that equals the RTL (ARCHITECTURE.md)",
        *table(
            ("clip", "steps", "events into the stages", "cycles", "lower bound"),
            [
                (i, c["steps"], " ".join(map(str, c["events"])), c["cycles"], c["lower_bound_cycles"])
                for i, c in enumerate(summary["clips"])
            ],
        ),
        f"mean {summary['cycles_mean']:,.1f} cycles, maximum {summary['cycles_max']:,}",
        *_answers(summary),
        "",
        *_timing(summary["timing"]),
        *_resources(summary["resources"]),
        *_boards(summary["boards"], summary["cycles_mean"]),
        *_recurrences(summary["recurrences"]),
        *_energy(summary["energy"]),
    ]
    return "\n".join(lines) + "\n"


def _layers(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ("stage", "inputs", "neurons", "does", "lanes", "update_lanes", "events/cycle")
    shapes = [
        (
            own["stage"],
            own["n_in"],
            own["n_out"],
            own["does"],
            own["lanes"],
            own["update_lanes"],
            own["events_per_cycle"],
            f"{own['accumulator_bits']} bits",
            f"{own['sum_bits']} bits",
        )
        for own in layers
    ]
    formats = [
        (
            own["stage"],
            *(own["formats"].get(key, "-") for key in _FORMATS),
            *(own[key] or "-" for key in _CODES),
        )
        for own in layers
    ]
    return [
        "Layers",
        *table((*head, "accumulator", "exact sum"), shapes),
        "",
        "Formats (ap_fixed notation: <bits, integer bits>)",
        *table(("stage", *_FORMATS, *_CODES.values()), formats),
        "",
    ]


def _timing(timing: Mapping[str, Any]) -> list[str]:
    bottleneck = timing["bottleneck"]
    rows = [
        (own["stage"], *(f"{own[key]:,.1f}" for key in ("events_mean", "synapses_mean", "update_mean")))
        for own in timing["stages"]
    ]
    return [
        f"Cycles of {timing['clips']:,} clips ({timing['source']}), busiest: "
        f"{bottleneck['stage']} {bottleneck['part']}",
        *table(("stage", "events", "synapses", "update"), rows, right=(1, 2, 3)),
        f"mean {timing['cycles_mean']:,.1f} cycles, back to back {timing['interval_mean']:,.1f}; "
        f"at {timing['clock_mhz']:g} MHz {timing['latency_us_mean']:,.1f} us, "
        f"{timing['clips_per_second']:,.0f} clips/s",
        "",
    ]


def _resources(cells: Mapping[str, Any]) -> list[str]:
    lines = [f"Resources on {cells['part']}", *_cells(cells, cells["capacity"]), ""]
    ear = cells["ear"]
    if ear is not None:
        kinds = list(cells["capacity"])
        rows = [(path, *(f"{own[kind]:,g}" for kind in kinds)) for path, own in ear["blocks"].items()]
        lines += [
            f"Of the ear, not in these, on {cells['part']}",
            *_cells(ear, cells["capacity"]),
            "",
            *table(("block of the ear", *kinds), rows, right=range(1, len(kinds) + 1)),
            "",
        ]
    return lines


def _boards(boards: Sequence[Mapping[str, Any]], cycles: float) -> list[str]:
    rows = [
        (
            own["title"],
            own["part"],
            f"{own['clock_mhz']:g} MHz",
            f"{cycles / own['clock_mhz']:,.1f} us",
            f"{100 * own['share']:.0f} %",
            own["lacking"] or "all",
        )
        for own in boards
    ]
    head = ("board", "part", "clock", "mean latency", "fullest cells", "has, of what is needed")
    return ["Boards (scripts/build_board.py), by the estimates", *table(head, rows, right=(2, 3, 4)), ""]


def _cells(cells: Mapping[str, Any], capacity: Mapping[str, int]) -> list[str]:
    rows = [
        (
            kind,
            f"{cells['total'][kind]:,g}",
            f"{amount:,}",
            f"{100 * cells['total'][kind] / amount:.1f} %",
            f"{cells['error'][kind][0]:.1f} %",
            f"{cells['error'][kind][1]:.1f} %",
        )
        for kind, amount in capacity.items()
    ]
    head = ("cells", "estimated", "capacity", "share", "median error", "worst")
    return table(head, rows, right=range(1, 6))


def _recurrences(kinds: Sequence[Mapping[str, Any]]) -> list[str]:
    if not kinds:
        return []
    names = list(kinds[0]["cells"])
    rows = [
        (
            own["recurrence"] + (" (this core)" if own["this"] else ""),
            f"{own['parameters']:,}",
            f"{own['cycles_mean']:,.1f}",
            f"{own['energy_nj']:,.0f}",
            *(f"{own['cells'][name]:,g}" for name in names),
        )
        for own in kinds
    ]
    head = ("recurrence", "parameters", "cycles", "nJ", *names)
    return [
        "The same spikes in cores with other recurrences",
        *table(head, rows, right=range(1, len(head))),
        "",
    ]


def _energy(energy: Mapping[str, Any]) -> list[str]:
    keys = ("adders_nj", "weights_nj", "state_nj", "delays_nj", "total_nj")
    rows = [(own["stage"], *(f"{own[key]:,.1f}" for key in keys)) for own in energy["stages"]]
    return [
        f"Energy of a clip, {energy['total_nj']:,.0f} nJ by a model (hw/estimates/energy.py), not measured",
        *table(("stage", "adders", "weights", "state", "delay lines", "all"), rows, right=range(1, 6)),
    ]


def numbers(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Every number in `metrics`, by its dotted path."""
    for key, value in metrics.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{key}", value


def table(head: Sequence[str], rows: Sequence[Sequence[Any]], right: Collection[int] = ()) -> list[str]:
    """Columns as wide as their widest cell; integers, and the columns `right`, are right-aligned."""
    cells = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    numeric = [
        place in right or all(isinstance(row[place], int) for row in rows) for place in range(len(head))
    ]

    def line(row: Sequence[str]) -> str:
        pairs = zip(row, widths, numeric, strict=True)
        return "  " + "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in pairs).rstrip()

    return [line(head), "  " + "  ".join("-" * width for width in widths), *map(line, cells)]


def _answers(summary: Mapping[str, Any]) -> list[str]:
    """What an answer per step takes, if there are any."""
    if "answers" not in summary:
        return []
    own, clock_mhz = summary["answers"], summary["timing"]["clock_mhz"]
    return [
        f"answers, after every {own['stride']} steps that are far apart: "
        f"mean {own['cycles_mean']:,.1f} cycles from the end of the step, "
        f"maximum {own['cycles_max']:,}, at {clock_mhz:g} MHz {own['cycles_max'] / clock_mhz:,.2f} us",
    ]
