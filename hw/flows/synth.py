"""A core through a flow: area in all and by block; on ECP5 also the clock."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from hw.emit import EmittedCore
from hw.flows import nextpnr, yosys
from hw.flows.tool import version_of


@dataclass(frozen=True)
class RouteOptions:
    """Place and route on `device` (of `nextpnr.PACKAGES`) at a `speed` grade, with seeds 1 .. `seeds`."""

    device: str
    speed: int
    seeds: int

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InputError(f"--seeds must be at least 1, not {self.seeds}")


def through(
    core: EmittedCore,
    target: str,
    route: RouteOptions | None,
    timeout_s: float,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """Synthesise `core` for `target`; place and route it where `route` is given.

    Returns
    -------
    dict
        The kinds of `yosys.area`; `blocks`, the same by block; `seconds` of all tools; `versions`.
        With `route` also `device`, `speed`, `fmax_mhz` and `critical_paths` per seed, `fmax_mhz_median`
        and `available`; the area is then nextpnr's.

    Raises
    ------
    InputError, FlowError
        As `tool.run_tool`. No `route` but for ``ecp5``.
    """
    if route is not None and target != "ecp5":
        raise InputError(f"place and route is for ecp5, not for {target}: logic only")
    versions = {yosys.PACKAGE: version_of(yosys.PACKAGE)}
    if route is not None:
        versions[nextpnr.PACKAGE] = version_of(nextpnr.PACKAGE)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="spikeline-") as name:
        progress(f"yosys {yosys.SYNTHESIS[target]} ...")
        netlist = yosys.synthesise(core, target, Path(name), timeout_s)
        cells = yosys.read_cells(netlist, core.name)
        blocks = list(yosys.blocks_of(core))
        result: dict[str, Any] = {
            **yosys.area(cells, target),
            "blocks": yosys.area_by_block(cells, target, blocks),
        }
        if route is not None:
            routed = []
            for seed in range(1, route.seeds + 1):
                progress(f"nextpnr, {route.device}, speed {route.speed}, seed {seed} ...")
                routed.append(
                    nextpnr.place_and_route(netlist, route.device, route.speed, seed, blocks, timeout_s)
                )
                progress(f"{routed[-1].fmax_mhz:.1f} MHz")
            clocks = [run.fmax_mhz for run in routed]
            result |= {
                **routed[0].area,
                "available": routed[0].available,
                "device": route.device,
                "speed": route.speed,
                "fmax_mhz": [round(clock, 2) for clock in clocks],
                "fmax_mhz_median": round(statistics.median(clocks), 2),
                "critical_paths": [run.critical_path for run in routed],
            }
    return {**result, "seconds": round(time.monotonic() - began, 1), "versions": versions}
