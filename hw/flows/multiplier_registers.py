"""Flip-flops around the multipliers of an ECP5, moved into the registers that the multipliers have.

yosys uses no register of a MULT18X18D. Multipliers stand in a few rows of the device, so a product between
flip-flops pays for two long ways beside its own time; between registers of the multiplier, for neither:

    flip-flops | MULT18X18D | flip-flops   becomes   MULT18X18D with registers at its inputs and its output

Every net behind the product has the same value in every cycle as before, from the first on.
"""

from __future__ import annotations

from hw.flows.netlist import Cell, Module, Net, is_plain_flop, readers_of

INPUTS = [f"{operand}{place}" for operand in "AB" for place in range(18)]
OUTPUTS = [f"P{place}" for place in range(36)]


def absorb(module: Module) -> int:
    """Give each MULT18X18D of a flat `module` its registers where it can have all, and count flip-flops gone.

    It can where each input is 0 or comes from a flip-flop without enable and reset, each output that goes
    anywhere goes to one such flip-flop and nowhere else, all of them have one clock, rising, and none lies
    between two multipliers. A flip-flop that others read as well stays for them.
    """
    cells, readers = module["cells"], readers_of(module)
    before = {cell["connections"]["Q"][0]: name for name, cell in cells.items() if is_plain_flop(cell)}
    freed: set[str] = set()
    gone: set[str] = set()
    for cell in [cell for cell in cells.values() if cell["type"] == "MULT18X18D"]:
        pins: dict[str, list[Net]] = cell["connections"]
        sources = {pin: before.get(pins[pin][0], "") for pin in INPUTS if pins.get(pin, ["0"]) != ["0"]}
        sinks = {
            pin: _flop_behind(cells, readers[pins[pin][0]])
            for pin in OUTPUTS
            if pin in pins and pins[pin][0] in readers
        }
        flops = [*sources.values(), *sinks.values()]
        if not all(flops) or any(cells[name]["parameters"]["CLKMUX"] == "INV" for name in flops):
            continue
        clocks = {cells[name]["connections"]["CLK"][0] for name in flops}
        between = {*sources.values(), *freed} & {*sinks.values(), *gone}  # two products
        if not sources or len(clocks) != 1 or between:
            continue
        _register(cell, clocks.pop())
        for pin, name in sources.items():
            pins[pin] = list(cells[name]["connections"]["DI"])
        for pin, name in sinks.items():
            pins[pin] = list(cells[name]["connections"]["Q"])
        freed.update(sources.values())
        gone.update(sinks.values())
    for name in gone:
        del cells[name]
    readers = readers_of(module)
    unread = {name for name in freed if cells[name]["connections"]["Q"][0] not in readers}
    for name in unread:
        del cells[name]
    return len(gone) + len(unread)


def _flop_behind(cells: dict[str, Cell], readers: list[tuple[str, str]]) -> str:
    """The flip-flop that a net goes to, if that is all that it goes to; else ``""``."""
    if len(readers) != 1:
        return ""
    ((name, pin),) = readers
    return name if name and pin == "DI" and is_plain_flop(cells[name]) else ""


def _register(cell: Cell, clock: Net) -> None:
    """Put the registers of a multiplier to use, at the rising edge of `clock`, enabled and never reset."""
    for place in ("INPUTA", "INPUTB", "OUTPUT"):
        cell["parameters"] |= {
            f"REG_{place}_CLK": "CLK0",
            f"REG_{place}_CE": "CE0",
            f"REG_{place}_RST": "RST0",
        }
    cell["connections"] |= {"CLK0": [clock], "CE0": ["1"], "RST0": ["0"]}
    cell["port_directions"] |= dict.fromkeys(("CLK0", "CE0", "RST0"), "input")
