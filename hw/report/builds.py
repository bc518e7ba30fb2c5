"""Figures of builds, RTL or HLS: a figure of the same name means the same in both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import read_json
from fxp_model.printable import printable
from hw.hls.report import PROJECT_FILE, read_report
from hw.report.text import numbers

REPORT = "report.json"
_WIDTHS = (
    "does",
    "n_in",
    "n_out",
    "lanes",
    "update_lanes",
    "events_per_cycle",
    "accumulator_bits",
    "sum_bits",
    "beta",
    "requantisation",
)
_SOMETIMES = ("threshold", "alpha", "current_requantisation")
"""What not every stage has, and no stage of an older report."""


@dataclass(frozen=True)
class Build:
    """A build and its figures; a figure is None if its tool does not report it.

    name : of its folder
    kind : ``RTL`` or ``HLS``
    figures : by name, with the unit in it
    """

    name: str
    kind: str
    figures: Mapping[str, Any]


def read_build(folder: Path) -> Build:
    """The build in `folder`: one of ``gen_hw.py``, or a synthesised project of ``gen_hls.py``.

    Raises
    ------
    InputError
        If it is neither, or its report is not readable.
    """
    name = printable(folder.resolve().name)
    if (folder / PROJECT_FILE).is_file():
        return Build(name, "HLS", of_hls(read_report(folder)))
    file = folder / REPORT
    if not file.is_file():
        raise InputError(
            f"{folder} must be a build of gen_hw.py with its {REPORT}, or a project of gen_hls.py"
        )
    report = read_json(file, dict)
    try:
        return Build(name, "RTL", of_core(report))
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{file} must be the report of a build by gen_hw.py: {error!r}") from None


def of_core(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a core, from its `hw.report.summary.summary`."""
    timing, cells = summary["timing"], summary["resources"]
    figures = {
        "core": summary["name"],
        "artifact": summary["artifact"],
        "sha256": summary["sha256"],
        **{f"metrics.{name}": value for name, value in numbers(summary["metrics"])},
        "clips": timing["source"],
        "latency_min_cycles": timing["cycles_min"],
        "latency_mean_cycles": timing["cycles_mean"],
        "latency_max_cycles": timing["cycles_max"],
        "interval_cycles": timing["interval_mean"],
        "clock_mhz": timing["clock_mhz"],
        "latency_max_us": timing["latency_us_max"],
        "clips_per_second": timing["clips_per_second"],
        "bottleneck": f"{timing['bottleneck']['stage']} {timing['bottleneck']['part']}",
        "target": cells["target"],
        **cells["total"],
        "memory_bits": summary["memory_bits"],
        "energy_nj": summary["energy"]["total_nj"],
        "reload": summary["reload"],
        "programmable_delays": summary.get("programmable_delays", False),  # not in older reports
    }
    figures |= {f"answer_{name}": value for name, value in summary.get("answers", {}).items()}
    for layer in summary["layers"]:
        own = {name: layer[name] for name in _WIDTHS} | layer["formats"]
        own |= {name: layer[name] for name in _SOMETIMES if layer.get(name) is not None}
        figures |= {f"{layer['stage']}.{name}": value for name, value in own.items()}
    return figures


def of_hls(report: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of an HLS project, from its `hw.hls.report.read_report`; for a clip of the project's steps."""
    period, latency, used = report["clock_estimate_ns"], report["latency_max_cycles"], report["used"]
    halves = used["BRAM_18K"]
    return {
        "latency_min_cycles": report["latency_min_cycles"],
        "latency_max_cycles": latency,
        "interval_cycles": report["interval_max_cycles"],
        "clock_mhz": None if not period else round(1e3 / period, 1),
        "latency_max_us": None if latency is None or period is None else latency * period / 1e3,
        "lut": used["LUT"],
        "ff": used["FF"],
        "bram36": None if halves is None else halves / 2,
        "dsp": used["DSP"],
        "uram": used["URAM"],
    }


def shown(value: Any) -> str:
    """A figure as text."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
