"""From a device to a bitstream for an ECP5: yosys, the netlist passes, nextpnr and ecppack."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.boards.boards import Board
from hw.boards.plan import TOP, planned
from hw.ear import EmittedDevice
from hw.flows import nextpnr, physical, yosys
from hw.flows.tool import FlowError, TooSlow, run_tool

TARGET = "ecp5"
PACKAGE = nextpnr.package_of(TARGET)
_NETLIST, _PINS = "netlist.json", f"{TOP}.lpf"


@dataclass(frozen=True)
class Effort:
    """Placement seeds 1 .. `seeds`, `workers` at a time; time limit of each tool; where progress is told."""

    seeds: int
    workers: int
    timeout_s: float
    progress: Callable[[str], None]


@dataclass(frozen=True)
class Synthesised:
    """A netlist in `folder`, with the constraints, and the arguments that the platform gives each tool."""

    folder: Path
    board: Board
    commands: dict[str, list[str]]

    @property
    def module(self) -> dict[str, Any]:
        """The netlist, as written by yosys' write_json."""
        return yosys.read_module(self.folder / _NETLIST, TOP)


@dataclass(frozen=True)
class Bitstream:
    """A placed and routed design.

    content : of the file for the loader
    suffix : of its name, ``bit`` or ``dfu``
    routed : of each seed, None where it did not end in time
    best : of the seed with the highest clock, whose bitstream it is
    pins : the constraints, in Lattice's format
    """

    content: bytes
    suffix: str
    routed: tuple[nextpnr.Routed | None, ...]
    best: nextpnr.Routed
    pins: str


def synthesise(
    board: Board, device: EmittedDevice, microphone: str | None, folder: Path, timeout_s: float
) -> Synthesised:
    """The netlist that is placed, of `device` on `board`, in `folder`.

    Nothing is duplicated for fan-out: the clock of a board is slow, and duplicates are more sets of control
    signals. With them, a device of 91 % of an LFE5U-25F's logic was not placed in 400 s; without, in 60 s.

    Raises
    ------
    InputError, FlowError
        As `run_tool`.
    """
    plan = planned(board, device, microphone)
    sources = [folder / f"{device.name}.v", folder / f"{TOP}.il"]
    for file in (*sources, folder / _PINS):
        file.write_text(plan.text(file.name), encoding="utf-8")
    netlist = yosys.synthesise_files(sources, TOP, TARGET, timeout_s)
    physical.optimise(netlist, TOP, most_readers=None)
    netlist.rename(folder / _NETLIST)
    return Synthesised(folder, board, plan.commands)


def route(design: Synthesised, effort: Effort) -> Bitstream:
    """Place, route and pack `design`.

    From some placements the router does not come to an end. Such a seed is given up at the time limit, and
    the others count.

    Raises
    ------
    InputError, FlowError
        As `run_tool`; also if the design does not fit, or no seed was routed in time.
    """

    def of_seed(seed: int) -> nextpnr.Routed | None:
        effort.progress(f"nextpnr, {design.board.title}, seed {seed} ...")
        try:
            run = _route(design, seed, effort.timeout_s)
        except TooSlow:
            effort.progress(f"seed {seed}: not routed in {effort.timeout_s:g} s")
            return None
        effort.progress(f"seed {seed}: {run.fmax_mhz:.1f} MHz")
        return run

    routed = nextpnr.of_seeds(effort.seeds, effort.workers, of_seed)
    ended = {seed: run for seed, run in enumerate(routed, 1) if run is not None}
    if not ended:
        raise FlowError(
            f"no placement of {effort.seeds} was routed in {effort.timeout_s:g} s; raise --seeds or --timeout"
        )
    best = max(ended, key=lambda seed: ended[seed].fmax_mhz)
    *arguments, svf, _ = design.commands["ecppack"]
    assert svf == "--svf"
    arguments = [_configuration(best) if own == f"{TOP}.config" else own for own in arguments]
    run_tool(PACKAGE, arguments, design.folder, effort.timeout_s, "ecppack")
    content, suffix = (design.folder / f"{TOP}.bit").read_bytes(), "bit"
    if "dfu-suffix" in design.commands:
        content, suffix = with_dfu_suffix(content, design.commands["dfu-suffix"]), "dfu"
    pins = (design.folder / _PINS).read_text(encoding="utf-8")
    return Bitstream(content, suffix, tuple(routed), ended[best], pins)


def _configuration(seed: int) -> str:
    """File that nextpnr writes and ecppack reads."""
    return f"seed{seed}.config"


def _route(design: Synthesised, seed: int, timeout_s: float) -> nextpnr.Routed:
    """Place and route with one seed. The device has one clock, the board's."""
    report = design.folder / f"seed{seed}.json"
    files = {
        f"{TOP}.json": _NETLIST,
        f"{TOP}.config": _configuration(seed),
        f"{TOP}.tim": f"seed{seed}.tim",
    }
    arguments = [
        *(files.get(own, own) for own in design.commands["nextpnr-ecp5"]),
        *("--report", report.name, "--seed", str(seed), "--timing-allow-fail"),
        *(*nextpnr.TIMING, "--router", nextpnr.ROUTER),
    ]
    run_tool(PACKAGE, arguments, design.folder, timeout_s)
    found = json.loads(report.read_text(encoding="utf-8"))
    (clock,) = found["fmax"].values()
    wanted = design.board.clock_hz / 1e6
    if abs(clock["constraint"] - wanted) > 0.01:
        raise RuntimeError(f"nextpnr must be asked for {wanted} MHz, not {clock['constraint']}")
    return nextpnr.read_report(found, TARGET, ())


def with_dfu_suffix(content: bytes, arguments: list[str]) -> bytes:
    """`content` for a boot loader by USB, with the suffix that ``dfu-suffix`` appends with these arguments.

    USB Device Firmware Upgrade 1.1, appendix B: device, product, vendor, version, ``UFD``, length 16, and the
    complement of the CRC-32 of zlib over all before it.
    """
    vendor, product = (int(arguments[arguments.index(option) + 1], 16) for option in ("-v", "-p"))
    whole = content + struct.pack("<HHHH3sB", 0xFFFF, product, vendor, 0x0100, b"UFD", 16)
    return whole + struct.pack("<I", zlib.crc32(whole) ^ 0xFFFFFFFF)
