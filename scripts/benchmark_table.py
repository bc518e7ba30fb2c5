"""Measure a final network on the test set of a published benchmark, once, and print the table of all.

The row is appended to ``scripts/results/benchmarks.jsonl``; a network with a row of a benchmark is not
measured on it again, so that nothing can be chosen on a test set. Its epochs and seconds are those of the
network's last training, not of one it started from. With --keep the network goes to
``scripts/results/networks``, with drawn counts for a stimulus: no clip of the data is kept.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import FOLDER, Artifact, load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.evaluation import evaluate
from fxp_model.files import read_json_lines, replacing, write_text
from fxp_model.folders import owned
from fxp_model.network import Network, run
from fxp_model.options import Parser, nonempty, some_path
from fxp_model.spec import Answer
from fxp_model.tables import COUNT, TEXT, check_fields, number

RESULTS = Path(__file__).parent / "results"
ROWS = RESULTS / "benchmarks.jsonl"
NETWORKS = RESULTS / "networks"
STIMULUS_CLIPS = 2
_SHARE = number(0, 1)
_FIELDS = {
    "benchmark": TEXT,
    "network": TEXT,
    "about": TEXT,
    "parameters": COUNT,
    "weight_bits": COUNT,
    "val_clips": COUNT,
    "val": _SHARE,
    "test_clips": COUNT,
    "test": _SHARE,
    "epochs": COUNT,
    "seconds": number(0, 1e9),
    "artifact_sha256": TEXT,
    "predictions_sha256": TEXT,
    "scores_sha256": TEXT,
    "command": TEXT,
    "date": TEXT,
}


def parameters(network: Network) -> int:
    """Integers that were learned or drawn: weights, biases, kernels and delays."""
    return sum(array.size for params in network.params for _, array in params.arrays())


def drawn(artifact: Artifact) -> NDArray[np.uint8]:
    """Counts as dense as those of the artifact's own stimulus, and none of them."""
    own = artifact.stimulus[:, :STIMULUS_CLIPS]
    rng = np.random.default_rng(0)
    present = rng.random(own.shape) < np.mean(own > 0)
    return np.where(present, rng.integers(1, max(int(own.max()), 1) + 1, own.shape), 0).astype(np.uint8)


def described(artifact: Artifact, benchmark: str, about: str) -> dict[str, Any]:
    """The row of a network, but for what its test set says.

    Raises
    ------
    InputError
        The artifact does not tell its validation, its training, its command or its date.
    """
    provenance, val = artifact.provenance, artifact.metrics.get("val", {})
    row = {
        "benchmark": benchmark,
        "network": artifact.name,
        "about": about,
        "parameters": parameters(artifact.network),
        "weight_bits": artifact.network.spec.layers[0].weight.width,
        "val_clips": val.get("clips"),
        "val": val.get("accuracy"),
        "epochs": provenance.get("epochs"),
        "seconds": provenance.get("seconds_of_last_run"),
        "artifact_sha256": artifact.sha256,
        "command": provenance.get("command"),
        "date": provenance.get("date"),
    }
    check_fields(f"artifact {artifact.name}", row, {key: _FIELDS[key] for key in row})
    return row


def measured(artifact: Artifact, data: str) -> dict[str, Any]:
    """What of the row is read from split ``test`` of `data`."""
    from fxp_model.data import frames_for
    from fxp_model.engine import score

    frames = frames_for(artifact, data, "test")
    result = evaluate(score, artifact.network, frames.counts, frames.labels, frames.lengths)
    return {
        "test_clips": len(frames.labels),
        "test": result.accuracy,
        "predictions_sha256": result.predictions_sha256,
        "scores_sha256": result.scores_sha256,
    }


def keep(artifact: Artifact, folder: Path) -> Artifact:
    """Write the network to `folder`, with `drawn` counts."""
    return save_artifact(
        folder,
        network=artifact.network,
        labels=artifact.labels,
        encoder=artifact.encoder,
        provenance=artifact.provenance,
        metrics=artifact.metrics,
        stimulus=drawn(artifact),
    )


def stimulus_sha256(artifact: Artifact) -> str:
    """Digest of the golden model's scores on the artifact's stimulus."""
    steps, clips, _ = artifact.stimulus.shape
    per_step = artifact.network.spec.readout.answer is Answer.STEP
    labels = np.zeros((clips, steps) if per_step else clips, int)
    lengths = np.full(clips, steps)
    return evaluate(run, artifact.network, artifact.stimulus, labels, lengths).scores_sha256


def add_row(path: Path, data: str, benchmark: str, about: str, kept: bool) -> None:
    """Measure the artifact at `path` and append its row; with `kept`, store it.

    Raises
    ------
    InputError
        It has a row of this benchmark: the test set is read once for a network. Or there is a row of another
        artifact of its name, or as `described` and `frames_for` do.
    """
    artifact = load_artifact(path)
    known = read_rows(ROWS) if ROWS.exists() else []
    for row in known:
        same = artifact.sha256 in (row["artifact_sha256"], row.get("kept_sha256"))
        named = artifact.name == row["network"]
        if (same or named) and (row["benchmark"] == benchmark or not (same and named)):
            raise InputError(f"{path} was measured: {ROWS.name} has a row of {row['network']}")
    row = described(artifact, benchmark, about)
    if kept:
        FOLDER.check(NETWORKS / artifact.name)
    row |= measured(artifact, data)
    write_rows((*known, row))  # at once: the test set has been read
    if kept:
        stored = keep(artifact, NETWORKS / artifact.name)
        stored_row = {"kept_sha256": stored.sha256, "stimulus_scores_sha256": stimulus_sha256(stored)}
        write_rows((*known, row | stored_row))


def write_rows(rows: Iterable[dict[str, Any]]) -> None:
    """Replace the rows of the table."""
    with replacing(ROWS) as file:
        write_text(file, "".join(json.dumps(row) + "\n" for row in rows))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file; `InputError` if it holds something else."""
    rows = []
    for name, row in read_json_lines(path, "row of a network"):
        check_fields(name, row, _FIELDS)
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a row for each benchmark and kind of network; several networks are folds, or seeds."""
    head = (
        "benchmark",
        "network",
        "",
        "bits",
        "parameters",
        "val %",
        "test clips",
        "test %",
        "epochs",
        "hours",
    )
    lines: list[tuple[str, ...]] = [head, ("---",) * len(head)]
    for kind in dict.fromkeys((row["benchmark"], row["about"]) for row in rows):
        own = [row for row in rows if (row["benchmark"], row["about"]) == kind]
        first = own[0]
        tests = [100 * row["test"] for row in own]
        test = f"{statistics.fmean(tests):.2f}"
        if len(own) > 1:
            test += f" ({min(tests):.1f} .. {max(tests):.1f})"
        lines.append(
            (
                first["benchmark"],
                f"`{first['network']}`" if len(own) == 1 else f"{len(own)} networks",
                first["about"],
                str(first["weight_bits"]),
                f"{first['parameters']:,}",
                f"{100 * statistics.fmean(row['val'] for row in own):.2f}",
                f"{sum(row['test_clips'] for row in own):,}",
                test,
                str(first["epochs"]),
                f"{sum(row['seconds'] for row in own) / 3600:.1f}",
            )
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    artifact = add("--artifact", type=some_path, help="the final network (default: none, print the table)")
    needed = (
        add("--data", type=nonempty, help="folder of the data set, with its test split"),
        add("--benchmark", type=nonempty, help="name of the benchmark"),
        add("--about", type=nonempty, help="the network, in a few words"),
        add("--keep", action="store_true", help="store the network too"),
    )
    parser.only_with(artifact, *needed)
    return parser


def main() -> int:
    """Measure, print."""
    args = parser().options()
    if args.artifact is not None:
        for option in ("data", "benchmark", "about"):
            if getattr(args, option) is None:
                raise InputError(f"--artifact requires --{option}")
        with owned(RESULTS):
            add_row(args.artifact, args.data, args.benchmark, args.about, args.keep)
    print(table(read_rows(ROWS)), end="")
    return 0
