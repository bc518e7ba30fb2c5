"""Contents of the block RAMs of an ECP5 netlist, read from what the bitstream initialises them with.

A DP16KD holds 1,024 groups of 18 bits; each of its 64 parameters ``INITVAL_xx`` has 16 of them, at every 20th
bit (Lattice FPGA-TN-02204). A word of 36, 18 or 9 bits is two, one or half a group, the lower address first;
narrower ones are in the lower eight bits of each half.
"""

import re
from collections import defaultdict
from typing import Any

GROUP_BITS, GROUPS, PER_VALUE, STRIDE = 18, 1024, 16, 20


def cell_words(cell: dict[str, Any]) -> tuple[int, list[int]]:
    """Width of the words of a cell, and the words, by address."""
    parameters = cell["parameters"]
    width = min(int(parameters[f"DATA_WIDTH_{port}"], 2) for port in "AB")  # of the port in use
    bits = ""  # the lowest first
    for group in range(GROUPS):
        value = int(parameters[f"INITVAL_{group // PER_VALUE:02X}"], 2)
        one = value >> STRIDE * (group % PER_VALUE) & (1 << GROUP_BITS) - 1
        bits += f"{one:0{GROUP_BITS}b}"[::-1]
    if width < 9:
        bits = "".join(bits[at : at + 8] for at in range(0, len(bits), 9))
    return width, [int(bits[at : at + width][::-1], 2) for at in range(0, len(bits), width)]


def memories(module: dict[str, Any]) -> dict[str, list[int]]:
    """Words of every memory that is made of block RAMs, by its path.

    yosys names the cells of a memory ``path.d.w``: place in its depth, and in its width.
    """
    parts: dict[str, dict[tuple[int, int], tuple[int, list[int]]]] = defaultdict(dict)
    for name, cell in module["cells"].items():
        if cell["type"] == "DP16KD":
            path, deep, wide = name.rsplit(".", 2)
            parts[re.sub(r"\$\d+$", "", path)][int(deep), int(wide)] = cell_words(cell)
    return {path: _joined(cells) for path, cells in parts.items()}


def _joined(cells: dict[tuple[int, int], tuple[int, list[int]]]) -> list[int]:
    """Words of a memory from those of its cells."""
    words: list[int] = []
    for deep in range(1 + max(deep for deep, _ in cells)):
        (width,) = {width for (own, _), (width, _) in cells.items() if own == deep}
        columns = [cells[deep, wide][1] for wide in range(sum(own == deep for own, _ in cells))]
        words += [
            sum(word << width * place for place, word in enumerate(row)) for row in zip(*columns, strict=True)
        ]
    return words


def rows_of(words: list[int], depth: int, width: int) -> list[int]:
    """The rows of a memory from the words of its cells.

    Where a memory is deeper than a cell, yosys may put its rows side by side: those of the lowest addresses
    first. All that is beyond the rows must be 0.
    """
    rows = [words[row % len(words)] >> width * (row // len(words)) & (1 << width) - 1 for row in range(depth)]
    assert sum(map(int.bit_count, rows)) == sum(map(int.bit_count, words))
    return rows


def initial(verilog: str, top: str) -> dict[str, tuple[int, list[int]]]:
    """Width and rows that each memory of generated Verilog begins with, by its path below `top`."""
    found: dict[str, tuple[int, list[int]]] = {}
    module = path = ""
    for line in verilog.splitlines():
        if begins := re.match(rf"module \\?{top}\.?(\S*)", line):
            module = begins[1]
        elif memory := re.match(r"  reg (?:\[(\d+):0\] )?\\?(\S+?)(?:\$\d+)?  ?\[(\d+):0\];", line):
            path = f"{module}.{memory[2]}"
            found[path] = int(memory[1] or 0) + 1, [0] * (int(memory[3]) + 1)
        elif word := re.match(r"    \S+ ?\[(\d+)\] = \d+'([hd])(\w+);", line):
            found[path][1][int(word[1])] = int(word[3], {"h": 16, "d": 10}[word[2]])
    return found
