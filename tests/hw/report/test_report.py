"""The report of a build: well formed, self-contained, and consistent with its summary."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from fxp_model.artifact import Artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.fixed import QFormat, Rounding
from fxp_model.network import Network, run
from fxp_model.random_networks import conv_network, random_params
from fxp_model.spec import (
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    ResetMode,
    SynapseSpec,
)
from fxp_model.variants import with_recurrence
from hw.build import build_core
from hw.config import HardwareConfig
from hw.estimates.latency import clip_cycles, event_counts
from hw.parts import PARTS
from hw.report.builds import of_core
from hw.report.figures import draw
from hw.report.page import report_page
from hw.report.subject import Recordings, Subject
from hw.report.summary import summary as summarise
from hw.report.text import render
from hw.verilog import EmittedCore

pytestmark = pytest.mark.slow

NAME = "core"
LABEL = '<b>"$x$" & more'
HLS = {
    "top": "core",
    "clock_target_ns": 5.0,
    "clock_estimate_ns": 4.0,
    "latency_min_cycles": 51400,
    "latency_max_cycles": 51403,
    "interval_min_cycles": 51401,
    "interval_max_cycles": 51500,
    "used": {"LUT": 30123, "FF": 20000, "BRAM_18K": 65, "DSP": 256, "URAM": None},
    "available": {"LUT": 1728000, "FF": 3456000, "BRAM_18K": 5376, "DSP": 12288, "URAM": 1280},
}
VOID = {"meta", "link", "br", "hr", "img", "wbr", "input"}


class Page(HTMLParser):
    """Text, tags and attributes of a page; fails if tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attributes}) == len(attributes)
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th", "dd", "text"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if any(tag in self.open for tag in ("td", "th", "dd", "text")):
            self.cells[-1] += data


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    network = conv_network(5)
    first = network.spec.layers[0]
    stimulus = np.random.default_rng(1).integers(0, first.max_input + 1, (12, 3, first.n_in), dtype=np.uint8)
    return save_artifact(
        tmp_path_factory.mktemp("artifact") / "a <net> & $more$",
        network=network,
        labels=tuple(f"{LABEL} {i}" for i in range(network.spec.n_out)),
        encoder=None,
        provenance={},
        metrics={"val": {"accuracy": 0.875}},
        stimulus=stimulus,
    )


@pytest.fixture(scope="module")
def config(artifact: Artifact) -> HardwareConfig:
    return HardwareConfig.uniform(artifact.network.spec, 4)


@pytest.fixture(scope="module")
def exploration(artifact: Artifact, config: HardwareConfig) -> dict[str, Any]:
    cores = [
        {"system": system, "accuracy": accuracy, "us": us, "share": share}
        for system, accuracy, us, share in (
            (artifact.name, 0.875, 2.0, 0.2),
            (artifact.name, 0.875, 4.0, 0.1),
            ("a $mall one", None, 3.0, 0.05),
        )
    ]
    return {"artifact": artifact.name, "part": "LFE5U-25F", "clock_mhz": 50, "front": cores}


@pytest.fixture(scope="module")
def folder(
    artifact: Artifact, config: HardwareConfig, exploration: dict, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("build") / "out"
    subject = Subject(clock_mhz=80, part=PARTS["XC7A35T"], hls=HLS, exploration=exploration)
    build_core(artifact, config, NAME, out, subject)
    return out


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_refers_to_nothing_outside(folder: Path, page: Page) -> None:
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "base"}
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name.split(":")[-1] in ("src", "href", "data", "action", "srcset"):
                assert str(value).startswith(("#", "data:image/png;base64,")), (tag, name, value)
    assert "@import" not in html
    assert all(place.startswith("#") for place in re.findall(r"url\(([^)]*)\)", html))
    assert str(Path.cwd()) not in html


def test_ids_are_unique_and_what_is_referred_to_is_there(folder: Path, page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    html = (folder / "report.html").read_text(encoding="utf-8")
    wanted = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', html))
    assert wanted
    assert wanted <= set(ids)


def test_every_section_is_there(page: Page) -> None:
    sections = [attributes["id"] for tag, attributes in page.tags if tag == "section"]
    assert sections == [
        "diagram",
        "formats",
        "cycles",
        "recurrence",
        "resources",
        "boards",
        "exploration",
        "energy",
        "spikes",
        "memories",
        "hls",
        "method",
    ]
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in page.tags


def test_every_block_is_in_the_diagram(folder: Path, summary: dict[str, Any], artifact: Artifact) -> None:
    texts = [
        element.text for element in ElementTree.parse(folder / "figures/diagram.svg").iter() if element.text
    ]
    layers = artifact.network.spec.layers
    recurrent = sum(layer.recurrence is not None for layer in layers)
    for name, times in (
        ("decoder", 1),
        ("control", 1),
        ("synapses", len(layers) + 1),
        ("update", len(layers) + 1),
        ("spike_queue", len(layers)),
        ("encoder", len(layers)),
        ("conv", recurrent),
        ("delays", recurrent),
        ("scores", 1),
    ):
        assert texts.count(name) == times, name
    for layer in summary["layers"]:
        assert f"{layer['stage']}: {layer['n_in']} to {layer['n_out']}" in texts
        assert f"W = {layer['words']}" in texts
        assert layer["formats"]["membrane"] in texts


def test_the_page_shows_the_figures_of_the_summary(page: Page, summary: dict[str, Any]) -> None:
    timing, cells = summary["timing"], summary["resources"]
    wanted = [
        f"{timing['cycles_mean']:,.0f} cycles",
        f"{timing['latency_us_mean']:,.1f} µs",
        f"{timing['clips_per_second']:,.0f} clips/s",
        "87.5 %",
        *(f"{own['synapses_mean']:,.1f}" for own in timing["stages"]),
        *(f"{own['update_mean']:,.1f}" for own in timing["stages"]),
        *(f"{own['total_nj']:,.1f}" for own in summary["energy"]["stages"]),
        *(f"{capacity:,}" for capacity in cells["capacity"].values()),
        *(f"{cells['total'][kind]:,g}" for kind in cells["capacity"]),
        *(f"{own['cycles_mean']:,.0f}" for own in summary["recurrences"]),
        f"{summary['memory_bits']:,}",
        "30,123",
        "51,403",
        f"{timing['cycles_max']:,}",
    ]
    for text in wanted:
        assert text in page.cells, text
    assert summary["sha256"] in page.text
    assert (
        f"throughput is limited by the {'words' if timing['bottleneck']['part'] == 'synapses' else 'update'}"
        in page.text
    )


def test_the_summary_has_the_figures_of_the_models(
    summary: dict[str, Any], artifact: Artifact, config: HardwareConfig
) -> None:
    network, counts = artifact.network, artifact.stimulus
    events = event_counts(network, run(network, counts), counts)
    cycles = clip_cycles(network.spec, config, events, [len(counts)] * counts.shape[1])
    timing = summary["timing"]
    assert (timing["cycles_min"], timing["cycles_max"]) == (cycles.min(), cycles.max())
    assert timing["latency_us_max"] == cycles.max() / 80
    assert sum(timing["histogram"]["clips"]) == len(cycles)
    assert sum(layer["delay_steps"] is not None for layer in summary["layers"]) >= 1
    for layer, params in zip(summary["layers"], network.params, strict=True):
        if params.delay_steps is not None:
            assert layer["delay_steps"]["neurons"] == np.bincount(params.delay_steps).tolist()
    by_kind = {own["recurrence"]: own for own in summary["recurrences"]}
    assert list(by_kind) == ["none", "conv", "dense"]
    assert [kind for kind, own in by_kind.items() if own["this"]] == ["conv"]
    assert by_kind["conv"]["cycles_mean"] == timing["cycles_mean"] < by_kind["dense"]["cycles_mean"]
    assert by_kind["conv"]["energy_nj"] == pytest.approx(summary["energy"]["total_nj"])
    assert by_kind["none"]["parameters"] == 0
    totals = summary["resources"]["total"]
    for kind, total in totals.items():
        assert sum(cells[kind] for cells in summary["resources"]["blocks"].values()) == pytest.approx(total)
    core = summary["exploration"]["core"]
    assert core["us"] == pytest.approx(cycles.mean() / 50)
    assert core["share"] > 0


def test_names_are_escaped(folder: Path, page: Page, artifact: Artifact) -> None:
    assert artifact.name in page.text
    assert f"heard as “{LABEL}" in page.text
    assert not {tag for tag, _ in page.tags} & {"net", "b"}
    front = ElementTree.parse(folder / "figures/front.svg")
    assert "a $mall one" in {element.text for element in front.iter()}


def test_figures_are_svg_and_in_the_page(folder: Path, page: Page) -> None:
    names = sorted(file.name for file in (folder / "figures").iterdir())
    assert names == ["cycles.svg", "delays.svg", "diagram.svg", "front.svg", "latency.svg", "raster.svg"]
    assert sum(tag == "svg" for tag, _ in page.tags) == len(names)
    bars = ElementTree.parse(folder / "figures/cycles.svg")
    assert {"synapses", "update", "clip", "layer0", "readout"} <= {element.text for element in bars.iter()}


def test_same_input_gives_same_bytes(
    folder: Path, artifact: Artifact, config: HardwareConfig, exploration: dict, tmp_path: Path
) -> None:
    subject = Subject(clock_mhz=80, part=PARTS["XC7A35T"], hls=HLS, exploration=exploration)
    build_core(artifact, config, NAME, tmp_path / "again", subject)
    for name in ("report.html", "report.txt", "report.json", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    for file in (folder / "figures").iterdir():
        assert (tmp_path / "again" / "figures" / file.name).read_bytes() == file.read_bytes()


def test_the_text_has_the_same_figures(folder: Path, summary: dict[str, Any]) -> None:
    text = (folder / "report.txt").read_text(encoding="utf-8")
    timing = summary["timing"]
    assert f"at 80 MHz {timing['latency_us_mean']:,.1f} us" in text
    assert f"busiest: {timing['bottleneck']['stage']} {timing['bottleneck']['part']}" in text
    assert "Resources on XC7A35T" in text
    assert f"Energy of a clip, {summary['energy']['total_nj']:,.0f} nJ by a model" in text
    assert "conv (this core)" in text


BARE = EmittedCore(NAME, "", (), (), ())
"""The parts of a core that a report uses."""


@pytest.mark.parametrize(("part", "cell"), [("XC7K325T", "DSP"), ("LFE5U-45F", "EBR")])
@pytest.mark.parametrize("kind", [None, RecurrenceKind.DENSE])
def test_networks_and_parts_of_other_kinds_have_a_page(
    artifact: Artifact, tmp_path: Path, part: str, cell: str, kind: RecurrenceKind | None
) -> None:
    other = replace(artifact, network=with_recurrence(artifact.network, kind), metrics={})
    config = HardwareConfig.uniform(other.network.spec, 4)
    table = summarise(other, config, BARE, Subject(part=PARTS[part]))
    page = Page(report_page(table, draw(tmp_path / "figures", table, other)))
    assert cell in page.cells
    assert f"against the capacity of {part}" in page.text
    kinds = [own["recurrence"] for own in table["recurrences"]]
    assert kinds == ([] if kind is None else ["none", "dense"])
    diagram = (tmp_path / "figures/diagram.svg").read_text(encoding="utf-8")
    assert (">recurrent<" in diagram, ">conv<" in diagram) == (kind is not None, False)
    assert render(table).startswith(f"Spikeline core {NAME}\n")


def test_clips_of_a_data_set_are_timed_and_the_stimulus_stays(artifact: Artifact) -> None:
    network = artifact.network
    counts = np.zeros((5, 2, network.spec.n_in), np.uint8)
    recordings = Recordings("silence", counts, np.array([5, 2]), partial(run, network))
    config = HardwareConfig.uniform(network.spec, 4)
    table = summarise(artifact, config, BARE, Subject(recordings=recordings))
    alone = summarise(artifact, config, BARE, Subject())
    assert (table["timing"]["source"], table["timing"]["clips"]) == ("silence", 2)
    assert table["timing"]["cycles_max"] < alone["timing"]["cycles_min"]
    assert table["clips"] == alone["clips"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"part": "Z80"}, r"the exploration must be a file of explore\.py --json: .*part.*"),
        (
            {"front": [{}]},
            r"the exploration must be a file of explore\.py --json: front\[0\]: system is missing",
        ),
        ({"artifact": "other"}, r"the exploration must be of a <net> & \$more\$, not of other"),
    ],
)
def test_an_exploration_of_something_else_is_refused(
    artifact: Artifact, config: HardwareConfig, exploration: dict, damage: dict, message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        summarise(artifact, config, BARE, Subject(exploration=exploration | damage))


def _varied() -> Network:
    """A layer with every feature of neurons and of delays, and a readout that counts spikes."""
    fmt = QFormat(True, 4, 8)
    common: dict[str, Any] = {"weight": QFormat(True, 0, 6), "bias": fmt, "membrane": fmt, "beta": 192}
    current = SynapseSpec(current=QFormat(True, 3, 7), alpha=None, leak_rounding=Rounding.TRN)
    layer = LayerSpec(
        n_in=5,
        n_out=6,
        **common,
        v_th=None,
        reset_mode=ResetMode.DELAYED,
        leak_rounding=Rounding.RND_ZERO,
        max_input_delay=9,
        synapse=current,
    )
    readout = ReadoutSpec(
        n_in=6,
        n_out=3,
        **common | {"beta": None},
        mode=ReadoutMode.SPIKE_COUNT,
        v_th=384,
        reset_mode=ResetMode.SUBTRACT,
        max_input_delay=4,
    )
    rng = np.random.default_rng(0)
    return Network(NetworkSpec((layer,), readout), tuple(random_params(rng, s) for s in (layer, readout)))


def test_what_only_some_stages_have_is_said(artifact: Artifact, tmp_path: Path) -> None:
    network = _varied()
    own = replace(
        artifact, network=network, labels=("a", "b", "c"), stimulus=np.ones((8, 2, 5), np.uint8), metrics={}
    )
    table = summarise(own, HardwareConfig.uniform(network.spec, 2), BARE, Subject())
    layer, readout = table["layers"]
    assert layer["does"] == "no recurrence, reset delayed, synaptic current, input delays<=9"
    assert readout["does"] == "readout spike_count, reset subtract, input delays<=4"
    assert (layer["formats"]["current"], "current" in readout["formats"]) == ("fixed<10,3>", False)
    keys = "threshold", "beta", "alpha", "requantisation", "current_requantisation"
    assert [layer[key] for key in keys] == [
        "per neuron",
        "0.75",
        "per neuron",
        "RND, SAT, leak RND_ZERO",
        "RND, SAT, leak TRN",
    ]
    assert [readout[key] for key in keys] == ["1.5", "per neuron", None, "RND, SAT", None]
    for stage, params in zip(table["layers"], network.params, strict=True):
        steps = params.input_delay_steps
        assert steps is not None
        forward = stage["input_delay_steps"]
        assert (forward["min"], forward["max"]) == (steps.min(), steps.max())
        assert forward["inputs"] == np.bincount(steps).tolist()
        assert stage["delay_steps"] is None
    figures = draw(tmp_path / "figures", table, own)
    texts = {path.stem: {element.text for element in ElementTree.parse(path).iter()} for path in figures}
    assert {"inputs, layer0", "inputs, readout"} <= texts["delays"]
    late = layer["input_delay_steps"]
    assert f"inputs {late['min']}..{late['max']} steps late" in texts["diagram"]
    assert "spike_count" in texts["diagram"]
    page, text = Page(report_page(table, figures)), render(table)
    for said in (layer["does"], "fixed<10,3>", "RND, SAT, leak TRN", f"{late['min']} to {late['max']}"):
        assert said in page.cells, said
    assert "RND, SAT, leak TRN" in text
    assert "fixed<10,3>" in text
    assert of_core(table)["layer0.current_requantisation"] == "RND, SAT, leak TRN"
