"""Run a core through a flow: total area and area by block; on ECP5 and iCE40 also the clock."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fxp_model.errors import InputError
from fxp_model.files import check_file_target
from hw.flows import nextpnr, physical, yosys
from hw.flows.logic_delay import slowest_logic
from hw.flows.tool import version_of
from hw.verilog import EmittedCore


@dataclass(frozen=True)
class RouteOptions:
    """Place and route on `device` (of `nextpnr.DEVICES`) at a `speed` grade, with seeds 1 .. `seeds`.

    `workers` seeds at a time, a process each.
    """

    device: str
    speed: int | None
    seeds: int
    workers: int = 1

    def __post_init__(self) -> None:
        speeds = nextpnr.DEVICES[self.device].speeds
        if self.speed not in (speeds or (None,)):
            grades = f"be {', '.join(map(str, speeds))}" if speeds else "be left out"
            raise InputError(f"--speed of {self.device} must {grades}, not {self.speed}")
        for name in ("seeds", "workers"):
            if getattr(self, name) < 1:
                raise InputError(f"--{name} must be at least 1, not {getattr(self, name)}")

    @classmethod
    def of(
        cls, target: str, device: str | None, speed: int | None, seeds: int, workers: int = 1
    ) -> RouteOptions:
        """The options as given by a user; the default is the target's usual device at its slowest grade.

        Raises
        ------
        InputError
            If there is no place and route for `target`, or no such device.
        """
        if target not in nextpnr.DEFAULT_DEVICES:
            names = ", ".join(nextpnr.DEFAULT_DEVICES)
            raise InputError(f"place and route must be for one of {names}, not {target}")
        device = device or nextpnr.DEFAULT_DEVICES[target]
        kind = nextpnr.DEVICES[device]
        if kind.target != target:
            raise InputError(f"--device {device} is a device of {kind.target}, not of {target}")
        return cls(device, next(iter(kind.speeds), None) if speed is None else speed, seeds, workers)


def through(
    core: EmittedCore,
    target: str,
    route: RouteOptions | None,
    timeout_s: float,
    progress: Callable[[str], None],
    kept: Path | None = None,
) -> dict[str, Any]:
    """Synthesise `core` for `target`; place and route it where `route` is given.

    Results of the tools are kept in the folder `kept` and reused (`tool.made_by`), so an interrupted run can
    be resumed. All cores and concurrent runs may share the folder, and it may hold other files.
    Without it all results are temporary.

    Returns
    -------
    dict
        The kinds of `yosys.area`; `blocks`, the same by block; `seconds` of this run; `versions`. For
        ``xilinx7``, also the figures of `logic_delay.slowest_logic`.
        With `route` also `device`, `speed`, `fmax_mhz` and `critical_paths` per seed, `fmax_mhz_median`
        and `available`; the area is then nextpnr's where it reports one, and on ECP5
        registers are counted after `physical.optimise`.

    Raises
    ------
    InputError, FlowError
        As `tool.run_tool`; also if `kept` cannot be written.
    """
    if kept is not None:
        check_file_target(kept / "made")
    versions = {yosys.PACKAGE: version_of(yosys.PACKAGE)}
    if route is not None:
        router = nextpnr.package_of(target)
        versions[router] = version_of(router)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="spikeline-") as name:
        place = Path(name)
        progress(f"yosys {yosys.SYNTHESIS[target]} ...")
        netlist = yosys.synthesise(core, target, place, timeout_s, kept)
        module, blocks = yosys.read_module(netlist, core.name), list(yosys.blocks_of(core))
        cells = yosys.cells_of(module)
        result: dict[str, Any] = {
            **yosys.area(cells, target),
            "blocks": yosys.area_by_block(cells, target, blocks),
        }
        if target == "xilinx7":
            result |= slowest_logic(module, blocks)
        if route is not None:
            if target == "ecp5":
                physical.optimise(netlist, core.name)
            device, speed = route.device, route.speed

            def of_seed(seed: int) -> nextpnr.Routed:
                progress(f"nextpnr, {device}{'' if speed is None else f', speed {speed}'}, seed {seed} ...")
                run = nextpnr.place_and_route(netlist, device, speed, seed, blocks, timeout_s, kept)
                progress(f"seed {seed}: {run.fmax_mhz:.1f} MHz")
                return run

            routed = nextpnr.of_seeds(route.seeds, route.workers, of_seed)
            clocks = [run.fmax_mhz for run in routed]
            result |= {
                **routed[0].area,
                "available": routed[0].available,
                "device": device,
                "speed": speed,
                "fmax_mhz": [round(clock, 2) for clock in clocks],
                "fmax_mhz_median": round(statistics.median(clocks), 2),
                "critical_paths": [run.critical_path for run in routed],
            }
    return {**result, "seconds": round(time.monotonic() - began, 1), "versions": versions}
