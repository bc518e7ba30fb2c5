"""The tables of the README, of ``reference/results.md``, ``howto/board.md`` and ``explanation/proof.md``:
``python -m docs.tables`` regenerates them.

They come from ``scripts/results``, and from the boards in `hw.boards`. A table stands between
``<!-- table: NAME -->`` and ``<!-- end of table -->``, and is committed, so that a page is complete where
only Markdown is shown.
"""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from fxp_model.files import read_json_lines, replacing
from fxp_model.results.rows import read_rows
from fxp_model.results.summary import markdown, summarise
from hw.boards.boards import BOARDS
from hw.estimates.resources import measured
from scripts import benchmark_table, ear_table, fit_ear, hardware_table, neuron_table

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "scripts" / "results"
PAGES = tuple(
    ROOT / page
    for page in ("README.md", "docs/reference/results.md", "docs/howto/board.md", "docs/explanation/proof.md")
)

COMPARED = {
    "conv-taught-sparse": "Spikeline: K = 5, 8-bit weights, taught, spike penalty",
    "conv-taught-sparse-4bit": "the same in 4 bits",
    "conv": "K = 5, 8-bit weights, trained alone",
    "dense-last-float": "DelRec as published: dense, last layer, float",
    "dense-float": "dense in both layers, float",
    "dense-delay-1-float": "the same without delays",
    "none": "no recurrence, 8-bit weights",
}
"""Systems in the README's table."""


def compared() -> str:
    """A few systems, for the README."""
    rows = {row["system"]: row for row in summarise(read_rows(RESULTS / "reproduce.jsonl"))}
    head = ("recurrence", "its parameters", "accuracy, %", "spikes per neuron and step")
    lines = []
    for name, words in COMPARED.items():
        row = rows[name]
        layers, own = row["recurrent_layers"], row["recurrent_parameters"]
        parameters = f"{layers} x {own:,}" if own else "0"
        val = f"{100 * row['val_mean']:.2f} ± {100 * row['val_std']:.2f}"
        lines.append([words, parameters, val, f"{row['spikes_per_neuron_step']:.3f}"])
    return _table(head, lines)


def systems() -> str:
    """Accuracy of the systems that were compared."""
    return markdown(summarise(read_rows(RESULTS / "reproduce.jsonl")))


def forward() -> str:
    """Forward delays beside recurrent ones, and alone."""
    return markdown(summarise(read_rows(RESULTS / "forward.jsonl")))


def bundled() -> str:
    """The bundled networks and their teacher, trained in noise with the ear."""
    return markdown(summarise(read_rows(RESULTS / "bundled.jsonl")))


def benchmarks() -> str:
    """Published benchmarks, each network measured once on the test set."""
    return benchmark_table.table(benchmark_table.read_rows(benchmark_table.ROWS))


def cores() -> str:
    """Cores as synthesised and routed."""
    return hardware_table.table([_json(path) for path in sorted((RESULTS / "hardware").glob("*.json"))])


PROGRAMS = {
    "published_dense_s": "published dense (DelRec)",
    "published_conv_s": "published conv",
    "commuted_dense_s": "published dense, delay and product commuted",
    "commuted_conv_s": "published conv, delay and convolution commuted",
    "gru_s": "GRU",
    "torch_eval_s": "Spikeline in PyTorch, eval mode",
    "engine_s": "engine",
}
SCENARIOS = {
    "batch1_1thread": "batch 1",
    "batch64_1thread": "batch 64",
    "batch64_all": "batch 64, all threads",
}


def speed() -> str:
    """Milliseconds of each program, and the ratio to the engine's."""
    bench = _json(RESULTS / "bench.json")
    parts = {"inference": "whole network", "recurrent_layer": "layer"}
    columns = [(part, scenario) for part in parts for scenario in SCENARIOS]
    head = ["ms", *(f"{parts[part]}, {SCENARIOS[scenario]}" for part, scenario in columns)]
    rows = []
    for key, name in PROGRAMS.items():
        times = [
            (bench[part][scenario][key], bench[part][scenario]["engine_s"]) for part, scenario in columns
        ]
        rows.append([name, *(_milliseconds(own, engine) for own, engine in times)])
    return _table(head, rows)


def _milliseconds(own: float, engine: float) -> str:
    ms = own * 1e3
    text = f"{ms:.0f}" if ms >= 100 else f"{ms:.1f}" if ms >= 10 else f"{ms:.2f}" if ms >= 1 else f"{ms:.3f}"
    return text if own == engine else f"{text} ({own / engine:.0f} x)"


def estimates() -> str:
    """Error of the resource model against yosys, in percent."""
    head = ("target", "cells", "cores", "median", "worst", "held out", "median", "worst")
    rows = [
        [
            target,
            f"`{kind}`",
            *(str(own["n"]), f"{own['median_pct']:.1f}", f"{own['max_pct']:.1f}"),
            *(str(own["held_out_n"]), f"{own['held_out_median_pct']:.1f}", f"{own['held_out_max_pct']:.1f}"),
        ]
        for target, kinds in measured.errors(measured.read_rows(RESULTS / "resources.jsonl")).items()
        for kind, own in kinds.items()
    ]
    return _table(head, rows)


def explored() -> str:
    """Cores picked by the exploration: predicted, and measured by synthesis."""
    kinds = ("lut", "ff", "bram36", "dsp")
    head = ("pick", "lanes / update lanes / events", "cycles", *(f"`{kind}`" for kind in kinds))
    rows = []
    for name, own in _json(RESULTS / "explore.json")["picked"].items():
        widths = ", ".join(
            f"{stage['lanes']}/{stage['update_lanes']}/{stage['events_per_cycle']}"
            for stage in own["hardware"]["stages"]
        )
        cells = (f"{own['cells'][kind]:,g} ({own['measured'][kind]:,g})" for kind in kinds)
        rows.append([name, widths, f"{own['cycles']:,.0f}", *cells])
    return _table(head, rows)


def ears() -> str:
    """Blocks of the ear as synthesised."""
    return ear_table.table(ear_table.read_rows(ear_table.RESULTS))


_HEARD = {
    "clean": "clean",
    "from_rest": "from rest",
    **{f"snr_{snr}_db": f"{snr} dB" for snr in (30, 20, 10, 0)},
    **{f"gain_{gain}_db": f"{gain:+} dB" for gain in (-30, -20, -10, 12)},
}


def hearing() -> str:
    """Accuracy of networks by what they hear with, in silence, in noise, at other gains."""
    listeners: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for _, row in read_json_lines(RESULTS / "hearing.jsonl"):
        listeners.setdefault((row["listener"], row["epochs"]), []).append(row)
    head = ("hears with", "epochs", "seeds", *_HEARD.values(), "products/s", "state bits")
    rows = []
    for (name, epochs), own in listeners.items():
        accuracies = (_spread([100 * row[key] for row in own]) for key in _HEARD)
        cost = [
            f"{own[0][key]:,}" if key in own[0] else "" for key in ("products_per_second", "state_ram_bits")
        ]
        rows.append([name, str(epochs), str(len(own)), *accuracies, *cost])
    return _table(head, rows)


def _spread(values: Sequence[float]) -> str:
    mean = f"{statistics.fmean(values):.1f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.1f}"


def ear_estimates() -> str:
    """Error of the model of the ear's cells against yosys, in percent."""
    return fit_ear.table(fit_ear.measured(ear_table.read_rows(ear_table.RESULTS)))


def neurons() -> str:
    """What each feature of the neurons costs."""
    return neuron_table.table(neuron_table.read_rows(neuron_table.RESULTS))


def neuron_estimates() -> str:
    """Error of the model of these cells against yosys, in percent of those of plain neurons."""
    return neuron_table.error_table(neuron_table.read_rows(neuron_table.RESULTS))


def boards() -> str:
    """The boards, and what is where on each."""
    head = ("`--board`", "", "clock", "microphone", "pins", "UART", "LEDs [0] .. [7]")
    rows = []
    for board in BOARDS.values():
        leds = [
            "-" if led is None else " ".join(str(part) for part in led if part is not None)
            for led in board.leds
        ]
        own = [f"`{board.name}`", board.title, f"{board.clock_hz / 1e6:g} MHz", board.header]
        rows.append([*own, ", ".join(board.microphone), board.line, ", ".join(leds)])
    return _table(head, rows)


def bitstreams() -> str:
    """Bitstreams that were built."""
    cells = ("logic", "flip-flops", "block RAM", "multipliers")
    head = ("board", "network", "preset", *cells, "MHz by seed", "bytes", "s")
    rows = []
    for _, row in read_json_lines(RESULTS / "boards.jsonl"):
        used = [f"{own['used']:,} of {own['available']:,}" for own in row["utilisation"].values()]
        clocks = ", ".join("not routed" if own is None else f"{own:.1f}" for own in row["fmax_mhz"])
        clocks += f" of {row['clock_mhz']:g}"
        own = [f"`{row['board']}`", row["artifact"], f"`{row['preset']}`", *used[: len(cells)], clocks]
        rows.append([*own, f"{row['bytes']:,}", f"{row['seconds']:,.0f}"])
    return _table(head, rows)


def plays() -> str:
    """Clips that were played to a simulated board over a faulty line."""
    line = ("lost, doubled, flipped bytes", "of", "errors", "resyncs")
    head = ("network", "preset", "clips", "equal", *line, "s")
    rows = []
    for _, row in read_json_lines(RESULTS / "plays.jsonl"):
        own = row["simulated"]
        faults = ", ".join(str(own[kind]) for kind in ("lost", "doubled", "flipped"))
        counts = [f"{row[key]:,}" for key in ("clips", "equal")]
        told = [f"{own['sent'] + own['received']:,}", f"{row['errors']}", f"{row['resyncs']}"]
        rows.append([row["artifact"], f"`{row['preset']}`", *counts, faults, *told, f"{row['seconds']:,.0f}"])
    return _table(head, rows)


def streams() -> str:
    """Misses against false alarms of networks on an endless stream."""
    missed = ("missed at 1 false alarm per hour", "at 1 false alarm or confusion")
    loose = ("missed at threshold 0", "false alarms, confusions per hour there")
    head = ("network", "answers", "SNR", "hours", "words", *missed, *loose, "latency")
    rows = []
    for _, row in read_json_lines(RESULTS / "streams.jsonl"):
        best, in_all, first = (
            row[f"at_{name}"] for name in ("1_per_hour", "1_per_hour_in_all", "threshold_0")
        )
        name = "a GRU of its widths, in floats" if "gru" in row else row["artifact"]
        own = [name, f"per {row['answer']}", f"{row['snr_db'][0]:g} dB"]
        own += [f"{row['hours']:g}", f"{row['words']}"]
        for point in (best, in_all):
            low, high = point["miss_bounds"]
            own.append(f"{100 * point['miss']:.1f} % ({100 * low:.1f} .. {100 * high:.1f})")
        alarms, confusions = first["false_alarms_per_hour"], first["confusions_per_hour"]
        own += [f"{100 * first['miss']:.1f} %", f"{alarms:,.0f}, {confusions:,.0f}"]
        rows.append([*own, f"{row['latency_ms_median']:.0f} ms"])
    return _table(head, rows)


def psmnist() -> str:
    """Recurrences compared on few digits of permuted sequential MNIST."""
    head = ("network", "recurrent parameters", "numbers", "rate", "epochs", "val %, after each epoch")
    rows = [
        [
            row["about"],
            f"{row['recurrent_parameters']:,}",
            "real" if row["float"] else "8 bits",
            str(row["learning_rate"]),
            str(row["epochs"]),
            ", ".join(f"{100 * own:.1f}" for own in row["curve"]),
        ]
        for _, row in read_json_lines(RESULTS / "psmnist.jsonl")
    ]
    return _table(head, rows)


def proofs() -> str:
    """Properties that are proven, as ``python -m tb.formal`` prints them."""
    methods = {"induction": "induction over equal nets, 4 cycles", "pdr": "PDR"}
    rows = [
        [
            f"`{row['property']}`",
            row["claim"],
            methods.get(row["method"], f"bounded, {row['cycles']} cycles"),
            f"{row['seconds']:.1f}",
        ]
        for _, row in read_json_lines(RESULTS / "proofs.jsonl")
    ]
    return _table(("property", "claim", "method, by ABC", "CPU s"), rows)


_UNCOUNTED = ("same", "invalid")
"""Results of mutants that change no Verilog, or are no hardware."""


def mutants() -> str:
    """What became of the mutants of ``scripts/mutate.py`` that change the Verilog, by their file."""
    head = ("file", "mutants", "benches of cores", "of the component", "proofs", "equivalent", "survived")
    found = [row for _, row in read_json_lines(RESULTS / "mutants.jsonl") if row["result"] not in _UNCOUNTED]
    rows = []
    for file in (*sorted({row["file"] for row in found}), None):
        own = [row for row in found if file in (row["file"], None)]
        kinds = Counter(_noticed(row) for row in own)
        counts = [kinds[kind] for kind in ("core", "component", "proof", "equivalent", "survived")]
        rows.append(["all" if file is None else f"`{file}`", str(len(own)), *map(str, counts)])
    return _table(head, rows)


def _noticed(row: dict[str, Any]) -> str:
    """What killed a mutant, a case of a component or a bench of a core, or else its result."""
    if row["result"] != "killed":
        return row["result"]
    kind, *name = row["by"].split()
    if kind == "proof":
        return kind
    return "component" if len(name) == 2 else "core"


TABLES: dict[str, Callable[[], str]] = {
    "boards": boards,
    "bitstreams": bitstreams,
    "compared": compared,
    "bundled": bundled,
    "forward": forward,
    "benchmarks": benchmarks,
    "systems": systems,
    "cores": cores,
    "ears": ears,
    "hearing": hearing,
    "neurons": neurons,
    "neuron_estimates": neuron_estimates,
    "streams": streams,
    "speed": speed,
    "estimates": estimates,
    "ear_estimates": ear_estimates,
    "explored": explored,
    "plays": plays,
    "psmnist": psmnist,
    "proofs": proofs,
    "mutants": mutants,
}


def renewed(page: str) -> str:
    """`page` with each of its tables regenerated from the results."""
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)",
        lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}",
        page,
        flags=re.DOTALL,
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for page in PAGES:
        with replacing(page) as temporary:
            temporary.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
