"""Circuits as graphs: whether two of them are the same but for the order and the names of their nets."""

from __future__ import annotations

import re
from dataclasses import dataclass

START = "init:"
"""Of the name of an input that yosys adds for a bit of a register without a start."""
ROUNDS = 24
"""Of the colouring: how far a net is looked around, in latches."""


@dataclass(frozen=True)
class Circuit:
    """An and-inverter graph of binary AIGER 1.0, without its constraints.

    A literal is 2 n, or 2 n + 1 for the complement of net n; net 0 is low. Nets are numbered inputs first,
    then latches, which are 0 at the start, then gates, whose operands come before them.

    inputs : name of each input
    latches : literal of what each is in the next cycle
    outputs : literal of each output, by name
    gates : literals of both operands of each gate
    """

    inputs: tuple[str, ...]
    latches: tuple[int, ...]
    outputs: dict[str, int]
    gates: tuple[tuple[int, int], ...]

    @property
    def first_gate(self) -> int:
        """Number of its net."""
        return 1 + len(self.inputs) + len(self.latches)

    def colours(self) -> list[int]:
        """Of each net, equal where nets look alike from their operands, through `ROUNDS` latches."""
        inputs = [hash((_known_name(name), "input")) for name in self.inputs]
        latches = [1] * len(self.latches)
        for _ in range(ROUNDS):
            found = [0, *inputs, *latches]
            for one, other in self.gates:
                pair = (_coloured(found, one), _coloured(found, other))
                found.append(hash((min(pair), max(pair))))
            latches = [
                hash((own, _coloured(found, literal)))
                for own, literal in zip(latches, self.latches, strict=True)
            ]
        return found


def circuit(aiger: bytes) -> Circuit:
    """A circuit of binary AIGER with names of inputs and outputs, as ``write_aiger -zinit -symbols`` writes.

    Raises
    ------
    RuntimeError
        A latch is not 0 at the start.
    """
    head, rest = aiger.split(b"\n", 1)
    inputs, latches, outputs, gates = (int(own) for own in head.split()[2:6])
    lines = rest.split(b"\n", latches + outputs)
    starts = [line.split()[1:] for line in lines[:latches]]
    if any(start not in ([], [b"0"]) for start in starts):
        raise RuntimeError("a latch must be 0 at the start")
    literals = [int(line.split()[0]) for line in lines[:-1]]
    operands, place, body = [], 0, lines[-1]
    for gate in range(1 + inputs + latches, 1 + inputs + latches + gates):
        deltas = []
        for _ in range(2):
            delta = shift = 0
            while True:
                byte = body[place]
                place += 1
                delta |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            deltas.append(delta)
        operands.append((2 * gate - deltas[0], 2 * gate - deltas[0] - deltas[1]))
    names: dict[str, dict[int, str]] = {"i": {}, "o": {}, "l": {}}
    for line in body[place:].decode().split("\n"):
        if line[:1] not in names:
            break
        number, name = line[1:].split(" ", 1)
        names[line[0]][int(number)] = name
    return Circuit(
        tuple(names["i"][number] for number in range(inputs)),
        tuple(literals[:latches]),
        {names["o"][number]: literals[latches + number] for number in range(outputs)},
        tuple(operands),
    )


def alike(one: Circuit, other: Circuit) -> bool:
    """Whether both are shown to give equal outputs in every cycle, as one is a drawing of the other.

    Pairs of nets are found that are equal in every cycle if all of them are: from the outputs of equal names
    to the operands of gates, and from latches, which are equal at the start, to what they are next. The order
    of the operands is that of their colours. Inputs have equal names; of those that are what a register
    without a start begins with, the numbers of nets do not count, and each is in one pair only. False says
    nothing.

    Raises
    ------
    RuntimeError
        There is no output, and so nothing to compare.
    """
    if not one.outputs:
        raise RuntimeError("a circuit must have at least 1 output, not 0")
    if one.outputs.keys() != other.outputs.keys():
        return False
    ours, theirs = one.colours(), other.colours()
    waiting = [(literal, other.outputs[name]) for name, literal in one.outputs.items()]
    found: set[tuple[int, int]] = set()
    theirs_of: dict[int, int] = {}
    ours_of: dict[int, int] = {}
    while waiting:
        first, second = waiting.pop()
        pair = first >> 1, second >> 1
        if (first ^ second) & 1 or ours[pair[0]] != theirs[pair[1]]:
            return False
        if pair in found:
            continue
        found.add(pair)
        kinds = [
            (net > 0) + (net > len(own.inputs)) + (net >= own.first_gate)
            for net, own in zip(pair, (one, other), strict=True)
        ]
        match kinds:
            case [0, 0]:
                continue
            case [1, 1]:
                names = one.inputs[pair[0] - 1], other.inputs[pair[1] - 1]
                if _known_name(names[0]) != _known_name(names[1]):
                    return False
                if theirs_of.setdefault(*pair) != pair[1] or ours_of.setdefault(*pair[::-1]) != pair[0]:
                    return False
            case [2, 2]:
                waiting.append(
                    (
                        one.latches[pair[0] - 1 - len(one.inputs)],
                        other.latches[pair[1] - 1 - len(other.inputs)],
                    )
                )
            case [3, 3]:
                operands = one.gates[pair[0] - one.first_gate], other.gates[pair[1] - other.first_gate]
                waiting += zip(
                    sorted(operands[0], key=lambda own: _coloured(ours, own)),
                    sorted(operands[1], key=lambda own: _coloured(theirs, own)),
                    strict=True,
                )
            case _:
                return False
    return True


def _known_name(name: str) -> str:
    """Of an input, without the numbers of nets that have no name, if it is what a register begins with."""
    return re.sub(r"\$\d+|_\d+_", "$", name) if name.startswith(START) else name


def _coloured(colours: list[int], literal: int) -> tuple[int, int]:
    return colours[literal >> 1], literal & 1
