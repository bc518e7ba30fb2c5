"""The ear behind a microphone, with a recorder of all that it computes, and its run on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from fxp_model.ear.gain import MAX_GAIN, PCM
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.errors import InputError
from hw.ear import EarConfig
from hw.estimates.ear import filter_cycles
from hw.rtl.ear.ear import Ear
from hw.rtl.ear.gain import Gain
from hw.rtl.ear.pdm import PdmInput
from hw.rtl.ear.schedule import Schedule
from hw.rtl.ear.trigger import settings_layout
from hw.verilog import write_verilog
from tb.harness.block_bench import PERIOD_NS
from tb.harness.microphones import Played
from tb.harness.runner import Design, Workspace

SOUND = "sound.bin"
"""16-bit PCM, highest byte first, that a recorder with a PCM input plays to it."""
_OF_EAR = ("ends", "loudness", "floor", "dropped", "level")
_OUTPUTS = (*_OF_EAR, "sampled", "sample", "clipped", "sends", "sent")
_NO_PINS = ("o", "absent", "overrun", "overruns", "clear")


class Hearing(wiring.Component):
    """The input of a microphone, its gain and the ear, as `hw.rtl.ear.device.Device` has them.

    Members
    -------
    pins
        Of the microphone.
    gain, live, settings
        As those of `Gain` and `Ear`.
    sampled, sample, clipped : Out
        The ear takes a sample, which one, and whether the gain has clipped it.
    sends, sent : Out
        The ear sends an event, and which.
    ends, loudness, floor, dropped, level : Out
        As those of `Ear`.
    lost : Out(1)
        A sample is lost in this cycle, or was, by a PDM input.

    All else is looked at inside: nets whose names occur once in their module.
    """

    def __init__(self, spec: EarSpec, trigger: TriggerSpec, own: EarConfig) -> None:
        self._input, self._ear = own.input(spec), Ear(spec, trigger, own.multipliers)
        members = self._input.signature.members
        self._pins = {name: member for name, member in members.items() if name not in _NO_PINS}
        ear = self._ear
        super().__init__(
            {
                **self._pins,
                "gain": In(range(MAX_GAIN + 1)),
                "live": In(1),
                "settings": In(settings_layout(trigger).size),
                "sampled": Out(1),
                "sample": Out(signed(PCM.width)),
                "clipped": Out(1),
                "sends": Out(1),
                "sent": Out(len(ear.o.payload.as_value())),
                **{name: ear.signature.members[name] for name in _OF_EAR},
                "lost": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        source, ear = self._input, self._ear
        m.submodules.input = source
        m.submodules.amplifier = gain = Gain()
        m.submodules.ear = ear
        wiring.connect(m, source.o, gain.i)
        wiring.connect(m, gain.o, ear.i)
        for name, member in self._pins.items():
            ends = getattr(source, name), getattr(self, name)
            sink, driver = ends if member.flow is wiring.In else ends[::-1]
            m.d.comb += sink.eq(driver)
        late = source.overruns.any() if isinstance(source, PdmInput) else getattr(source, "overrun", 0)
        m.d.comb += [
            gain.gain.eq(self.gain),
            ear.live.eq(self.live),
            ear.settings.eq(self.settings),
            ear.o.ready.eq(1),
            self.sampled.eq(gain.o.valid & gain.o.ready),
            self.sample.eq(gain.o.payload),
            self.clipped.eq(gain.clipped),
            self.sends.eq(ear.o.valid),
            self.sent.eq(ear.o.payload),
            *(getattr(self, name).eq(getattr(ear, name)) for name in _OF_EAR),
            self.lost.eq(ear.overrun | late),
        ]
        return m


class Record(NamedTuple):
    """Numbers that are appended to a file in each cycle with `when`, as integers of `bits` with sign."""

    when: str
    what: tuple[str, ...]
    bits: int = 64


def records(spec: EarSpec, own: EarConfig) -> dict[str, Record]:
    """What a recorder writes, in Verilog; the file of each is its name, and ``.bin``.

    ``line``     data pin of a microphone at the edge of its clock that takes a bit
    ``samples``  behind the gain: code, clipped
    ``takes``    cycle in which the filters take a sample
    ``states``   of the lanes of a slot (`Schedule`), of 32 bits
    ``neurons``  that is written: potential, raised, count; and `EarNeurons.counts`
    ``levels``   whenever it changes
    ``frames``   that ends: loudness, floor, dropped; and the settings that decide on it
    ``events``   that is sent: its payload
    """
    bits = spec.state_bits
    lanes = range(Schedule(spec, own.multipliers).lanes)
    states = (f"$signed(chain.ear.filters.probe_states[{bits * lane} +: {bits}])" for lane in lanes)
    neurons = ("probe_potential", "probe_raised", "probe_count", "counts")
    found = {
        "samples": Record("sampled", ("$signed(sample)", "clipped")),
        "takes": Record("chain.ear.filters.i__ready", ("cycle",)),
        "states": Record("chain.ear.filters.probe_valid", tuple(states), 32),
        "neurons": Record(
            "chain.ear.neurons.probe_valid", tuple(f"chain.ear.neurons.{name}" for name in neurons)
        ),
        "levels": Record("level != level_before", ("level",)),
        "frames": Record("ends", ("loudness", "floor", "dropped", "settings_before")),
        "events": Record("sends", ("sent",)),
    }
    # what the pins were at the edge of our clock that moves the one of the microphone
    if own.microphone == "i2s":
        found["line"] = Record("sck & ~clock_before", ("data_before",))
    elif own.microphone == "pdm":
        found["line"] = Record("~pdm_clk & clock_before", ("data_before",))
    return found


def waits(spec: EarSpec, own: EarConfig) -> bool:
    """Whether a PCM source waits for the ear: where neurons are the limit, it comes at the promised rate."""
    return own.microphone == "pcm" and own.sample_cycles(spec) == filter_cycles(spec, own.multipliers)


def recorder(spec: EarSpec, trigger: TriggerSpec, own: EarConfig) -> Design:
    """A `Hearing` whose `records` are written to files; with a PCM input it plays `SOUND` from `start` on.

    In Verilog, as a bench would take a microsecond for every number.
    """
    component = Hearing(spec, trigger, own)
    ports = {"i2s": _I2S, "pdm": _PDM, "pcm": _PCM}[own.microphone]
    settings, gain = len(component.settings), len(component.gain)
    chain = rtlil.convert(component, name="chain", emit_src=False)
    period, live = (1, "1'd0") if waits(spec, own) else (own.sample_cycles(spec), "1'd1")
    nets = {name: len(getattr(component, name)) for name in _OUTPUTS}
    declared = [f"wire [{width - 1}:0] {name};" for name, width in nets.items()]
    wired = ", ".join([ports.wired, *(f".{name}({name})" for name in nets)])
    written = []
    for name, record in records(spec, own).items():
        wires = [f"{name}_{index}" for index in range(len(record.what))]
        for wire, what in zip(wires, record.what, strict=True):
            declared.append(f"wire signed [{record.bits - 1}:0] {wire} = {what};")
        declared.append(f'integer {name}_file; initial {name}_file = $fopen("{name}.bin", "ab");')
        written.append(
            f'if (~rst & ({record.when})) $fwrite({name}_file, "{"%u" * len(wires)}", {", ".join(wires)});'
        )
        written.append(f"if (flush) $fflush({name}_file);")
    newline = "\n  "
    top = f"""
module recorder(
  input rst, input flush, input start,
  input [{gain - 1}:0] gain, input [{settings - 1}:0] settings, output reg lost,
  {ports.pins}
);
  reg clk = 0;
  always #{PERIOD_NS / 2:g} clk = ~clk;
  {ports.source.replace("PERIOD", str(period))}
  reg signed [63:0] cycle;
  reg [{settings - 1}:0] settings_before;
  reg [63:0] level_before;
  reg clock_before, data_before;
  wire loses;
  {newline.join(declared)}
  chain chain(
    .clk(clk), .rst(rst), .gain(gain), .live({live}), .settings(settings), .lost(loses),
    {wired}
  );
  always @(posedge clk) begin
    cycle <= rst ? 0 : cycle + 1;
    lost <= ~rst & (lost | loses);
    settings_before <= settings;
    level_before <= level;
    {ports.before}
    {newline.join(written)}
  end
endmodule
"""
    return Design("recorder", write_verilog(chain) + top, delays=True)


class _Ports(NamedTuple):
    """Verilog of a microphone: ports, what plays to it, connections, and the pins as they were."""

    pins: str
    source: str
    wired: str
    before: str


_I2S = _Ports(
    "output sck, output ws, input sd, input right",
    "",
    ".sck(sck), .ws(ws), .sd(sd), .right(right)",
    "clock_before <= sck; data_before <= sd;",
)
_PDM = _Ports(
    "output pdm_clk, input pdm_data, input select",
    "",
    ".pdm_clk(pdm_clk), .pdm_data(pdm_data), .select(select)",
    "clock_before <= pdm_clk; data_before <= pdm_data;",
)
_PCM = _Ports(
    "output reg playing",
    f"""
  integer sound, pause;
  reg [{PCM.width - 1}:0] given, next;
  reg valid;
  wire ready;
  always @(posedge clk)
    if (rst) begin
      playing <= 0;
      valid <= 0;
      pause <= 0;
    end else begin
      if (start & ~playing) begin
        sound = $fopen("{SOUND}", "rb");
        playing <= 1;
      end
      if (pause != 0) pause <= pause - 1;
      if (ready) valid <= 0;
      if (playing & (ready | ~valid) & (pause == 0)) begin
        if ($fread(next, sound) == {PCM.width // 8}) begin
          given <= next;
          valid <= 1;
          pause <= PERIOD - 1;
        end else
          playing <= 0;
      end
    end
""",
    ".s_axis_pcm_tdata(given), .s_axis_pcm_tvalid(valid), .s_axis_pcm_tready(ready)",
    "",
)


def hear(
    spec: EarSpec,
    trigger: TriggerSpec,
    own: EarConfig,
    pcm: Sequence[int] | NDArray[np.integer],
    sim: str,
    workspace: Workspace,
    gain: int = 0,
) -> dict[str, Any]:
    """Play sound to the RTL of an ear, and fail unless all is as in the golden chain from the pins on.

    That is every sample behind the gain and the cycles between two of them; every state of every section
    after every sample; every potential, raised threshold and count after every millisecond; loudness, level,
    floor and counts of every frame; every event. Half of the time frames are sent without regard to
    loudness.

    Parameters
    ----------
    spec : EarSpec
    trigger : TriggerSpec
    own : EarConfig
        Microphone and multipliers.
    pcm : (n,) int
        Sound of 16 bits, of whole frames.
    sim : str
        ``icarus`` or ``verilator``.
    workspace : Workspace
    gain : int
        In bits.

    Returns
    -------
    dict
        Figures of `tb.benches.cores.ear`.

    Raises
    ------
    InputError
        There is no sound, or a frame is not complete.
    BenchFailure
        Naming the first difference.
    """
    codes = np.asarray(pcm, np.int64)
    if not codes.size or codes.size % spec.samples_per_frame:
        whole = f"1 frame of {spec.samples_per_frame} or more"
        raise InputError(f"samples to hear must be {whole}, each complete, not {codes.size}")
    played = Played.to(own, spec, codes)
    sound = workspace.runs / f"sound-{own.microphone}-{sim}.npz"
    np.savez_compressed(sound, given=played.given, samples=played.samples)
    plan = {
        "ear": spec.to_dict(),
        "trigger": asdict(trigger),
        "own": asdict(own),
        "sound": str(sound),
        "gain": gain,
        "seed": 1,
    }
    design = recorder(spec, trigger, own)
    figures = workspace.check(design, sim, "tb.benches.cores.ear", plan, f"hears-{own.microphone}")
    heard: dict[str, Any] = figures["hears"]
    return heard
