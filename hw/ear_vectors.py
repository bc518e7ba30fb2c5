"""Golden vectors of a top level with an ear, from the pins of its microphone to classes, in plain Verilog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from fxp_model.ear.delta_sigma import recorded
from fxp_model.ear.device import Device, StepDevice
from fxp_model.ear.gain import SAMPLE, widened
from fxp_model.ear.i2s import FRAME, I2sSpec, line_of, receive
from fxp_model.ear.pdm import SAMPLE_HZ, PdmDecimator, PdmSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from hw import ear_registers as registers
from hw.config import HardwareConfig
from hw.ear import EarConfig, ear_of, own_trigger
from hw.protocol import WORD_BITS, Beat, encode_answer, encode_result

SAMPLES, FRAMES = 2, 2
"""Samples of the network, and frames of each."""
GAIN = 1
"""At which the loudest of the sound is clipped."""

Audio = NDArray[np.float64]


@dataclass(frozen=True)
class _Played:
    """What comes in at the pins for a sound.

    words : a line of the file for each sample of the microphone, its first bit the highest
    bits : of a word
    heard : (n,) samples that the golden microphone makes of it
    """

    words: list[int]
    bits: int
    heard: NDArray[np.int64]


def write_ear_vectors(
    folder: Path, name: str, artifact: Artifact, config: HardwareConfig, own: EarConfig
) -> None:
    """Write sound, expected output and testbench of the top level `name` of an artifact into `folder`.

    The sound is a short chirp. Every frame of it is sent, in `SAMPLES` samples of the network; with answers
    per step it has as many frames, and no fewer than an answer takes. Where a
    microphone has a time after power-up, the testbench sets the counter of it close to its end.

    Parameters
    ----------
    folder : Path
        Created here.
    name : str
        Verilog module.
    artifact : Artifact
        With an ear.
    config : HardwareConfig
    own : EarConfig
    """
    ear, trigger = ear_of(artifact), own_trigger(artifact)
    short = replace(own, settles=False)
    frames = max(SAMPLES * FRAMES, artifact.network.spec.readout.stride)
    sound = _chirp(own.rate_of(ear), ear, frames)
    settled = ""
    if own.microphone == "i2s":
        played = _i2s(short.i2s, sound)
        settled = f"        dut.microphone.settling <= {short.i2s.settle_frames};  // frames to come\n"
    elif own.microphone == "pdm":
        played = _pdm(short.pdm(ear), sound)
        skipped = own.pdm(ear).dropped - short.pdm(ear).dropped
        settled = f"        dut.microphone.dropped <= {skipped};  // samples that came\n"
    else:
        played = _pcm(sound)
    expected, answers = _expected(artifact, trigger, own, played, frames)
    slots = config.stages[0].events_per_cycle
    pins, clock = _PINS[own.microphone]
    digits = -(-played.bits // 4)
    folder.mkdir()
    _write(folder / "microphone.hex", "".join(f"{word:0{digits}x}\n" for word in played.words))
    lines = (f"{beat.tlast << WORD_BITS | beat.tdata:09x}\n" for beat in expected)
    _write(folder / "expected.hex", "".join(lines))
    settings = {
        registers.GAIN: GAIN,
        **({} if trigger is None else _FREE),
    }
    writes = "".join(f"        write(12'd{own.offset}, 32'd{word});\n" for own, word in settings.items())
    reads = "".join(f'        check(12\'d{own.offset}, 0, "{own.name}");\n' for own in _NONE)
    testbench = _TESTBENCH.format(
        name=name,
        words=len(played.words),
        bits=played.bits,
        results=len(expected),
        samples=answers,
        beat_bits=WORD_BITS * slots,
        tkeep=f".s_axis_tkeep({4 * slots}'d0), " if slots > 1 else "",
        pins=pins,
        microphone=_STREAM if own.microphone == "pcm" else _LINE.format(clock=clock),
        settled=settled,
        writes=writes,
        reads=reads,
    )
    _write(folder / f"tb_{name}.v", testbench)
    _write(folder / "README.md", _README.format(name=name, **_told(answers, trigger is None)))


def _expected(
    artifact: Artifact, trigger: TriggerSpec | None, own: EarConfig, played: _Played, frames: int
) -> tuple[list[Beat], int]:
    """The golden beats that come out, and of how many answers."""
    ear, network = ear_of(artifact), artifact.network
    resampler = own.resampler(ear)
    if trigger is None:
        steps = StepDevice(network, ear, resampler)
        steps.gain = GAIN
        answers = [encode_answer(*answer) for answer in steps.step(played.heard)]
        wanted = frames // network.spec.readout.stride
    else:
        device = Device(network, ear, replace(trigger, free=True, duration=FRAMES), resampler)
        device.gain = GAIN
        answers = [encode_result(scores) for scores in device.step(played.heard)]
        wanted = SAMPLES
    if len(answers) != wanted:
        raise RuntimeError(f"the sound must give {wanted} answers, not {len(answers)}")
    return [beat for answer in answers for beat in answer], wanted


def _told(answers: int, per_step: bool) -> dict[str, str]:
    """What the README says of them."""
    if per_step:
        return {
            "answers": f"the first {answers} answers of the golden model to its frames",
            "holds": "class, score, margin",
            "sets": "gain",
        }
    return {
        "answers": f"the golden model's answers to the {answers} samples that are\nmade of it",
        "holds": "scores of a sample, then its class",
        "sets": "gain and trigger",
    }


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _chirp(rate_hz: int, ear: EarSpec, frames: int) -> Audio:
    """So many frames of a tone that rises through all channels, 1 is full scale."""
    length = -(-frames * ear.samples_per_frame * rate_hz // ear.rate_hz)
    time = np.arange(length) / length
    return 0.6 * np.sin(2 * np.pi * length * (0.01 * time + 0.1 * time * time))


def _i2s(spec: I2sSpec, sound: Audio) -> _Played:
    words = np.concatenate([np.zeros(spec.settle_frames), sound * -SAMPLE.min_raw])
    line = line_of(np.rint(words).astype(np.int64))
    return _Played(_packed(line), FRAME, receive(spec, line).samples)


def _pdm(spec: PdmSpec, sound: Audio) -> _Played:
    bits = recorded(np.pad(sound, (spec.dropped, 0)), SAMPLE_HZ, spec.pdm_hz)
    return _Played(_packed(bits.reshape(-1, spec.ratio)), spec.ratio, PdmDecimator(spec).step(bits))


def _pcm(sound: Audio) -> _Played:
    codes = np.rint(sound * 2**15).astype(np.int64)
    return _Played([code & 0xFFFF for code in codes.tolist()], 16, widened(codes))


def _packed(bits: NDArray[np.int64]) -> list[int]:
    """Rows of bits as words."""
    return [int("".join(map(str, row)), 2) for row in bits.tolist()]


_FREE = {
    registers.TRIGGER_START: registers.TRIGGER_START["FREE"].mask,
    registers.TRIGGER_LENGTHS: FRAMES << registers.TRIGGER_LENGTHS["DURATION"].low,
}
"""With which every frame is sent."""
_NONE = (registers.OVERRUNS, registers.DROPPED_FRAMES)
"""Counters that must be 0."""
_PINS = {
    "i2s": (".sck(sck), .ws(), .sd(line), .right(1'b0),", "sck"),
    "pdm": (".pdm_clk(pdm_clk), .pdm_data(line), .select(1'b0),", "pdm_clk"),
    "pcm": (".s_axis_pcm_tdata(pcm), .s_axis_pcm_tvalid(pcm_valid), .s_axis_pcm_tready(pcm_ready),", ""),
}
"""Of a microphone: ports, and its clock."""

_README = """\
# Golden vectors of `{name}`, from sound to classes

A short sound at the pins of the microphone, and {answers}. In this folder, Icarus Verilog alone is enough:

    iverilog -g2005 -o {name}.vvp ../{name}.v tb_{name}.v && vvp -N {name}.vvp

It prints `PASS` and exits 0 only if every output beat is equal, under random backpressure, and nothing was
lost. With `vvp -N` a failure exits 1. Any other Verilog simulator works as well: the testbench is
Verilog-2005. It sets {sets} through `s_axil_ear`; of the time that a microphone needs after
power-up, it skips most by a register inside the top level.

| file | each line holds |
|---|---|
| `microphone.hex` | a sample of the microphone: 64 levels of its line, the first one highest; PCM: 16 bits |
| `expected.hex` | an output beat, TDATA in the low bits, TLAST above it: {holds} |
"""

_LINE = """\
    // the microphone: a bit per period of its clock, after the edge that lets go of the one before
    wire {clock};
    reg  line = 0;
    integer word = 0, place = BITS - 1;
    initial #1 line = sound[0][BITS - 1];
    always @(negedge {clock}) if (aresetn) begin
        if (place != 0) place = place - 1;
        else begin
            place = BITS - 1;
            word = word + 1;
        end
        line = word < WORDS ? sound[word][place] : !line;  // silence behind the sound
    end
    task play;
        ;
    endtask"""

_STREAM = """\
    // the source of sound, which pauses at random
    reg  [BITS - 1:0] pcm = 0;
    reg  pcm_valid = 0;
    wire pcm_ready;
    integer word;
    task play;
        for (word = 0; word < WORDS; word = word + 1) begin
            while ($random(seed) % 4 == 0) @(negedge aclk);
            pcm = sound[word];
            pcm_valid = 1;
            @(posedge aclk);
            while (!pcm_ready) @(posedge aclk);
            @(negedge aclk) pcm_valid = 0;
        end
    endtask"""

_TESTBENCH = """\
// Self-checking testbench of {name}. Run it in this folder (see README.md).
`timescale 1ns / 1ps
module tb_{name};
    localparam WORDS = {words}, BITS = {bits}, RESULTS = {results}, SAMPLES = {samples};

    reg [BITS - 1:0] sound [0:WORDS - 1];
    reg [32:0] expected [0:RESULTS - 1];

    reg aclk = 0, aresetn = 0;
    always #5 aclk = !aclk;

    integer seed = 1;
    integer result = 0, sample = 0, errors = 0, silence = 0;

{microphone}

    reg         m_axis_tready = 0;
    wire        m_axis_tvalid, m_axis_tlast;
    wire [31:0] m_axis_tdata;

    // registers of the ear
    reg  [11:0] address = 0;
    reg  [31:0] data = 0;
    reg         awvalid = 0, wvalid = 0, arvalid = 0;
    wire        awready, wready, bvalid, arready, rvalid;
    wire [31:0] rdata;

    {name} dut (
        .aclk(aclk), .aresetn(aresetn),
        {pins}
        .s_axis_tdata({beat_bits}'d0), .s_axis_tvalid(1'b0), {tkeep}.s_axis_tready(), .s_axis_tlast(1'b0),
        .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready), .m_axis_tlast(m_axis_tlast),
        .s_axil_awaddr(12'd0), .s_axil_awvalid(1'b0), .s_axil_awready(),
        .s_axil_wdata(32'd0), .s_axil_wstrb(4'd0), .s_axil_wvalid(1'b0), .s_axil_wready(),
        .s_axil_bresp(), .s_axil_bvalid(), .s_axil_bready(1'b0),
        .s_axil_araddr(12'd0), .s_axil_arvalid(1'b0), .s_axil_arready(),
        .s_axil_rdata(), .s_axil_rresp(), .s_axil_rvalid(), .s_axil_rready(1'b0),
        .s_axil_ear_awaddr(address), .s_axil_ear_awvalid(awvalid), .s_axil_ear_awready(awready),
        .s_axil_ear_wdata(data), .s_axil_ear_wstrb(4'hf),
        .s_axil_ear_wvalid(wvalid), .s_axil_ear_wready(wready),
        .s_axil_ear_bresp(), .s_axil_ear_bvalid(bvalid), .s_axil_ear_bready(1'b1),
        .s_axil_ear_araddr(address), .s_axil_ear_arvalid(arvalid), .s_axil_ear_arready(arready),
        .s_axil_ear_rdata(rdata), .s_axil_ear_rresp(), .s_axil_ear_rvalid(rvalid), .s_axil_ear_rready(1'b1),
        .irq()
    );

    always @(posedge aclk) begin
        silence <= m_axis_tvalid && m_axis_tready ? 0 : silence + 1;
        if (silence > 10000000) begin
            $display("FAIL: no transfer for 10000000 cycles (result %0d)", result);
            $stop;
        end
    end

    // output: compare every beat
    always @(posedge aclk) begin
        if (m_axis_tvalid && m_axis_tready && result < RESULTS) begin
            if ({{m_axis_tlast, m_axis_tdata}} !== expected[result]) begin
                errors = errors + 1;
                $display("FAIL: sample %0d, output beat %0d: expected %h, got %h",
                         sample, result, expected[result], {{m_axis_tlast, m_axis_tdata}});
            end
            if (m_axis_tlast) sample = sample + 1;
            result = result + 1;
        end
        m_axis_tready <= $random(seed) % 4 != 0;
    end

    task write(input [11:0] where, input [31:0] what);
        begin
            address = where;
            data = what;
            awvalid = 1;
            @(posedge aclk);
            while (!awready) @(posedge aclk);
            @(negedge aclk) awvalid = 0;
            wvalid = 1;
            @(posedge aclk);
            while (!wready) @(posedge aclk);
            @(negedge aclk) wvalid = 0;
            while (!bvalid) @(negedge aclk);
        end
    endtask

    task check(input [11:0] where, input [31:0] what, input [8 * 16 - 1:0] register);
        begin
            address = where;
            arvalid = 1;
            @(posedge aclk);
            while (!arready) @(posedge aclk);
            @(negedge aclk) arvalid = 0;
            while (!rvalid) @(negedge aclk);
            if (rdata !== what) begin
                errors = errors + 1;
                $display("FAIL: %0s: expected %0d, got %0d", register, what, rdata);
            end
        end
    endtask

    initial begin
        $readmemh("microphone.hex", sound);
        $readmemh("expected.hex", expected);
        repeat (4) @(negedge aclk);
        aresetn = 1;
        repeat (4) @(negedge aclk);
{settled}{writes}        play;
        while (result < RESULTS) @(negedge aclk);
{reads}        if (errors != 0) begin
            $display("FAIL: %0d errors", errors);
            $stop;
        end
        $display("PASS: %0d samples, %0d output beats", SAMPLES, RESULTS);
        $finish;
    end
endmodule
"""
