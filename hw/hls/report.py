"""What Vitis or Vivado HLS reports of a project."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from fxp_model.errors import InputError

PROJECT_FILE = "project.tcl"
"""What makes a folder a project; it says its name."""
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
        ``top``, the figures of time, ``used`` and ``available`` of `RESOURCES`. None is what the tool
        does not know, as the latency of a loop without bounds.

    Raises
    ------
    InputError
        If `project` is no project, or was not synthesised, or its report is not readable.
    """
    file = project / PROJECT_FILE
    found = (
        re.search(r'^set project_name "(\w+)"$', file.read_text(encoding="utf-8"), re.MULTILINE)
        if file.is_file()
        else None
    )
    if found is None:
        raise InputError(f"{file} must name the project: {project} is no HLS project")
    top = found[1]
    reports = sorted(project.glob(f"{top}_prj/*/syn/report/{top}_csynth.xml"))
    if not reports:
        raise InputError(f"{project} has no {top}_csynth.xml: run its synthesis first (README.md there)")
    try:
        root = ElementTree.parse(reports[0]).getroot()
    except ElementTree.ParseError as error:
        raise InputError(f"{reports[0]}: not XML: {error}") from None
    report: dict[str, Any] = {"top": top}
    report |= {name: _number(_text(root, path, reports[0])) for name, path in _FIGURES.items()}
    for name, place in (("used", "Resources"), ("available", "AvailableResources")):
        table = root.find(f"AreaEstimates/{place}")
        if table is None:
            raise InputError(f"{reports[0]}: AreaEstimates/{place} is missing")
        # DSP48E in Vivado HLS
        counts = {child.tag.replace("DSP48E", "DSP"): _number(child.text or "") for child in table}
        report[name] = {key: counts.get(key) for key in RESOURCES}
    return report


def render(report: dict[str, Any]) -> str:
    """The figures as a page of text; `hw.report.compare` sets them beside those of a core."""
    rows = [(key.replace("_", " "), _cell(report[key])) for key in _FIGURES]
    rows += [(key, f"{_cell(report['used'][key])} of {_cell(report['available'][key])}") for key in RESOURCES]
    return "".join(f"{key:22}{value}\n" for key, value in rows)


def _text(root: ElementTree.Element, path: str, file: Path) -> str:
    text = root.findtext(path)
    if text is None:
        raise InputError(f"{file}: {path} is missing")
    return text


def _number(text: str) -> float | int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() and "." not in text else value


def _cell(value: float | int | None) -> str:
    return "?" if value is None else f"{value:,}"
