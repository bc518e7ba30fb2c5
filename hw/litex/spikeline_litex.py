"""Adds the network of a build of Spikeline, with its ear if it has one, to a SoC of LiteX.

    import sys
    sys.path.append("build/mycore/litex")
    from spikeline_litex import add_spikeline

    add_spikeline(soc)  # then SPIKELINE_BASE and SPIKELINE_INTERRUPT are in the SoC's headers

It reads the build's manifest.json, and needs LiteX only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from litex.gen import LiteXModule
from litex.soc.cores.dma import WishboneDMAReader, WishboneDMAWriter
from litex.soc.integration.soc import SoCRegion
from litex.soc.interconnect import stream, wishbone
from litex.soc.interconnect.axi import AXILiteInterface
from litex.soc.interconnect.csr_eventmanager import EventManager, EventSourceLevel, EventSourceProcess
from migen import ClockSignal, If, Instance, ResetSignal, Signal

BUILD = Path(__file__).resolve().parent.parent
SIZE = 1 << 14
"""Bytes of a device on the bus: registers of the core, of the ear, of the mailbox."""
PAGE_BITS = 12
"""Address bits of each of these blocks."""


class SpikelineCore(LiteXModule):
    """The core of a build, or the core behind its ear, with its streams as they are.

    Parameters
    ----------
    platform : GenericPlatform
        Gets the Verilog.
    pads : object, optional
        With an ear: pins of the microphone by their names in the manifest, such as a request for
        ``sck``, ``ws``, ``sd``, ``right``, or signals of the SoC.
    build : Path
        Folder of the build.

    Attributes
    ----------
    bus, bus_ear : AXILiteInterface
        Registers of the core and, with an ear, of it: 4 KiB each.
    sink : Endpoint
        Events, of 32 or 64 bits; a packet is a sample.
    source : Endpoint
        Answers, of 32 bits; a packet has the scores, then the class; with answers per step, class, score and
        margin.
    irq : Signal
        Level, until the host clears its cause in the registers of the core.
    """

    def __init__(self, platform: Any, pads: Any = None, build: Path = BUILD) -> None:
        manifest = json.loads((build / "manifest.json").read_text(encoding="utf-8"))
        about = manifest.get("ear", manifest)
        widths = {port["name"]: port["width"] for port in about["ports"]}
        keep = [("keep", widths["s_axis_tkeep"])] if "s_axis_tkeep" in widths else []
        self.bus = AXILiteInterface(data_width=32, address_width=PAGE_BITS)
        self.sink = stream.Endpoint([("data", widths["s_axis_tdata"]), *keep])
        self.source = stream.Endpoint([("data", 32)])
        self.irq = Signal()
        signals = {
            "irq": self.irq,
            **_bus("s_axil", self.bus),
            **_stream("s_axis", self.sink),
            **_stream("m_axis", self.source),
        }
        if "ear" in manifest:
            self.bus_ear = AXILiteInterface(data_width=32, address_width=PAGE_BITS)
            signals |= _bus("s_axil_ear", self.bus_ear)
            signals |= {name: getattr(pads, name) for name in widths if name not in {*signals, *_CLOCKS}}
        self.specials += _instance(about, signals)
        platform.add_source(str(build / f"{about['name']}.v"))


class Spikeline(LiteXModule):
    """A core behind a mailbox: a device with registers only, as the drivers in the build want it.

    Parameters
    ----------
    platform, pads, build
        As those of `SpikelineCore`.
    sys_clk_freq : int
        Of the SoC, in Hz; must be that for which the build was made (``--clock-mhz``, ``--ear-clock-mhz``).
    dma : bool
        There is a `SpikelineDMA`, too.

    Attributes
    ----------
    bus : AXILiteInterface
        `SIZE` bytes.
    core : SpikelineCore
    dma : SpikelineDMA
        If there is one.
    ev : EventManager
        Its source ``answer`` is the level of the core's `irq`; with a DMA, ``written`` is the end of a
        transfer of answers.
    """

    def __init__(
        self,
        platform: Any,
        sys_clk_freq: float,
        pads: Any = None,
        build: Path = BUILD,
        dma: bool = False,
    ) -> None:
        about = json.loads((build / "manifest.json").read_text(encoding="utf-8"))["mailbox"]
        if int(sys_clk_freq) != about["clock_hz"]:
            raise ValueError(
                f"sys_clk_freq must be {about['clock_hz']} as in the build, not {sys_clk_freq:.0f}"
            )
        self.core = core = SpikelineCore(platform, pads, build)
        self.bus = AXILiteInterface(data_width=32, address_width=32)
        self.ev = EventManager()
        self.ev.answer = EventSourceLevel()
        self.comb += self.ev.answer.trigger.eq(core.irq)
        words, answers = core.sink, core.source
        if dma:
            self.dma = SpikelineDMA(core)
            words, answers = self.dma.words, self.dma.answers
            self.ev.written = EventSourceProcess(edge="rising")
            self.comb += self.ev.written.trigger.eq(self.dma.writer.done)
        self.ev.finalize()
        signals = {
            **_bus("s_axil", self.bus),
            **_bus("m_axil_core", core.bus),
            **_stream("m_axis", words),
            **_stream("s_axis", answers),
        }
        for name in ("aw", "ar"):  # of the SoC's addresses, the ones within
            signals[f"s_axil_{name}addr"] = getattr(self.bus, name).addr[: SIZE.bit_length() - 1]
        if hasattr(core, "bus_ear"):
            signals |= _bus("m_axil_ear", core.bus_ear)
        self.specials += _instance(about, signals)
        platform.add_source(str(build / "litex" / f"{about['name']}.v"))


class SpikelineDMA(LiteXModule):
    """DMA of LiteX for the streams of a core, from memory and to it.

    A transfer of `reader` is a sample, of words as `spikeline_encode` of the C driver makes them; of a core
    that takes two words in a cycle, it uses one. A transfer of `writer` is what its length holds of answers.
    Each is to be enabled between samples. One that is disabled within a sample leaves a part of it, which
    `spikeline_reset` of the C driver ends.

    Parameters
    ----------
    core : SpikelineCore

    Attributes
    ----------
    reader : WishboneDMAReader
    writer : WishboneDMAWriter
        With the CSRs of LiteX: ``base``, ``length`` in bytes, ``enable``, ``done``.
    words, answers : Endpoint
        To the core while `reader`, and from it while `writer`, is not enabled.
    """

    def __init__(self, core: SpikelineCore) -> None:
        # words of 32 bits as the processor has them, which is "big" here
        self.reader = reader = WishboneDMAReader(
            wishbone.Interface(data_width=32), endianness="big", fifo_depth=2
        )
        self.writer = writer = WishboneDMAWriter(wishbone.Interface(data_width=32), endianness="big")
        reader.add_ctrl()
        writer.add_ctrl(ready_on_idle=0)
        reader.add_csr()
        writer.add_csr()
        self.words = stream.Endpoint(core.sink.description)
        self.answers = stream.Endpoint(core.source.description)
        events = stream.Endpoint(core.sink.description)
        self.comb += [
            reader.source.connect(events, keep={"valid", "ready", "last"}),
            events.data.eq(reader.source.data),
            If(reader.enable, events.connect(core.sink)).Else(
                self.words.connect(core.sink),
                events.ready.eq(1),  # what is left of a transfer is dropped
            ),
            If(writer.enable, core.source.connect(writer.sink, omit={"last"})).Else(
                core.source.connect(self.answers)
            ),
        ]
        if hasattr(events, "keep"):
            self.comb += events.keep.eq(0xF)


def add_spikeline(
    soc: Any,
    name: str = "spikeline",
    pads: Any = None,
    origin: int | None = None,
    build: Path = BUILD,
    dma: bool = False,
) -> Spikeline:
    """Add a `Spikeline` to a SoC as `name`, at `origin` or where there is room, with an interrupt.

    With `dma`, its streams can go through memory, too (`SpikelineDMA`).
    """
    device = Spikeline(soc.platform, soc.sys_clk_freq, pads, build, dma)
    soc.add_module(name=name, module=device)
    soc.bus.add_slave(name, device.bus, SoCRegion(origin=origin, size=SIZE, cached=False))
    if dma:
        bus = getattr(soc, "dma_bus", soc.bus)
        bus.add_master(f"{name}_reader", device.dma.reader.bus)
        bus.add_master(f"{name}_writer", device.dma.writer.bus)
    if soc.irq.enabled:
        soc.irq.add(name, use_loc_if_exists=True)
    return device


_CLOCKS = ("aclk", "aresetn")


def _instance(about: Mapping[str, Any], signals: Mapping[str, Any]) -> Instance:
    """The Verilog module of a manifest; every port of it has a signal."""
    own = {**signals, "aclk": ClockSignal("sys"), "aresetn": ~ResetSignal("sys")}
    ports = {f"{port['direction'][0]}_{port['name']}": own[port["name"]] for port in about["ports"]}
    return Instance(about["name"], **ports)


def _bus(prefix: str, bus: AXILiteInterface) -> dict[str, Any]:
    """Signals of a bus by the names of ports."""
    parts = {"aw": "addr", "w": "data strb", "b": "resp", "ar": "addr", "r": "data resp"}
    return {
        f"{prefix}_{name}{part}": getattr(getattr(bus, name), part)
        for name, own in parts.items()
        for part in (*own.split(), "valid", "ready")
    }


def _stream(prefix: str, endpoint: stream.Endpoint) -> dict[str, Any]:
    """Signals of a stream by the names of ports."""
    parts = ["valid", "ready", "last", *(name for name, *_ in endpoint.description.payload_layout)]
    return {f"{prefix}_t{part}": getattr(endpoint, part) for part in parts}
