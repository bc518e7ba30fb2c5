"""A whole core: the rules of AXI4 at its ports, whatever is sent to it, whenever it is reset."""

from __future__ import annotations

from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockSignal, DomainRenamer, Mux, Value
from amaranth.lib.wiring import In

from fxp_model.fixed import QFormat
from fxp_model.network import Network, StageParams
from fxp_model.spec import NetworkSpec, ReadoutSpec
from hw.config import HardwareConfig, StageConfig
from hw.registers import CONTROL
from hw.rtl.core import RESET_LATENCY, Core
from tb.formal.monitor import Monitor, Property
from tb.formal.rules import stays
from tb.harness.block_bench import layer_spec
from tb.harness.planted import Bug

NARROW = QFormat(True, 2, 0)
N_IN, N, CLASSES = 2, 2, 2
CONFIG = HardwareConfig((StageConfig(N, 1), StageConfig(CLASSES, 1)))


def tiny_network() -> Network:
    """Two neurons and two classes."""
    codes: dict[str, Any] = {"weight": NARROW, "bias": NARROW, "membrane": NARROW}
    layer = layer_spec(n_in=N_IN, n_out=N, v_th=1, **codes)
    readout = ReadoutSpec(n_in=N, n_out=CLASSES, beta=128, **codes)
    params = (
        StageParams(weight=np.ones((rows, columns), dtype=np.int64), bias=np.zeros(rows, dtype=np.int64))
        for rows, columns in ((N, N_IN), (CLASSES, N))
    )
    return Network(NetworkSpec((layer,), readout), tuple(params))


def tiny_core(f: Monitor, **fixed: int) -> Core:
    """A whole core, all of whose inputs are free, but for the ports in `fixed`."""
    m, core = f.m, Core(tiny_network(), CONFIG)
    # the domains of the core are its own: of them only the clock is that of the monitor
    m.submodules.dut = DomainRenamer({name: f"core_{name}" for name in ("sync", "host", "always")})(core)
    for path, member, value in core.signature.flatten(core):
        name, port = "_".join(map(str, path)), Value.cast(value)
        if member.flow is not In:
            continue
        if name == "aclk":
            m.d.comb += port.eq(ClockSignal())
        elif path[0] in fixed:
            m.d.comb += port.eq(fixed[str(path[0])])
        else:
            m.d.comb += port.eq(f.free(len(port), name))
    return core


def ports() -> Monitor:
    """Anything at all inputs, but that the host does not ask for a soft reset, which takes offers back."""
    f = Monitor()
    core = tiny_core(f)
    bus = core.s_axil
    f.assume(~bus.awvalid | (bus.awaddr[2:] != CONTROL.offset >> 2))

    resets = [~core.aresetn]
    for _ in range(RESET_LATENCY):
        resets.append(f.before(resets[-1], True))
    reset = Cat(resets).any()
    for valid, ready, payload in (
        (core.m_axis_tvalid, core.m_axis_tready, Cat(core.m_axis_tdata, core.m_axis_tlast)),
        (bus.bvalid, bus.bready, bus.bresp),
        (bus.rvalid, bus.rready, bus.rresp),
    ):
        f.claim(Mux(reset, ~valid, stays(f, valid, ready, payload)))
    f.claim(~reset | ~Cat(core.s_axis_tready, bus.awready, bus.wready, bus.arready).any())
    return f


PROPERTIES = {
    "core_ports": Property(
        "the rules of AXI4-Stream and AXI4-Lite at a whole core; no handshake while it is reset, at any time",
        ports,
        Bug(
            "core.py",
            "self.m_axis_tvalid.eq(readout.o.valid & ~resets)",
            "self.m_axis_tvalid.eq(readout.o.valid)",
        ),
    ),
}
