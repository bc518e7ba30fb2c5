"""The top level: AXI4-Stream in and out, and AXI4-Lite."""

from __future__ import annotations

from amaranth.hdl import Cat, ClockDomain, DomainRenamer, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import Network
from fxp_model.spec import Answer
from hw.config import HardwareConfig
from hw.protocol import WORD_BITS
from hw.registers import ADDRESS_BITS, NO_HASH
from hw.reload import blocks
from hw.rtl.axi_lite import axi_lite_signature
from hw.rtl.control import Control, samples_in_flight
from hw.rtl.delay_lines import forward_delays
from hw.rtl.events import counts_beside, index_shape
from hw.rtl.hidden_layer import HiddenLayer
from hw.rtl.input_decoder import InputDecoder, is_part
from hw.rtl.input_delays import InputDelays
from hw.rtl.readout import Readout

RESET_LATENCY = 2
"""Registers in the path of the reset."""


class Core(wiring.Component):
    """A whole network: hidden layers and readout in a chain of event streams.

    Parameters
    ----------
    network : Network
    config : HardwareConfig
    sha256 : str
        Of the artifact; readable by the host.

    Members
    -------
    aclk : In(1)
    aresetn : In(1)
        Synchronous, active low; it acts `RESET_LATENCY` cycles later. From the moment it is low until it has
        acted nothing is transferred: every `ready` and every `valid` of the core is low.
    s_axis_tdata : In(32), or In(64) where the first stage takes two events per cycle
        [15:0] address, [23:16] count, [31] end of step; [30:24] are ignored. Of 64 bits, two such words.
    s_axis_tkeep : In(8), only with 64 bits
        [0] and [4] say whether the lower and the upper word are present; the others are ignored. A beat
        without a word and without TLAST is taken, and is part of no sample.
    s_axis_tvalid, s_axis_tlast : In(1)
        `s_axis_tlast` ends the sample, and with it the step, with its last word. A stream of steps with
        answers per step needs none.
    s_axis_tready : Out(1)
    m_axis_tdata : Out(32)
        A beat per class score, class 0 first, two's complement; then the class, with `m_axis_tlast`.
        With answers per step, for each of them: the class, its score, and the margin with `m_axis_tlast`.
    m_axis_tvalid, m_axis_tlast : Out(1)
    m_axis_tready : In(1)
    s_axil : In(axi_lite_signature)
        Registers (`hw.registers`); all inputs may be tied to 0.
    irq : Out(1)
        Level, high until the host clears its cause.

    Attributes
    ----------
    said, word : Signal
        No ports; only with answers per step, as of `Control`.
    """

    def __init__(self, network: Network, config: HardwareConfig, sha256: str = NO_HASH) -> None:
        config.check(network.spec)
        self._network, self._config, self._sha256 = network, config, sha256
        self._slots = config.stages[0].events_per_cycle
        self.said, self.word = Signal(), Signal(index_shape(network.spec.n_out), name="word")
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axis_tdata": In(WORD_BITS * self._slots),
                **({"s_axis_tkeep": In(4 * self._slots)} if self._slots > 1 else {}),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(32),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "s_axil": In(axi_lite_signature(ADDRESS_BITS)),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, params, reload = self._network.spec, self._network.params, self._config.reload

        # One clock; the registers are in another domain, which the soft reset does not reset. The reset
        # is delayed by its registers, and nothing is transferred meanwhile.
        sync, host, always = ClockDomain("sync"), ClockDomain("host"), ClockDomain("always", reset_less=True)
        sync.clk = host.clk = always.clk = self.aclk
        m.domains += [sync, host, always]
        soft_reset, hold, host_reset, core_reset = Signal(), Signal(), Signal(), Signal()
        m.d.always += [
            host_reset.eq(~self.aresetn),
            host.rst.eq(host_reset),
            core_reset.eq(~self.aresetn | soft_reset),
            sync.rst.eq(core_reset),
        ]
        resets, host_resets, closed = Signal(), Signal(), Signal(name="closed")
        m.d.comb += [
            resets.eq(~self.aresetn | core_reset | sync.rst),
            host_resets.eq(~self.aresetn | host_reset | host.rst),
            closed.eq(resets | hold),
        ]

        # The chain in data-flow order; every link is an event stream.
        first, widths = spec.layers[0], self._config.stages
        late = first.max_input_delay is not None
        taken = InputDelays.taken(first, self._slots) if late else self._slots
        m.submodules.decoder = decoder = InputDecoder(first, self._slots, taken)
        m.d.comb += [
            decoder.i.payload.data.eq(self.s_axis_tdata),
            decoder.i.payload.last.eq(self.s_axis_tlast),
            decoder.i.valid.eq(self.s_axis_tvalid & ~closed),
            self.s_axis_tready.eq(decoder.i.ready & ~closed),
        ]
        if self._slots > 1:
            m.d.comb += decoder.i.payload.keep.eq(self.s_axis_tkeep[:: WORD_BITS // 8])
        events, built = decoder.o, {}
        if late:
            m.submodules.input_delays = input_delays = InputDelays(first, params[0], widths[0])
            wiring.connect(m, events, input_delays.i)
            events = input_delays.o
        out_events = (following.events_per_cycle for following in widths[1:])
        forward = (forward_delays(*following) for following in zip(spec.stages[1:], params[1:], strict=True))
        stages = zip(spec.stage_names, spec.layers, params, widths, out_events, forward, strict=False)
        for name, layer, codes, own, more, delays in stages:
            m.submodules[name] = hidden = HiddenLayer(
                layer, codes, own, more, delays, reload, self._config.programmable_delays
            )
            wiring.connect(m, events, hidden.i)
            events, built[name] = hidden.o, hidden
        if counts_beside(first):
            ports = zip(built["layer0"].counts, input_delays.counts, strict=True)
            m.d.comb += [port.eq(count) for port, count in ports]
        m.submodules.readout = readout = Readout(spec.readout, params[-1], self._config.stages[-1], reload)
        wiring.connect(m, events, readout.i)
        m.d.comb += [
            self.m_axis_tdata.eq(readout.o.payload.data),
            self.m_axis_tlast.eq(readout.o.payload.last),
            self.m_axis_tvalid.eq(readout.o.valid & ~resets),
            readout.o.ready.eq(self.m_axis_tready),
        ]
        built["readout"] = readout

        # The host's side only observes.
        taps = {name: stage.taps.signature for name, stage in built.items()}
        regions = [block.region for block in blocks(self._network, self._config)] if reload else []
        m.submodules.control = control = DomainRenamer("host")(
            Control(
                taps,
                self._slots,
                samples_in_flight(len(spec.layers), late),
                spec.readout.stride if spec.readout.answer is Answer.STEP else None,
                spec.n_out,
                self._sha256,
                regions,
            )
        )
        for name, member in axi_lite_signature(ADDRESS_BITS).members.items():
            ends = getattr(self.s_axil, name), getattr(control.bus, name)
            sink, source = ends if member.flow is wiring.In else ends[::-1]
            handshake = name.endswith(("valid", "ready"))
            m.d.comb += sink.eq(source & ~host_resets if handshake else source)
        m.d.comb += [
            control.s_axis.valid.eq(self.s_axis_tvalid),
            control.s_axis.ready.eq(self.s_axis_tready),
            control.s_axis.last.eq(self.s_axis_tlast),
            control.m_axis.valid.eq(self.m_axis_tvalid),
            control.m_axis.ready.eq(self.m_axis_tready),
            control.m_axis.last.eq(self.m_axis_tlast),
            control.dropped.eq(decoder.dropped),
            soft_reset.eq(control.soft_reset),
            control.restarts.eq(sync.rst),
            self.irq.eq(control.irq),
        ]
        if spec.readout.answer is Answer.STEP:
            m.d.comb += [
                control.markers.eq(self._markers()),
                control.swept.eq(readout.swept),
                control.answer.eq(self.m_axis_tdata),
                self.said.eq(control.said),
                self.word.eq(control.word),
            ]
        for name, stage in built.items():
            wiring.connect(m, stage.taps, getattr(control, name))
        taken = self.s_axis_tvalid & self.s_axis_tready
        if self._slots > 1:
            m.d.comb += control.part.eq(is_part(self.s_axis_tkeep, self.s_axis_tlast))
            taken &= control.part

        # A committed network waits, with the input held at the end of a sample, until the core is empty.
        if reload:
            between = Signal(init=1)
            with m.If(taken):
                m.d.sync += between.eq(self.s_axis_tlast)
            m.d.comb += [hold.eq(control.pending & between), control.held.eq(hold)]
            for index, stage in enumerate(built.values()):
                mine = control.reload.load.stage == index
                m.d.comb += [
                    stage.reload.load.eq(control.reload.load),
                    stage.reload.load.valid.eq(control.reload.load.valid & mine),
                    stage.reload.bank.eq(control.reload.bank),
                ]
        return m

    def _markers(self) -> Value:
        """Words of the beat at `s_axis` that end a step, as the decoder will find them."""
        ends = self.s_axis_tdata[WORD_BITS - 1 :: WORD_BITS]
        if self._slots == 1:
            return ends | self.s_axis_tlast
        one, two = self.s_axis_tkeep[:: WORD_BITS // 8]
        return Cat(one & ends[0] | self.s_axis_tlast & ~two, two & (ends[1] | self.s_axis_tlast))
