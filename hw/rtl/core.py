"""The top level: AXI4-Stream in, AXI4-Stream out."""

from __future__ import annotations

from amaranth.hdl import ClockDomain, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import Network
from hw.config import HardwareConfig
from hw.rtl.hidden_layer import HiddenLayer
from hw.rtl.input_decoder import SLOT_BITS, InputDecoder
from hw.rtl.readout import Readout


class Core(wiring.Component):
    """A whole network: hidden layers and readout in a chain of event streams.

    Parameters
    ----------
    network : Network
    config : HardwareConfig

    Members
    -------
    aclk : In(1)
    aresetn : In(1)
        Synchronous, active low. No transfer happens while it is low.
    s_axis_tdata : In(32), or In(64) where the first stage takes two events per cycle
        [15:0] address, [23:16] count, [31] end of step; [30:24] are ignored. Of 64 bits, two such words.
    s_axis_tkeep : In(8), only with 64 bits
        [0] and [4] say whether the lower and the upper word are there; the others are ignored.
    s_axis_tvalid, s_axis_tlast : In(1)
        `s_axis_tlast` ends the sample, and with it the step, with its last word.
    s_axis_tready : Out(1)
    m_axis_tdata : Out(32)
        A beat per class score, class 0 first, two's complement; then the class, with `m_axis_tlast`.
    m_axis_tvalid, m_axis_tlast : Out(1)
    m_axis_tready : In(1)
    dropped_beats : Out(32)
        Beats whose event was dropped since reset; stays at its highest value.
    """

    def __init__(self, network: Network, config: HardwareConfig) -> None:
        config.check(network.spec)
        self._network, self._config = network, config
        self._slots = config.stages[0].events_per_cycle
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axis_tdata": In(SLOT_BITS * self._slots),
                **({"s_axis_tkeep": In(4 * self._slots)} if self._slots > 1 else {}),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(32),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "dropped_beats": Out(32),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, params = self._network.spec, self._network.params

        # The chain in the order of the data flow; every link is an event stream.
        sync = ClockDomain("sync")
        sync.clk = self.aclk
        m.domains += sync
        m.d.comb += sync.rst.eq(~self.aresetn)

        m.submodules.decoder = decoder = InputDecoder(spec.layers[0], self._slots)
        m.d.comb += [
            decoder.i.payload.data.eq(self.s_axis_tdata),
            decoder.i.payload.last.eq(self.s_axis_tlast),
            decoder.i.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(decoder.i.ready & self.aresetn),
            self.dropped_beats.eq(decoder.dropped),
        ]
        if self._slots > 1:
            m.d.comb += decoder.i.payload.keep.eq(self.s_axis_tkeep[:: SLOT_BITS // 8])
        events = decoder.o
        widths = self._config.stages
        out_events = (following.events_per_cycle for following in widths[1:])
        stages = zip(spec.stage_names, spec.layers, params, widths, out_events, strict=False)
        for name, layer, codes, own, more in stages:
            m.submodules[name] = hidden = HiddenLayer(layer, codes, own, more)
            wiring.connect(m, events, hidden.i)
            events = hidden.o
        m.submodules.readout = readout = Readout(spec.readout, params[-1], self._config.stages[-1])
        wiring.connect(m, events, readout.i)
        m.d.comb += [
            self.m_axis_tdata.eq(readout.o.payload.data),
            self.m_axis_tlast.eq(readout.o.payload.last),
            self.m_axis_tvalid.eq(readout.o.valid),
            readout.o.ready.eq(self.m_axis_tready),
        ]
        return m
