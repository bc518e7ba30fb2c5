"""Readers of artifacts, configurations, rows and reports."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from fxp_model.artifact import FILES, FOLDER, SUMS, load_artifact, save_artifact
from fxp_model.files import read_json
from fxp_model.network import run
from fxp_model.random_networks import conv_network, random_counts, random_network
from fxp_model.results.rows import read_rows
from fxp_model.results.summary import markdown, summarise
from hw.build import build_core
from hw.config import HardwareConfig
from hw.estimates.resources import measured
from hw.flows.vivado_report import read_reports
from hw.options import add_width_options, config_of
from hw.report.builds import read_build
from hw.report.compare import compare_page, compare_text
from hw.report.costs import placed
from tests.hw.hls.test_report import XML
from tests.hw.vivado.test_vivado import TIMING, UTILIZATION
from tests.paths import ROOT
from tests.robustness.artifacts import sums
from tests.robustness.fuzz.folders import Files, read_files
from tests.robustness.fuzz.reader import GIVEN, Maker, Reader

HELD_OUT = '"held_out": true'
RESULTS = ROOT / "scripts" / "results"
NETWORK = conv_network(1)


def _saved(folder: Path, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    network = conv_network(seed) if seed % 2 else random_network(rng)
    save_artifact(
        folder,
        network=network,
        labels=tuple(f"word {index}" for index in range(network.spec.n_out)),
        encoder={"name": "ear", "version": 1},
        provenance={"seed": 7, "data": {"name": "synthetic"}},
        metrics={"val": {"accuracy": 0.5, "events_per_step": {"layer0": 1.5}}},
        stimulus=random_counts(rng, network.spec, 5, 2).astype(np.uint8),
    )
    return folder


def _resigned(sound: Sequence[Files]) -> Callable[[Files], Files]:
    """Gives digests that fit, unless they were changed or a file is no file; not to one folder in eight."""
    signed = {files[SUMS] for files in sound}

    def finish(files: Files) -> Files:
        contents = {name: own for name in FILES if isinstance(own := files.get(name), bytes)}
        digests = sums(contents)
        if len(contents) < len(FILES) or files.get(SUMS) not in signed or crc32(digests) % 8 == 0:
            return files
        return Files({**files, SUMS: digests})

    return finish


def artifact(folder: Path) -> Reader:
    def use(given: Path) -> None:
        found = load_artifact(given)
        trace = run(found.network, found.stimulus)
        assert trace.scores.shape == (found.stimulus.shape[1], len(found.labels))
        assert trace.scores.size > 0

    sound = tuple(read_files(_saved(folder / str(seed), seed)) for seed in range(4))
    return Reader(sound, use, _resigned(sound), times=5)


def digests(folder: Path) -> Reader:
    """An artifact as the place of a new one: unless it is whole, it is not overwritten."""
    return Reader((read_files(_saved(folder / "a", 1)),), FOLDER.check, nodes=True)


def config(folder: Path) -> Reader:
    def use(given: Path) -> None:
        parser = argparse.ArgumentParser()
        add_width_options(parser)
        config_of(parser.parse_args(["--config", str(given / "config.json")]), NETWORK.spec)

    table = HardwareConfig.uniform(NETWORK.spec).to_dict()
    return Reader((Files({"config.json": json.dumps(table).encode()}),), use)


def _rows(name: str, use: Callable[[Path], object], having: str = "", named: str = GIVEN) -> Maker:
    """A reader of the first rows in a file of `scripts/results`, of those that have the text `having`."""

    def make(folder: Path) -> Reader:
        lines = (RESULTS / name).read_text(encoding="utf-8").splitlines()
        chosen = [line for line in lines if having in line][:3]
        content = "".join(line + "\n" for line in chosen).encode()
        return Reader((Files({"rows.jsonl": content}),), lambda given: use(given / "rows.jsonl"), named=named)

    return make


def _of_script(name: str) -> Callable[[Path], object]:
    def use(file: Path) -> object:
        script = import_module(f"scripts.{name}")
        return script.table(script.read_rows(file))

    return use


def _board_prices(file: Path) -> object:
    script = import_module("scripts.fit_board")
    return script.fit(script.read_rows(file))


def hardware(folder: Path) -> Reader:
    script = import_module("scripts.hardware_table")
    sound = Files({"result.json": (RESULTS / "hardware" / "tiny-lfe5u25f.json").read_bytes()})
    return Reader((sound,), lambda given: script.table([script.read_result(given / "result.json")]))


def exploration(folder: Path) -> Reader:
    found = load_artifact(_saved(folder / "a", 1))
    own = HardwareConfig.uniform(found.network.spec)
    point = {"system": "a", "accuracy": 0.9, "us": 12.5, "share": 0.25, "cycles": 1250}
    front = [point, {**point, "system": "b", "accuracy": None}]
    table = {"part": "LFE5U-85F", "clock_mhz": 100.0, "artifact": found.name, "front": front, "picked": {}}
    sound = Files({"front.json": json.dumps(table).encode()})

    def use(given: Path) -> None:
        placed(read_json(given / "front.json", dict), found, own, 1.0)

    return Reader((sound,), use, named=f"({GIVEN}|the exploration)")


def report(folder: Path) -> Reader:
    found = load_artifact(_saved(folder / "a", 1))
    build_core(found, HardwareConfig.uniform(found.network.spec), "core", folder / "build")
    own = read_build(folder / "build")

    def use(given: Path) -> Any:
        other = read_build(given)
        return compare_text(own, other), compare_page(other, own)

    return Reader((Files({"report.json": (folder / "build" / "report.json").read_bytes()}),), use)


def hls(folder: Path) -> Reader:
    sound = Files(
        {
            "project.tcl": b'variable project_name\nset project_name "core"\n',
            "core_prj/solution1/syn/report/core_csynth.xml": XML.encode(),
        }
    )
    return Reader((sound,), lambda given: compare_text(read_build(given), read_build(given)))


def vivado(folder: Path) -> Reader:
    sound = Files({"utilization.rpt": UTILIZATION.encode(), "timing.rpt": TIMING.encode()})
    return Reader((sound,), lambda given: read_reports(given / "utilization.rpt", given / "timing.rpt"))


READERS: dict[str, Maker] = {
    "artifact": artifact,
    "digests": digests,
    "config": config,
    "reproduce": _rows("reproduce.jsonl", lambda file: markdown(summarise(read_rows(file)))),
    "resources": _rows(
        "resources.jsonl",
        lambda file: measured.errors(measured.read_rows(file)),
        HELD_OUT,
        f"({GIVEN}|cores)",
    ),
    "ear": _rows("ear.jsonl", _of_script("ear_table"), '"fmax_mhz"'),
    "neurons": _rows("neurons.jsonl", _of_script("neuron_table")),
    "boards": _rows("board_blocks.jsonl", _board_prices),
    "benchmarks": _rows("benchmarks.jsonl", _of_script("benchmark_table")),
    "hardware": hardware,
    "exploration": exploration,
    "report": report,
    "hls": hls,
    "vivado": vivado,
}
