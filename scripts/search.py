"""Search for accurate, small and fast networks, by training them and estimating their cores.

Run it again to continue; run it in parallel, on this machine or others with access to the store, for more
workers. A trial is a training on split train, with three figures: accuracy on val, the largest share of a
resource of the part that its core takes at the preset's widths, and the mean latency of val clips in us.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import os
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from fxp_model.cli import write_json
from fxp_model.network import Network
from fxp_model.options import COUNT, WORKERS, Parser, add_json_option, nonempty, some_path, whole
from fxp_model.qat.limits import LIMITS
from hw.config import DEFAULT_PRESET, PRESETS, HardwareConfig
from hw.estimates.latency import clip_cycles, event_counts
from hw.estimates.resources import estimate
from hw.options import add_clock_option
from hw.parts import PARTS

if TYPE_CHECKING:
    from fxp_model.qat.train import Frames

CLIPS = 64
"""Number of val clips over which latency is averaged."""


def costs(part: str, preset: str, clock_mhz: float, network: Network, frames: Frames) -> tuple[float, float]:
    """Share of the part and mean latency in us of the core of `network`; `frames` are those of a split."""
    from fxp_model.engine import Engine

    config = HardwareConfig.uniform(network.spec, preset=preset)
    cells = estimate(network, config, PARTS[part].target).total
    share = max(cells[kind] / amount for kind, amount in PARTS[part].capacity.items())
    counts, lengths = frames.counts[:, :CLIPS], frames.lengths[:CLIPS]
    within = np.arange(len(counts))[:, np.newaxis] < lengths
    events = event_counts(network, Engine(network).trace(counts), counts)
    cycles = clip_cycles(network.spec, config, [own * within for own in events], lengths)
    return share, float(cycles.mean()) / clock_mhz


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--data", type=nonempty, required=True, help="folder of a data set, or 'synthetic'")
    add("--out", type=some_path, required=True, help="folder for checkpoints and the study")
    add(
        "--store",
        type=nonempty,
        help="database of the study, for several machines (default: OUT/search.db)",
    )
    add("--trials", type=COUNT, default=40, help="total number of trials (default: %(default)s)")
    add("--workers", type=WORKERS, default=2, help="single-threaded processes (default: %(default)s)")
    add(
        "--epochs",
        type=whole(*LIMITS["epochs"]),
        default=20,
        help="epochs of each training (default: %(default)s)",
    )
    add("--part", choices=tuple(PARTS), default="LFE5U-85F", help="device (default: %(default)s)")
    add(
        "--preset",
        choices=tuple(PRESETS),
        default=DEFAULT_PRESET,
        help="widths of the cores (default: %(default)s)",
    )
    add_clock_option(parser)
    add_json_option(parser, "all trials")
    return parser


def main() -> int:
    """Start the workers, print the front."""
    args = parser().options()
    # one thread per worker, which inherits this
    os.environ["OMP_NUM_THREADS"] = "1"
    from fxp_model.files import made_folder
    from fxp_model.qat.search import Search, begin, rows, search
    from fxp_model.qat.sweep import load, opened
    from fxp_model.qat.tasks import store_in
    from fxp_model.qat.train import Recipe
    from fxp_model.qat.workers import run_workers

    recipe, clock_mhz = Recipe(epochs=args.epochs), args.clock_mhz
    store = args.store or store_in(args.out, "search.db")
    with made_folder(args.out):
        train, val, classes = load(*opened(args.data))
        own = partial(costs, args.part, args.preset, clock_mhz)
        about = {"part": args.part, "preset": args.preset, "clock_mhz": clock_mhz}
        asked = Search(store, args.out, train, val, classes, recipe, own, about)
        begin(asked)
    ended = run_workers(partial(search, asked, args.trials), args.workers, lambda: None)
    found = rows(store)
    if args.json:
        write_json(args.json, found)
    if args.json != "-":
        print(f"{'trial':>6}{'val':>8}{'area':>8}{'us':>8}  neurons/kernel/bits")
        for row in sorted((row for row in found if row["best"]), key=lambda row: -row["val"]):
            shape = row["shape"]
            widths = f"{shape['hidden'][0]}/{shape['kernel_size']}/{shape['weight_bits']}"
            figures = f"{100 * row['val']:>7.1f}%{100 * row['area']:>7.1f}%{row['latency']:>8.1f}"
            print(f"{row['trial']:>6}{figures}  {widths}")
    return int(not ended or len(found) < args.trials)
