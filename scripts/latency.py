"""Exact cycles of a core on every clip of a data set, without simulation.

The cycles of a clip are its latency on an idle core; the interval is that between answers when clips are
sent back to back. Additions and bits read from memories are counted; energy is a model of that work
(hw/estimates/energy.py).
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from typing import Any

import numpy as np

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.data import frames_for
from fxp_model.engine import Engine
from fxp_model.options import Parser, add_data_options, add_json_option
from fxp_model.pretrained import add_artifact_argument
from fxp_model.spec import RecurrenceKind
from fxp_model.variants import with_recurrence
from hw.estimates.clips import follow
from hw.estimates.cores import delays_inputs, dense_layers
from hw.estimates.energy import energy
from hw.estimates.latency import clip_cycles, clip_intervals, dependency_bound, lower_bound
from hw.estimates.work import work
from hw.options import add_clock_option, add_width_options, config_of

BINS = 12
BAR = 50


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser)
    parser.add_argument(
        "--recurrence",
        choices=(*RecurrenceKind, "none"),
        help="time the same spikes in a core with another recurrence (default: the artifact's)",
    )
    add_width_options(parser)
    add_clock_option(parser)
    add_json_option(parser, "the result")
    return parser


def main() -> int:
    """Run the engine, compute the core's cycles from its events, print."""
    args = parser().options()
    clock_mhz = args.clock_mhz
    artifact = load_artifact(args.artifact)
    core = artifact.network
    if args.recurrence is not None:
        core = with_recurrence(core, None if args.recurrence == "none" else RecurrenceKind(args.recurrence))
    spec = core.spec
    config = config_of(args, spec)
    frames = frames_for(artifact, args.data, args.split)
    (clips,) = follow([core], frames.counts, frames.lengths, Engine(artifact.network).trace)
    cycles = clip_cycles(spec, config, clips.events, clips.lengths)
    intervals = clip_intervals(spec, config, clips.events, clips.lengths)
    bounds = lower_bound(spec, config, clips.events, clips.lengths)
    alone = dependency_bound(spec, config, clips.events, clips.lengths)
    arrays = [*spec.stage_names, *(f"{spec.stage_names[index]}.recurrent" for index in dense_layers(spec))]
    if delays_inputs(spec):
        arrays.append("input_delays")
    done = work(spec, config, clips)
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
        "dependency_bound_mean": float(alone.mean()),
        "clock_mhz": clock_mhz,
        "latency_us_mean": float(cycles.mean() / clock_mhz),
        "latency_us_max": float(cycles.max() / clock_mhz),
        "clips_per_second": float(1e6 * clock_mhz / intervals.mean()),
        "events_mean": {
            name: float(count.sum(axis=0).mean()) for name, count in zip(arrays, clips.events, strict=True)
        },
        "additions_mean": float(sum(own.additions.mean() for own in done.values())),
        "bits_read_mean": float(sum(own.bits_read.mean() for own in done.values())),
        "energy_nj_mean": float(sum(own.total_nj.mean() for own in energy(done).values())),
    }
    if args.json:
        write_json(args.json, summary)
        return 0
    print("\n".join(f"{key:22}{summary[key]}" for key in summary if key != "hardware"))
    above = (f"{mean / bounds.mean() - 1:.1%}" for mean in (cycles.mean(), intervals.mean()))
    print(f"{'above the bound':22}{', of the interval '.join(above)}")
    print(f"{'above dependencies':22}{cycles.mean() / alone.mean() - 1:.1%}")
    counts, edges = np.histogram(cycles, BINS)
    for count, low in zip(counts, edges, strict=False):
        print(f"{low:12,.0f} {'#' * round(BAR * count / counts.max())} {count}")
    return 0
