"""Cycles of a core on every clip of a data set, exactly, without simulating it.

The cycles of a clip are its latency on an idle core; the interval is that between answers when clips
follow each other without a pause. Additions and bits read from memories are a proxy of the energy of a clip.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.cli import run, write_json
from fxp_model.data import EncodedSplit, frames_for
from fxp_model.engine import Engine
from fxp_model.network import Network
from fxp_model.pretrained import add_artifact_argument
from fxp_model.spec import RecurrenceKind
from fxp_model.variants import with_recurrence
from hw.estimate.latency import clip_cycles, clip_intervals, dense_layers, event_counts, lower_bound
from hw.estimate.work import work
from hw.options import add_width_options, config_of

BINS = 12
BAR = 50
BATCH = 64


def events_of(network: Network, frames: EncodedSplit, core: Network) -> list[NDArray[np.int64]]:
    """Events of the spikes of `network` in each synapse array of `core`, as `clip_cycles` takes them."""
    engine = Engine(network)
    parts = []
    for first in range(0, len(frames.lengths), BATCH):
        counts = frames.counts[:, first : first + BATCH]
        within = np.arange(len(counts))[:, np.newaxis] < frames.lengths[first : first + BATCH]
        own = event_counts(core, engine.trace(counts), counts)
        parts.append([count * within[:, :, np.newaxis] for count in own])
    return [np.concatenate(stage, axis=1) for stage in zip(*parts, strict=True)]


def main() -> int:
    """Parse the arguments, run the engine, follow its events through the core, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_artifact_argument(parser)
    parser.add_argument("--data", required=True, help="folder of a data set, or 'synthetic'")
    parser.add_argument("--split", default="val", help="%(default)s")
    parser.add_argument(
        "--recurrence",
        choices=(*RecurrenceKind, "none"),
        help="the same spikes in a core of another recurrence (default: the artifact's)",
    )
    add_width_options(parser)
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON; - is standard output")
    args = parser.parse_args()

    artifact = load_artifact(args.artifact)
    core = artifact.network
    if args.recurrence is not None:
        core = with_recurrence(core, None if args.recurrence == "none" else RecurrenceKind(args.recurrence))
    spec = core.spec
    config = config_of(args, spec)
    frames = frames_for(artifact, args.data, args.split)
    events = events_of(artifact.network, frames, core)
    cycles = clip_cycles(spec, config, events, frames.lengths)
    intervals = clip_intervals(spec, config, events, frames.lengths)
    bounds = lower_bound(spec, config, events, frames.lengths)
    arrays = (*spec.stage_names, *(f"{spec.stage_names[index]}.recurrent" for index in dense_layers(spec)))
    done = list(work(spec, config, events, frames.lengths).values())
    summary: dict[str, Any] = {
        "artifact": artifact.name,
        "data": args.data,
        "split": args.split,
        "recurrence": args.recurrence,
        "hardware": config.to_dict(),
        "clips": len(cycles),
        "cycles_mean": float(cycles.mean()),
        "cycles_max": int(cycles.max()),
        "interval_mean": float(intervals.mean()),
        "lower_bound_mean": float(bounds.mean()),
        "events_mean": {
            name: float(count.sum(axis=(0, 2)).mean()) for name, count in zip(arrays, events, strict=True)
        },
        "additions_mean": float(np.mean(np.sum([own.additions for own in done], axis=0))),
        "bits_read_mean": float(np.mean(np.sum([own.bits_read for own in done], axis=0))),
    }
    if args.json:
        write_json(args.json, summary)
        return 0
    print("\n".join(f"{key:20}{summary[key]}" for key in summary if key != "hardware"))
    above = (f"{mean / bounds.mean() - 1:.1%}" for mean in (cycles.mean(), intervals.mean()))
    print(f"{'above the bound':20}{', of the interval '.join(above)}")
    clips, edges = np.histogram(cycles, BINS)
    for count, low in zip(clips, edges, strict=False):
        print(f"{low:12,.0f} {'#' * round(BAR * count / clips.max())} {count}")
    return 0


if __name__ == "__main__":
    run(main)
