"""From a network and a configuration to one Verilog file: pure, same inputs, same bytes."""

from __future__ import annotations

from dataclasses import dataclass

from fxp_model.network import Network
from hw.config import HardwareConfig


@dataclass(frozen=True)
class Port:
    """A port of the top level; `direction` is ``input`` or ``output``."""

    name: str
    direction: str
    width: int


@dataclass(frozen=True)
class Probe:
    """Where a bench sees the results of one stage, group by group.

    In the module instance `path` (hierarchical below the top level, as ``layer0.update``) are the nets

    ``probe_valid``  1 bit: this cycle carries the final results of one group
    ``probe_group``  index of the group, 0..`groups` - 1, in order; the sweeps follow each other step by step
    ``probe_v_mem``  `update_lanes` x `membrane_bits`, membranes after Q and before the reset, two's
                     complement, lane 0 in the low bits
    ``probe_spikes`` `update_lanes` bits, lane 0 lowest; only where `spiking`

    Lane i of group g is neuron g * `update_lanes` + i; lanes beyond `n_out` are meaningless.
    """

    stage: str
    path: str
    n_out: int
    groups: int
    update_lanes: int
    membrane_bits: int
    spiking: bool


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


def emit(network: Network, config: HardwareConfig, name: str) -> EmittedCore:
    """Generate the core of `network` at the widths of `config` as the Verilog module `name`.

    Raises
    ------
    InputError
        If the configuration does not fit the network, the network cannot be built
        (dense recurrence), or `name` is not a plain Verilog identifier.
    """
    raise NotImplementedError
