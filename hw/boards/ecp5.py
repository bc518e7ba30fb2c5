"""From a device to a bitstream for an ECP5: yosys, the netlist passes, nextpnr and ecppack."""

from __future__ import annotations

import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.boards.boards import Board
from hw.boards.plan import TOP, planned
from hw.ear import EmittedDevice
from hw.flows import nextpnr, physical, yosys
from hw.flows.tool import run_tool
from hw.flows.yosys import Area

TARGET = "ecp5"
_PLACER = nextpnr.package_of(TARGET)


@dataclass(frozen=True)
class Bitstream:
    """A built design.

    content : of the file for the loader
    suffix : of its name, ``bit`` or ``dfu``
    netlist : module of the final netlist, as written by yosys' write_json
    routed : what nextpnr says of each seed; the bitstream is of the one with the highest clock
    pins : the constraints, in Lattice's format
    """

    content: bytes
    suffix: str
    netlist: dict[str, Any]
    routed: tuple[nextpnr.Routed, ...]
    pins: str

    @property
    def best(self) -> nextpnr.Routed:
        """The seed that the bitstream is of."""
        return max(self.routed, key=lambda run: run.fmax_mhz)

    @property
    def utilisation(self) -> dict[str, dict[str, int | float]]:
        """Cells of each kind: ``used`` and ``available``."""
        return {
            kind: {"used": used, "available": self.best.available[kind]} for kind, used in self.best.area.items()
        }


def synthesise(
    board: Board, device: EmittedDevice, microphone: str | None, folder: Path, timeout_s: float
) -> tuple[Path, dict[str, list[str]]]:
    """The final netlist of `device` on `board`, in `folder`, with the constraints as ``top.lpf``.

    Returns
    -------
    (netlist, commands)
        `commands` are the arguments of each tool by its name, as the platform wants them.
    """
    plan = planned(board, device, microphone)
    for name in (f"{device.name}.v", f"{TOP}.il", f"{TOP}.lpf"):
        (folder / name).write_text(plan.text(name), encoding="utf-8")
    sources = [folder / f"{device.name}.v", folder / f"{TOP}.il"]
    netlist = yosys.synthesise_files(sources, TOP, TARGET, timeout_s)
    physical.optimise(netlist, TOP)
    return netlist, plan.commands


def build(
    board: Board,
    device: EmittedDevice,
    microphone: str | None,
    seeds: int,
    workers: int,
    timeout_s: float,
    progress: Callable[[str], None],
    check: Callable[[Area], None],
) -> Bitstream:
    """Build `device` for `board` with placement seeds 1 .. `seeds`, `workers` at a time.

    `check` gets the cells of the netlist before they are placed.

    Raises
    ------
    InputError, FlowError
        As `run_tool`; also if the device does not fit.
    """
    with tempfile.TemporaryDirectory(prefix="spikeline-") as name:
        folder = Path(name)
        progress(f"yosys {yosys.SYNTHESIS[TARGET]} ...")
        netlist, commands = synthesise(board, device, microphone, folder, timeout_s)
        module = yosys.read_module(netlist, TOP)
        check(yosys.area(yosys.cells_of(module), TARGET))

        def of_seed(seed: int) -> nextpnr.Routed:
            progress(f"nextpnr, {board.title}, seed {seed} ...")
            run = _route(folder, commands["nextpnr-ecp5"], board.clock_hz, seed, timeout_s)
            progress(f"seed {seed}: {run.fmax_mhz:.1f} MHz")
            return run

        routed = nextpnr.of_seeds(seeds, workers, of_seed)
        best = max(range(seeds), key=lambda index: routed[index].fmax_mhz) + 1
        given = {f"{TOP}.config": _config(best)}
        arguments = _without(commands["ecppack"], "--svf")
        run_tool(_PLACER, [given.get(own, own) for own in arguments], folder, timeout_s, "ecppack")
        content, suffix = (folder / f"{TOP}.bit").read_bytes(), "bit"
        if "dfu-suffix" in commands:
            content, suffix = with_dfu_suffix(content, commands["dfu-suffix"]), "dfu"
        pins = (folder / f"{TOP}.lpf").read_text(encoding="utf-8")
        return Bitstream(content, suffix, module, tuple(routed), pins)


def _config(seed: int) -> str:
    """File that nextpnr writes."""
    return f"seed{seed}.config"


def _route(
    folder: Path, arguments: list[str], clock_hz: int, seed: int, timeout_s: float
) -> nextpnr.Routed:
    """Place and route; the device has one clock, for which the constraints, through a PLL, ask `clock_hz`."""
    report = f"seed{seed}.json"
    given = {f"{TOP}.json": "netlist.json", f"{TOP}.config": _config(seed), f"{TOP}.tim": f"seed{seed}.tim"}
    more = ["--report", report, "--seed", str(seed), *nextpnr.TIMING, "--router", nextpnr.ROUTER]
    command = [*(given.get(own, own) for own in arguments), *more, "--timing-allow-fail"]
    run_tool(_PLACER, command, folder, timeout_s)
    found = json.loads((folder / report).read_text(encoding="utf-8"))
    (clock,) = found["fmax"].values()
    if round(1e6 * clock["constraint"], -3) != clock_hz:
        raise RuntimeError(f"nextpnr's target must be {clock_hz} Hz, not {clock['constraint']} MHz")
    return nextpnr.read_report(found, TARGET, ())


def _without(arguments: list[str], option: str) -> list[str]:
    """`arguments` without an option and its value."""
    place = arguments.index(option)
    return arguments[:place] + arguments[place + 2 :]


def with_dfu_suffix(content: bytes, arguments: list[str]) -> bytes:
    """`content` for a boot loader by USB, with the suffix that ``dfu-suffix`` appends with these arguments.

    USB Device Firmware Upgrade 1.1, appendix B: device, product, vendor, version, ``UFD``, length 16, and the
    complement of the CRC-32 of zlib over all before it.
    """
    vendor, product = (int(arguments[arguments.index(option) + 1], 16) for option in ("-v", "-p"))
    whole = content + struct.pack("<HHHH3sB", 0xFFFF, product, vendor, 0x0100, b"UFD", 16)
    return whole + struct.pack("<I", zlib.crc32(whole) ^ 0xFFFFFFFF)
