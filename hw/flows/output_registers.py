"""Move flip-flops behind the block RAMs of an ECP5 into the output registers of the RAMs.

yosys uses no output register of a DP16KD (YosysHQ/yosys issue 5814): the register after a memory is made of
flip-flops, behind the multiplexer that joins the RAMs where a memory is deeper than one. Where two registers
follow, the first is retimed backward over that multiplexer into the RAMs, and the select is delayed instead:

    RAMs | multiplexer | flip-flops | flip-flops   becomes   RAMs, output registers | multiplexer | flip-flops
         select                                                    select | flip-flop

A single register moves, too, where there is no multiplexer. Where there is one, it would then precede the
logic that follows the register, so the register stays. Every net behind the register keeps its value in every
cycle, including the first.
"""

from __future__ import annotations

from collections.abc import Iterator

from hw.flows.netlist import Cell, Module, Net, is_plain_flop, new_nets, readers_of

LOGIC = ("LUT4", "PFUMX", "L6MUX21")
"""Cells that a register can move over: they have one output, Z."""


def absorb(module: Module) -> int:
    """Move registers into the DP16KDs of a flat `module`, in place; count the removed flip-flops.

    A port has one register for all its outputs, so it absorbs the registers of all of them or none. Every
    path from an output must lead, over `LOGIC` of fan-out 1 only, to flip-flops with the clock and edge of
    the port, without enable and reset, that start at 0, as do the registers of the RAM. If there is logic,
    it must give 0 for zeros, and the flip-flop must drive flip-flops only. The port must have no reset. Its
    register loads in every cycle, as the flip-flop did: OCE is 1, and CE holds the output of the array, not
    that of the register (as in Lattice's model of the DP16KC of an ECP3, the sister of the DP16KD).
    """
    return _Absorption(module).run()


class _Absorption:
    def __init__(self, module: Module) -> None:
        self.module, self.cells = module, module["cells"]
        self.readers = readers_of(module)
        self.drivers: dict[Net, str] = {
            bit: name
            for name, cell in self.cells.items()
            for pin, bits in cell["connections"].items()
            if cell["port_directions"][pin] == "output"
            for bit in bits
        }
        self.registered: set[Net] = set()  # outputs of RAMs that are now registered
        self.delayed: dict[tuple[Net, Net, str], Net] = {}  # by net, clock and edge
        self.free = new_nets(module)

    def run(self) -> int:
        moved: set[str] = set()
        for ram in [cell for cell in self.cells.values() if cell["type"] == "DP16KD"]:
            # the lower half of a 36-bit port is on the pins of port A
            wide = int(ram["parameters"]["DATA_WIDTH_B"], 2) == 36
            for port, halves in (("B", "AB"),) if wide else (("A", "A"), ("B", "B")):
                outputs = self._outputs(ram, halves)
                flops = [flop for net in outputs for flop in self._flops_behind(net)]
                if outputs and _is_free(ram, port, halves) and all(self._fits(f, ram, port) for f in flops):
                    for half in halves:
                        ram["parameters"][f"REGMODE_{half}"] = "OUTREG"
                    self.registered.update(outputs)
                    moved.update(flops)
        joined = dict(self._move(name) for name in sorted(moved))
        for bits in self._nets():
            bits[:] = [joined.get(bit, bit) for bit in bits]
        return len(moved)

    def _outputs(self, ram: Cell, halves: str) -> list[Net]:
        """Nets of the outputs of a port that have a load."""
        pins = [f"DO{half}{index}" for half in halves for index in range(18)]
        return [bit for pin in pins for bit in ram["connections"].get(pin, ()) if bit in self.readers]

    def _flops_behind(self, net: Net) -> Iterator[str]:
        """Flip-flops that a net reaches over logic of fan-out 1; ``""`` for any other end point."""
        for name, pin in self.readers[net]:
            kind = self.cells[name]["type"] if name else ""
            if kind == "TRELLIS_FF" and pin == "DI":
                yield name
            elif kind in LOGIC and len(self.readers.get(_output(self.cells[name]), ())) == 1:
                yield from self._flops_behind(_output(self.cells[name]))
            else:
                yield ""

    def _fits(self, name: str, ram: Cell, port: str) -> bool:
        """Whether a flip-flop can move to the inputs of its logic, one of which is an output of this port."""
        if not name:
            return False
        flop = self.cells[name]
        kind, pins = flop["parameters"], flop["connections"]
        return (
            pins["CLK"] == ram["connections"][f"CLK{port}"]
            and (kind["CLKMUX"] == "INV") == (ram["parameters"][f"CLK{port}MUX"] == "INV")
            and is_plain_flop(flop)
            and (self._logic(pins["DI"][0]) is None or self._is_first_of_two(flop))
        )

    def _is_first_of_two(self, flop: Cell) -> bool:
        """Whether a flip-flop drives only registers, and the logic before it may start from zeros."""
        following = self.readers.get(flop["connections"]["Q"][0], ())
        kinds = {(self.cells[name]["type"] if name else "", pin) for name, pin in following}
        return kinds == {("TRELLIS_FF", "DI")} and self._of_zeros(flop["connections"]["DI"][0]) == 0

    def _logic(self, net: Net) -> Cell | None:
        """The logic that drives `net`, if the net has one load only."""
        cell = self.cells.get(self.drivers.get(net, ""))
        return cell if cell and cell["type"] in LOGIC and len(self.readers[net]) == 1 else None

    def _of_zeros(self, net: Net) -> int:
        """Output of the logic before a flip-flop while all its inputs are 0."""
        cell = self._logic(net)
        if cell is None:
            return int(net == "1")
        pins = cell["connections"]
        if cell["type"] == "LUT4":
            index = sum(self._of_zeros(pins[pin][0]) << place for place, pin in enumerate("ABCD"))
            return int(cell["parameters"]["INIT"][-1 - index])
        select, low, high = ("C0", "BLUT", "ALUT") if cell["type"] == "PFUMX" else ("SD", "D0", "D1")
        return self._of_zeros(pins[high if self._of_zeros(pins[select][0]) else low][0])

    def _move(self, name: str) -> tuple[Net, Net]:
        """Remove a flip-flop from the end of its logic; return its output and the net that replaces it."""
        flop = self.cells.pop(name)
        data, output = flop["connections"]["DI"][0], flop["connections"]["Q"][0]
        self._delay_inputs(data, flop)
        return output, data

    def _delay_inputs(self, net: Net, flop: Cell) -> None:
        """Delay the inputs of the logic that drives `net` by flip-flops like `flop`, except RAM outputs."""
        cell = self._logic(net)
        if cell is None:
            return
        for pin, bits in cell["connections"].items():
            (bit,) = bits
            if pin == "Z" or isinstance(bit, str) or bit in self.registered:
                continue
            if self._logic(bit) is not None:
                self._delay_inputs(bit, flop)
            else:
                bits[0] = self._delay(bit, flop, f"{self.drivers[net]}_{pin}_TRELLIS_FF_Q")

    def _delay(self, net: Net, flop: Cell, name: str) -> Net:
        key = net, flop["connections"]["CLK"][0], flop["parameters"]["CLKMUX"]
        if key not in self.delayed:
            self.delayed[key] = delayed = next(self.free)
            pins = {**flop["connections"], "DI": [net], "Q": [delayed]}
            self.cells[name] = {**flop, "connections": pins}
        return self.delayed[key]

    def _nets(self) -> Iterator[list[Net]]:
        """Every list of nets in the module."""
        for cell in self.cells.values():
            yield from cell["connections"].values()
        for port in self.module["ports"].values():
            yield port["bits"]
        for wire in self.module["netnames"].values():
            yield wire["bits"]


def _output(cell: Cell) -> Net:
    net: Net = cell["connections"]["Z"][0]
    return net


def _is_free(ram: Cell, port: str, halves: str) -> bool:
    """Whether the register of a port is unused, and would load in every cycle."""
    pins = ram["connections"]
    modes = {ram["parameters"][f"REGMODE_{half}"] for half in halves}
    return modes == {"NOREG"} and pins[f"OCE{port}"] == ["1"] and pins[f"RST{port}"] == ["0"]
