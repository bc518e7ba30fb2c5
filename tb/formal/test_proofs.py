"""Each property is proven, and is false with its bug."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tb.harness.depth import FULL
from tb.harness.planted import PROJECT, plant

pytest.importorskip("pyosys", reason="pyosys is missing")

from tb.formal import latency
from tb.formal.engine import export, export_with, prove, search
from tb.formal.monitor import Monitor
from tb.formal.properties import PROPERTIES

CHOSEN = [name for name, own in PROPERTIES.items() if own.quick or FULL]


@pytest.mark.parametrize("name", CHOSEN)
def test_property_is_proven(name: str, tmp_path: Path) -> None:
    own = PROPERTIES[name]
    export(own.build(), tmp_path)
    verdict = prove(tmp_path, own.cycles)
    print(f"{name}: {verdict}")
    assert verdict.broken is None


@pytest.mark.parametrize("name", CHOSEN)
def test_property_is_false_with_its_bug(name: str, tmp_path: Path) -> None:
    plant(tmp_path / "sources", PROPERTIES[name].bug)
    export_with(tmp_path / "sources", name, tmp_path)
    verdict = search(tmp_path)
    print(f"{name}: {verdict}")
    assert verdict.broken is not None


@pytest.mark.parametrize(
    ("bound", "build"),
    [("longest", latency.answers), ("flow_bound", latency.flow)],
    ids=["alone", "in a row"],
)
def test_the_latency_of_a_property_is_the_least_that_holds(
    bound: str, build: Callable[[], Monitor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = getattr(latency, bound)()
    monkeypatch.setattr(latency, bound, lambda: most - 1)
    export(build(), tmp_path)
    assert search(tmp_path).broken is not None


def test_the_stored_table_is_of_these_properties() -> None:
    file = PROJECT / "scripts" / "results" / "proofs.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(row["property"], row["claim"]) for row in rows] == [
        (name, own.claim) for name, own in PROPERTIES.items()
    ]
    for row in rows:
        assert row["cycles"] == PROPERTIES[row["property"]].cycles
        methods = ("induction", "pdr") if row["cycles"] is None else ("bmc",)
        assert row["broken"] is None
        assert row["method"] in methods


@pytest.mark.parametrize("name", PROPERTIES)
def test_the_text_of_a_bug_is_in_the_rtl_once(name: str) -> None:
    bug = PROPERTIES[name].bug
    assert (PROJECT / "hw" / "rtl" / bug.file).read_text(encoding="utf-8").count(bug.right) == 1
