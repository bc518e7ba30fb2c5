"""Options of the scripts that say how wide a core is."""

from __future__ import annotations

import argparse

from fxp_model.spec import NetworkSpec
from hw.config import DEFAULT_PRESET, EVENTS_PER_CYCLE, PRESETS, HardwareConfig


def add_width_options(parser: argparse.ArgumentParser) -> None:
    """Give a script ``--preset``, and an option for each of the widths."""
    add = parser.add_argument_group("widths of the core").add_argument
    choices = ", ".join(
        f"{name} {p.lanes}/{p.update_lanes}/{p.events_per_cycle}" for name, p in PRESETS.items()
    )
    add(
        "--preset",
        choices=tuple(PRESETS),
        default=DEFAULT_PRESET,
        help=f"lanes/update-lanes/events-per-cycle of every stage: {choices} (default: {DEFAULT_PRESET})",
    )
    add("--lanes", type=int, help="weights added per cycle in every stage (default: the preset's)")
    add(
        "--update-lanes",
        type=int,
        help="neurons updated per cycle in every stage (default: up to the preset's)",
    )
    add(
        "--events-per-cycle",
        type=int,
        choices=EVENTS_PER_CYCLE,
        help="events added per cycle in every stage (default: the preset's)",
    )
    add(
        "--use-dsp",
        action=argparse.BooleanOptionalAction,
        help="products of weight and count by multipliers (default: the preset's)",
    )


def config_of(args: argparse.Namespace, spec: NetworkSpec) -> HardwareConfig:
    """The configuration that the options of `add_width_options` ask for."""
    return HardwareConfig.uniform(
        spec, args.lanes, args.update_lanes, args.preset, args.events_per_cycle, args.use_dsp
    )
