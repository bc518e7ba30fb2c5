"""Move flip-flops before the multipliers of an ECP5 into the registers of the multipliers.

yosys uses no register of a MULT18X18D. Multipliers are placed in a few rows of the device, so a product
between flip-flops adds two long nets to its own delay; between registers of the multiplier, it adds neither:

    flip-flops | flip-flops | MULT18X18D   becomes   MULT18X18D with registers at its inputs and its output

Every net behind the product keeps its value in every cycle, including the first: flip-flops and
registers start at 0.
"""

from __future__ import annotations

from hw.flows.netlist import Cell, Module, Net, is_plain_flop, readers_of

INPUTS = [f"{operand}{place}" for operand in "AB" for place in range(18)]


def absorb(module: Module) -> int:
    """Use the registers of each MULT18X18D of a flat `module` that can use all; count the removed flip-flops.

    It can where each input is 0 or comes through two flip-flops without enable and reset, all on the rising
    edge of one clock. A flip-flop with other loads is kept for them.
    """
    cells = module["cells"]
    flops = {cell["connections"]["Q"][0]: name for name, cell in cells.items() if is_plain_flop(cell)}
    freed: set[str] = set()
    for cell in [cell for cell in cells.values() if cell["type"] == "MULT18X18D"]:
        pins: dict[str, list[Net]] = cell["connections"]
        used = [pin for pin in INPUTS if pins.get(pin, ["0"]) != ["0"]]
        ways = [_flops_before(cells, flops, pins[pin][0]) for pin in used]
        passed = {name for way in ways for name in way}
        clocks = {cells[name]["connections"]["CLK"][0] for name in passed}
        falling = any(cells[name]["parameters"]["CLKMUX"] == "INV" for name in passed)
        if not all(ways) or len(clocks) != 1 or falling:
            continue
        _register(cell, clocks.pop())
        for pin, (first, _) in zip(used, ways, strict=True):
            pins[pin] = list(cells[first]["connections"]["DI"])
        freed |= passed
    return _remove_unread(module, freed)


def _flops_before(cells: dict[str, Cell], flops: dict[Net, str], net: Net) -> tuple[str, ...]:
    """The last two flip-flops that drive `net`, in order of the data; none without two."""
    second = flops.get(net)
    first = flops.get(cells[second]["connections"]["DI"][0]) if second else None
    return (first, second) if first and second else ()


def _register(cell: Cell, clock: Net) -> None:
    """Enable the registers of a multiplier, at the rising edge of `clock`, without reset."""
    for place in ("INPUTA", "INPUTB", "OUTPUT"):
        cell["parameters"] |= {
            f"REG_{place}_CLK": "CLK0",
            f"REG_{place}_CE": "CE0",
            f"REG_{place}_RST": "RST0",
        }
    cell["connections"] |= {"CLK0": [clock], "CE0": ["1"], "RST0": ["0"]}
    cell["port_directions"] |= dict.fromkeys(("CLK0", "CE0", "RST0"), "input")


def _remove_unread(module: Module, flops: set[str]) -> int:
    """Remove those of `flops` that have no load any more, and then the ones before them; count them."""
    removed = 0
    while True:
        readers = readers_of(module)
        unread = {name for name in flops if module["cells"][name]["connections"]["Q"][0] not in readers}
        if not unread:
            return removed
        for name in unread:
            del module["cells"][name]
        flops, removed = flops - unread, removed + len(unread)
