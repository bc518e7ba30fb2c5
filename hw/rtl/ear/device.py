"""The top level with an ear: a microphone, and the core that hears it."""

from __future__ import annotations

from typing import TypeAlias

from amaranth.hdl import Cat, ClockDomain, Const, DomainRenamer, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from fxp_model.ear.resampler import ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.network import Network
from hw.config import HardwareConfig
from hw.protocol import END_OF_STEP, WORD_BITS, WORD_KEEP
from hw.registers import ADDRESS_BITS, NO_HASH
from hw.rtl.axi_lite import axi_lite_signature
from hw.rtl.core import Core
from hw.rtl.ear.control import EarControl
from hw.rtl.ear.ear import Ear
from hw.rtl.ear.gain import Gain
from hw.rtl.ear.i2s import I2sInput
from hw.rtl.ear.pcm import PcmInput
from hw.rtl.ear.pdm import PdmInput
from hw.rtl.ear.resampler import Resampler
from hw.rtl.input_decoder import is_part

Microphone: TypeAlias = I2sInput | PdmInput | PcmInput
"""What gives samples of 24 bits."""

_INSIDE = ("o", "absent", "overrun", "overruns", "clear")
"""Members of a `Microphone` that are no pins."""


class Device(wiring.Component):
    """A microphone, its gain, a resampler where needed, the ear, and a core behind it.

    A host can also use the core as before: it takes samples from the ear or from `s_axis`, as the host says,
    and changes over when neither is within a sample. Events of the ear that the core does not take are
    forgotten. A soft reset of the core is none of the ear: what is left of a sample that the ear is sending
    becomes a shorter one.

    With answers per step there is no trigger: every frame of the ear is a step of one sample without an end,
    which ends with the next frame when the host is to have the core.

    Parameters
    ----------
    network : Network
    config : HardwareConfig
    ear : EarSpec
        With as many channels as the network has inputs.
    trigger : TriggerSpec or None
        None if, and only if, the network answers per step.
    multipliers : int
        Of the ear: 1, 2 or 4.
    microphone : Microphone
        Only a `PcmInput` can wait; from another one samples are lost if the clock is too slow.
    resampler : ResamplerSpec, optional
        Where the rate of the microphone is not that of the ear: behind the gain.
    sha256 : str
        Of the artifact; readable by the host.

    Members
    -------
    aclk, aresetn, s_axis_*, m_axis_*, s_axil, irq
        As those of `Core`.
    s_axil_ear : In(axi_lite_signature)
        Registers of the ear (`hw.ear_registers`); all inputs may be tied to 0.
    sck, ws, sd, right
        With an `I2sInput`.
    pdm_clk, pdm_data, select
        With a `PdmInput`.
    s_axis_pcm_*
        With a `PcmInput`.

    Attributes
    ----------
    pins : mapping of str to Member
        The last of these, by name.
    absent, trouble : Signal
        No ports; for LEDs. There is no microphone; a frame was dropped, overrun or clipped in this cycle.
    said, word : Signal
        No ports; those of `Core`.
    """

    def __init__(
        self,
        network: Network,
        config: HardwareConfig,
        ear: EarSpec,
        trigger: TriggerSpec | None,
        multipliers: int,
        microphone: Microphone,
        resampler: ResamplerSpec | None = None,
        sha256: str = NO_HASH,
    ) -> None:
        self._microphone, self._trigger = microphone, trigger
        self._count_bits = ear.count_bits
        self._ear = Ear(ear, trigger, multipliers)
        self._resampler = None if resampler is None else Resampler(resampler)
        self._core = Core(network, config, sha256)
        members = microphone.signature.members
        self.pins = {name: member for name, member in members.items() if name not in _INSIDE}
        super().__init__(
            {
                **self._core.signature.members,
                **self.pins,
                "s_axil_ear": In(axi_lite_signature(ADDRESS_BITS)),
            }
        )
        self.absent, self.trouble = Signal(), Signal()
        self.said, self.word = self._core.said, self._core.word

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The core has domains of its own. The reset is as late as there, with nothing transferred meanwhile.
        ear_domain, late = ClockDomain("ear"), ClockDomain("late", reset_less=True)
        ear_domain.clk = late.clk = self.aclk
        m.domains += [ear_domain, late]
        reset, resets = Signal(), Signal()
        m.d.late += [reset.eq(~self.aresetn), ear_domain.rst.eq(reset)]
        m.d.comb += resets.eq(~self.aresetn | reset | ear_domain.rst)
        within = DomainRenamer("ear")
        ear, core = self._ear, self._core
        m.submodules.microphone = within(self._microphone)
        m.submodules.amplifier = within(gain := Gain())
        m.submodules.ear = within(ear)
        m.submodules.ear_control = within(
            control := EarControl(
                self._trigger,
                len(ear.level),
                0 if self._trigger is None else len(ear.floor),
                len(ear.loudness),
            )
        )
        m.submodules.core = core
        heard = gain.o
        if self._resampler is not None:
            m.submodules.resampler = within(self._resampler)
            wiring.connect(m, gain.o, self._resampler.i)
            heard = self._resampler.o
        self._hear(m, gain, heard, control, resets)
        _wire_bus(m, self.s_axil_ear, control.bus, ~resets)
        for name, member in core.signature.members.items():
            if not name.startswith(("s_axis", "s_axil")):
                _wire(m, getattr(self, name), getattr(core, name), member)
        _wire_bus(m, self.s_axil, core.s_axil)
        self._choose(m, control)
        return m

    def _hear(
        self, m: Module, gain: Gain, heard: stream.Interface, control: EarControl, resets: Value
    ) -> None:
        """The microphone, its gain, and the ear behind `heard`, with what the host sets and reads."""
        microphone, ear = self._microphone, self._ear
        for name, member in self.pins.items():
            pin, inner = getattr(self, name), getattr(microphone, name)
            _wire(m, pin, inner, member, ~resets if name.endswith(("valid", "ready")) else None)
        wiring.connect(m, microphone.o, gain.i)
        live = not isinstance(microphone, PcmInput)
        m.d.comb += [
            self.absent.eq(control.absent),
            self.trouble.eq(control.clipped | control.overrun | control.dropped),
            gain.gain.eq(control.gain),
            ear.live.eq(int(live)),
            ear.i.valid.eq(heard.valid),
            ear.i.payload.eq(Mux(control.mute, 0, heard.payload)),
            heard.ready.eq(ear.i.ready),
            control.absent.eq(microphone.absent if live else 0),
            control.level.eq(ear.level),
            control.loudness.eq(ear.loudness),
            control.heard.valid.eq(gain.o.valid & gain.o.ready),
            control.heard.sample.eq(gain.o.payload),
            control.ended.eq(ear.ends),
            control.clipped.eq(gain.clipped),
            control.overrun.eq(ear.overrun),
            control.dropped.eq(ear.dropped),
        ]
        if self._trigger is not None:
            m.d.comb += [ear.settings.eq(control.settings), control.floor.eq(ear.floor)]

    def _choose(self, m: Module, control: EarControl) -> None:
        """Beats of the core, from the host or from events of the ear."""
        core, events = self._core, self._ear.o
        hosted, changes = Signal(), Signal()
        between, ear_between = Signal(init=1), Signal(init=1)
        m.d.comb += [
            control.hosted.eq(hosted),
            # The one that is to be left goes no further than the end of its sample.
            changes.eq((control.host != hosted) & Mux(hosted, between, ear_between)),
        ]
        with m.If(changes & between & ear_between):
            m.d.ear += hosted.eq(control.host)
        taken = core.s_axis_tvalid & core.s_axis_tready & hosted
        if len(self.s_axis_tdata) > WORD_BITS:
            m.d.comb += core.s_axis_tkeep.eq(Mux(hosted, self.s_axis_tkeep, WORD_KEEP))
            taken &= is_part(core.s_axis_tkeep, core.s_axis_tlast)
        with m.If(taken):
            m.d.ear += between.eq(core.s_axis_tlast)
        event = events.payload
        last, ends = event.last, event.last
        if self._trigger is None:
            # The ear ends with a frame whose marker is not yet offered; what is forgotten is whole frames.
            leaving = Signal()
            with m.If(~(events.valid & event.marker)):
                m.d.ear += leaving.eq(control.host & ~hosted)
            last, ends = leaving, leaving | hosted
        with m.If(events.valid & events.ready):
            m.d.ear += ear_between.eq(event.marker & ends)

        count = event.count if self._count_bits > 1 else Const(1, 1)
        word = Mux(event.marker, END_OF_STEP, Cat(Cat(event.address, Const(0, 16))[:16], count))
        own = self.s_axis_tdata, self.s_axis_tvalid, self.s_axis_tlast
        theirs = word, events.valid, event.marker & last
        data, valid, tlast = (Mux(hosted, host, ear) for host, ear in zip(own, theirs, strict=True))
        m.d.comb += [
            core.s_axis_tdata.eq(data),
            core.s_axis_tvalid.eq(valid & ~changes),
            core.s_axis_tlast.eq(tlast),
            self.s_axis_tready.eq(core.s_axis_tready & hosted & ~changes),
            # while the host is heard, the ear's events are forgotten, and not where a sample would be cut
            events.ready.eq(Mux(hosted, ~(changes & ear_between), core.s_axis_tready & ~changes)),
        ]


def _wire(m: Module, pin: Value, inner: Value, member: wiring.Member, open_: Value | None = None) -> None:
    """A port of the top level and that of a part of it, for a handshake only where `open_`."""
    sink, source = (inner, pin) if member.flow is wiring.In else (pin, inner)
    m.d.comb += sink.eq(source if open_ is None else source & open_)


def _wire_bus(
    m: Module, bus: wiring.PureInterface, inner: wiring.PureInterface, open_: Value | None = None
) -> None:
    """An AXI4-Lite, of which a signature has the flows that its master sees."""
    for name, member in axi_lite_signature(ADDRESS_BITS).members.items():
        handshake = name.endswith(("valid", "ready"))
        _wire(m, getattr(inner, name), getattr(bus, name), member, open_ if handshake else None)
