"""Options of the scripts that set the widths of a core."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path

from fxp_model.errors import InputError
from fxp_model.files import read_json
from fxp_model.options import real, some_path, whole
from fxp_model.spec import MAX_NEURONS, NetworkSpec
from hw.config import DEFAULT_PRESET, EVENTS_PER_CYCLE, PRESETS, HardwareConfig

CLOCK_MHZ = 100.0
"""A round default; place and route reports what a core actually reaches."""
CLOCKS_MHZ = (0.001, 10_000.0)
"""Lowest and highest clock frequency of the option."""
LANES = whole(1, MAX_NEURONS)
"""Type of an option of a width."""


def add_width_options(parser: argparse.ArgumentParser) -> None:
    """Give a script ``--preset``, and an option for each of the widths."""
    add = parser.add_argument_group("widths of the core").add_argument
    choices = ", ".join(
        f"{name} {p.lanes}/{p.update_lanes}/{p.events_per_cycle}" for name, p in PRESETS.items()
    )
    add(
        "--preset",
        choices=tuple(PRESETS),
        help=f"lanes/update-lanes/events-per-cycle of every stage: {choices} (default: {DEFAULT_PRESET})",
    )
    add("--lanes", type=LANES, help="weights added per cycle in every stage (default: the preset's)")
    add(
        "--update-lanes",
        type=LANES,
        help="neurons updated per cycle in every stage (default: up to the preset's)",
    )
    add(
        "--events-per-cycle",
        type=whole(1, max(EVENTS_PER_CYCLE)),
        choices=EVENTS_PER_CYCLE,
        help="events added per cycle in every stage (default: the preset's)",
    )
    add(
        "--use-dsp",
        action=argparse.BooleanOptionalAction,
        help="products of weight and count, and of a state and a share of its own neuron, by multipliers "
        "(default: the preset's)",
    )
    add("--reload", action="store_true", help="let a host replace the network at run time")
    add(
        "--programmable-delays",
        action="store_true",
        help="with --reload: let the host replace the delays, too, but those of the input channels; each "
        "of their lines gets the maximum length",
    )
    add(
        "--config",
        type=some_path,
        metavar="FILE",
        help="JSON file with all of these for every stage, such as explore.py writes; excludes the others",
    )


def add_clock_option(parser: argparse.ArgumentParser) -> None:
    """Give a script ``--clock-mhz``, which converts cycles to time."""
    parser.add_argument(
        "--clock-mhz",
        type=real(*CLOCKS_MHZ),
        default=CLOCK_MHZ,
        metavar="F",
        help="clock that converts cycles to time (default: %(default)s)",
    )


def add_timeout_option(parser: argparse.ArgumentParser) -> argparse.Action:
    """Give a script ``--timeout``, the time limit of each tool that it runs."""
    return parser.add_argument(
        "--timeout",
        type=real(0.001, 1e6),
        default=3600,
        metavar="S",
        help="time limit of each tool in seconds (default: %(default)s)",
    )


def add_synthesis_options(
    parser: argparse.ArgumentParser, results: Path, what: str, targets: Collection[str]
) -> None:
    """Give a script ``--results``, a file of synthesised `what`, ``--targets`` and ``--timeout``."""
    parser.add_argument(
        "--results",
        type=some_path,
        default=results,
        help=f"file of synthesised {what}, read and appended (default: %(default)s)",
    )
    parser.add_argument(
        "--targets", nargs="+", choices=tuple(targets), default=tuple(targets), help="default: all"
    )
    add_timeout_option(parser)


def config_of(args: argparse.Namespace, spec: NetworkSpec) -> HardwareConfig:
    """The configuration that the options of `add_width_options` ask for.

    Raises
    ------
    InputError
        If the widths do not fit `spec`, delays are programmable without reload, or the file cannot be used
        or comes with other options.
    """
    if args.config is not None:
        return _read(args, spec)
    return HardwareConfig.uniform(
        spec,
        args.lanes,
        args.update_lanes,
        args.preset or DEFAULT_PRESET,
        args.events_per_cycle,
        args.use_dsp,
        args.reload,
        args.programmable_delays,
    )


def _read(args: argparse.Namespace, spec: NetworkSpec) -> HardwareConfig:
    """The configuration in a file."""
    others = ("preset", "lanes", "update_lanes", "events_per_cycle", "use_dsp")
    given = [name for name in others if getattr(args, name) is not None]
    given += [name for name in ("reload", "programmable_delays") if getattr(args, name)]
    if given:
        raise InputError(f"--config sets all widths; leave --{given[0].replace('_', '-')} out")
    table = read_json(args.config, dict)
    try:
        config = HardwareConfig.from_dict(table)
        config.check(spec)
    except InputError as error:
        raise InputError(f"{args.config}: {error}") from None
    return config
