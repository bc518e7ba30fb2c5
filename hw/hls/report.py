"""Reads the synthesis report of a project by Vitis or Vivado HLS."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fxp_model.errors import InputError, shown
from fxp_model.files import read_bytes, read_text

PROJECT_FILE = "project.tcl"
"""File that identifies a project folder and holds the project's name."""
REPORT_BYTES = 64 << 20
"""Size limit of a report, in bytes."""
RESOURCES = ("LUT", "FF", "BRAM_18K", "DSP", "URAM")
_FIGURES = {
    "clock_target_ns": "UserAssignments/TargetClockPeriod",
    "clock_estimate_ns": "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod",
    "latency_min_cycles": "PerformanceEstimates/SummaryOfOverallLatency/Best-caseLatency",
    "latency_max_cycles": "PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency",
    "interval_min_cycles": "PerformanceEstimates/SummaryOfOverallLatency/Interval-min",
    "interval_max_cycles": "PerformanceEstimates/SummaryOfOverallLatency/Interval-max",
}


def read_report(project: Path) -> dict[str, Any]:
    """Figures of the C synthesis of the project in the folder `project`.

    Returns
    -------
    dict
        ``top``, the figures of time, ``used`` and ``available`` of `RESOURCES`. A figure is None if the tool
        does not know it, such as the latency of a loop without bounds.

    Raises
    ------
    InputError
        If `project` is not a project, or was not synthesised, or its report is not readable.
    """
    file = project / PROJECT_FILE
    if not file.is_file():
        raise InputError(f"{file} must name the project: {project} is not an HLS project")
    found = re.search(r'^set project_name "(\w{1,64})"$', read_text(file), re.MULTILINE | re.ASCII)
    if found is None:
        raise InputError(f"{file} must name the project: {project} is not an HLS project")
    top = found[1]
    reports = sorted(project.glob(f"{top}_prj/*/syn/report/{top}_csynth.xml"))
    if not reports:
        raise InputError(f"{project} has no {top}_csynth.xml: run its synthesis first (README.md there)")
    content = read_bytes(reports[0], REPORT_BYTES)
    try:
        root = ElementTree.fromstring(content)  # expat limits the expansion of entities
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{reports[0]}: not XML: {error}") from None
    report: dict[str, Any] = {"top": top}
    report |= {
        name: _number(_text(root, path, reports[0]), reports[0], path) for name, path in _FIGURES.items()
    }
    for name, place in (("used", "Resources"), ("available", "AvailableResources")):
        table = root.find(f"AreaEstimates/{place}")
        if table is None:
            raise InputError(f"{reports[0]}: AreaEstimates/{place} is missing")
        # DSP48E in Vivado HLS
        counts = {
            child.tag.replace("DSP48E", "DSP"): _number(child.text or "", reports[0], child.tag)
            for child in table
        }
        report[name] = {key: counts.get(key) for key in RESOURCES}
    if all(report["used"][key] is None for key in RESOURCES):
        raise InputError(f"{reports[0]}: AreaEstimates/Resources must have figures of {', '.join(RESOURCES)}")
    return report


def render(report: dict[str, Any]) -> str:
    """The figures as plain text; `hw.report.compare` compares them with those of a core."""
    rows = [(key.replace("_", " "), _cell(report[key])) for key in _FIGURES]
    rows += [(key, f"{_cell(report['used'][key])} of {_cell(report['available'][key])}") for key in RESOURCES]
    return "".join(f"{key:22}{value}\n" for key, value in rows)


def _text(root: ElementTree.Element, path: str, file: Path) -> str:
    text = root.findtext(path)
    if text is None:
        raise InputError(f"{file}: {path} is missing")
    return text


def _number(text: str, file: Path, name: str) -> float | int | None:
    """A figure; None for a word or an empty text."""
    text = text.strip()
    if not re.search(r"\d", text):
        return None
    if not re.fullmatch(r"\d{1,18}(\.\d{1,9})?", text, re.ASCII):
        raise InputError(f"{file}: {name} must be a number, not {shown(text)}")
    return float(text) if "." in text else int(text)


def _cell(value: float | int | None) -> str:
    return "?" if value is None else f"{value:,}"
