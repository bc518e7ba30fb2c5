"""Golden vectors and a self-checking testbench in plain Verilog: verification without Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.trace import Trace
from hw.protocol import WORD_BITS, Beat, encode_sample, encode_trace, packed
from hw.registers import DROPPED_BEATS


def write_vectors(
    folder: Path,
    name: str,
    samples: Sequence[NDArray[np.integer]],
    trace: Trace,
    latency_cycles: Sequence[int],
    slots: int,
) -> None:
    """Write stimulus, expected output and testbench of the core `name` into `folder`.

    Parameters
    ----------
    folder : Path
        Created here.
    name : str
        Verilog module of the core.
    samples : sequence of (T, n_in) counts
        Lengths may differ.
    trace : Trace
        Of the golden model for the samples.
    latency_cycles : sequence of int
        Predicted cycles of each sample (`hw.estimates.latency`), checked where the input never
        idles and the output is always ready. With answers per step, those from the first beat of all to each
        answer, as no sample waits for another one.
    slots : int
        Words per input beat.

    Raises
    ------
    InputError
        If there is no sample: a testbench without one would always pass.
    """
    if not samples:
        raise InputError("golden vectors must have at least 1 sample, not 0")
    folder.mkdir()
    stimulus = packed([word for sample in samples for word in encode_sample(sample)], slots)
    expected, per_step = encode_trace(trace), trace.answers is not None
    (folder / "stimulus.hex").write_text(_hex(stimulus, slots), encoding="utf-8")
    (folder / "expected.hex").write_text(_hex(expected, 1), encoding="utf-8")
    (folder / "latency_cycles.hex").write_text(
        "".join(f"{cycles:08x}\n" for cycles in latency_cycles), encoding="utf-8"
    )
    (folder / f"tb_{name}.v").write_text(
        TESTBENCH.format(
            name=name,
            beats=len(stimulus),
            results=len(expected),
            samples=len(latency_cycles),
            what="answer" if per_step else "sample",
            whats="answers" if per_step else "samples",
            follow=_TOGETHER if per_step else _ALONE,
            data_bits=WORD_BITS * slots,
            tkeep=".s_axis_tkeep(s_axis[DATA + 1 +: DATA / 8]), " if slots > 1 else "",
            dropped_beats=DROPPED_BEATS.offset,
        ),
        encoding="utf-8",
    )
    each = README_STEPS if per_step else README_SAMPLES
    text = README.format(name=name, samples=len(samples), **each)
    (folder / "README.md").write_text(text, encoding="utf-8")


def _hex(beats: Iterable[Beat], slots: int) -> str:
    """A line per beat: from the low bits, TDATA, TLAST and, where a beat has several words, TKEEP."""
    bits = WORD_BITS * slots
    digits = -(-(bits + 1 + (bits // 8 if slots > 1 else 0)) // 4)
    lines = []
    for beat in beats:
        above = beat.tlast | (beat.tkeep << 1 if slots > 1 else 0)
        lines.append(f"{above << bits | beat.tdata:0{digits}x}\n")
    return "".join(lines)


README = """\
# Golden vectors of `{name}`

{samples} samples with the golden model's answer to each. In this folder, Icarus Verilog alone is enough:

    iverilog -g2005 -o {name}.vvp ../{name}.v tb_{name}.v && vvp -N {name}.vvp

It prints `PASS` and exits 0 only if every output beat is equal, first at full rate, where {each} must
take exactly the predicted cycles, then with a randomly idle input and random backpressure. With `vvp -N` a
failure exits 1. Any other Verilog simulator works as well: the testbench is Verilog-2005.

| file | each line holds |
|---|---|
| `stimulus.hex` | an input beat: TDATA in the low bits, TLAST above it, then TKEEP if the core has it |
| `expected.hex` | an output beat likewise, of 32 bits: {beats} with TLAST |
| `latency_cycles.hex` | the predicted cycles of {cycles} |
"""
README_SAMPLES = {
    "each": "each sample",
    "beats": "the scores of a sample, then its class",
    "cycles": "a sample",
}
README_STEPS = {
    "each": "each answer",
    "beats": "of each answer per step the class, the score, and the margin",
    "cycles": "the run up to an answer",
}

_ALONE = """\
                if (beat == 0 || stimulus[beat - 1][DATA]) first_cycle = cycle;
                if (s_axis[DATA] && !stalls) waiting = 1;"""
_TOGETHER = "                if (beat == 0) first_cycle = cycle;"
"""From when cycles are counted, and what waits: a sample for the one before, or nothing."""

TESTBENCH = """\
// Self-checking testbench of {name}. Run it in this folder (see README.md).
`timescale 1ns / 1ps
module tb_{name};
    localparam BEATS = {beats}, RESULTS = {results}, SAMPLES = {samples}, DATA = {data_bits};

    reg [DATA + DATA / 8:0] stimulus [0:BEATS - 1];
    reg [32:0] expected [0:RESULTS - 1];
    reg [31:0] latency_cycles [0:SAMPLES - 1];

    reg aclk = 0, aresetn = 0;
    always #5 aclk = !aclk;

    reg  [DATA + DATA / 8:0] s_axis = 0;  // TKEEP, TLAST, TDATA
    reg         s_axis_tvalid = 0, m_axis_tready = 0;
    wire        s_axis_tready, m_axis_tvalid, m_axis_tlast;
    wire [31:0] m_axis_tdata;

    // host interface: nothing is written, one register is read
    localparam DROPPED_BEATS = {dropped_beats};
    reg         s_axil_arvalid = 0;
    wire        s_axil_arready, s_axil_rvalid;
    wire [31:0] s_axil_rdata;

    {name} dut (
        .aclk(aclk), .aresetn(aresetn),
        .s_axis_tdata(s_axis[DATA - 1:0]), .s_axis_tvalid(s_axis_tvalid),
        {tkeep}.s_axis_tready(s_axis_tready), .s_axis_tlast(s_axis[DATA]),
        .m_axis_tdata(m_axis_tdata), .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready), .m_axis_tlast(m_axis_tlast),
        .s_axil_awaddr(12'd0), .s_axil_awvalid(1'b0), .s_axil_awready(),
        .s_axil_wdata(32'd0), .s_axil_wstrb(4'd0), .s_axil_wvalid(1'b0), .s_axil_wready(),
        .s_axil_bresp(), .s_axil_bvalid(), .s_axil_bready(1'b0),
        .s_axil_araddr(DROPPED_BEATS[11:0]), .s_axil_arvalid(s_axil_arvalid), .s_axil_arready(s_axil_arready),
        .s_axil_rdata(s_axil_rdata), .s_axil_rresp(), .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(1'b1),
        .irq()
    );

    integer seed = 1;
    integer beat, result, sample, errors = 0, cycle = 0, first_cycle = 0, silence = 0;
    reg     stalls = 0;   // second pass: random idle input and backpressure
    reg     waiting = 0;  // full rate: only one sample in flight, so that its cycles can be counted

    always @(posedge aclk) begin
        cycle <= cycle + 1;
        silence <= (s_axis_tvalid && s_axis_tready) || (m_axis_tvalid && m_axis_tready) ? 0 : silence + 1;
        if (silence > 1000000) begin
            $display("FAIL: no transfer for 1000000 cycles (beat %0d, result %0d)", beat, result);
            $stop;
        end
    end

    // output: compare every beat; at full rate, compare the cycles of every {what}
    always @(posedge aclk) begin
        if (m_axis_tvalid && m_axis_tready) begin
            if ({{m_axis_tlast, m_axis_tdata}} !== expected[result]) begin
                errors = errors + 1;
                $display("FAIL: {what} %0d, output beat %0d: expected %h, got %h",
                         sample, result, expected[result], {{m_axis_tlast, m_axis_tdata}});
            end
            if (m_axis_tlast) begin
                if (!stalls && cycle - first_cycle + 1 != latency_cycles[sample]) begin
                    errors = errors + 1;
                    $display("FAIL: {what} %0d: predicted %0d cycles, took %0d",
                             sample, latency_cycles[sample], cycle - first_cycle + 1);
                end
                sample = sample + 1;
                waiting = 0;
            end
            result = result + 1;
        end
        m_axis_tready <= !stalls || $random(seed) % 4 != 0;
    end

    task pass;
        begin
            beat = 0; result = 0; sample = 0; waiting = 0;
            while (beat < BEATS) begin
                while (waiting || (stalls && $random(seed) % 4 == 0)) @(negedge aclk);
                s_axis = stimulus[beat];
                s_axis_tvalid = 1;
                @(posedge aclk);
                while (!s_axis_tready) @(posedge aclk);
{follow}
                beat = beat + 1;
                @(negedge aclk) s_axis_tvalid = 0;
            end
            while (result < RESULTS) @(negedge aclk);
        end
    endtask

    initial begin
        $readmemh("stimulus.hex", stimulus);
        $readmemh("expected.hex", expected);
        $readmemh("latency_cycles.hex", latency_cycles);
        repeat (4) @(negedge aclk);
        aresetn = 1;
        @(negedge aclk);
        pass;
        stalls = 1;
        pass;
        s_axil_arvalid = 1;
        @(posedge aclk);
        while (!s_axil_arready) @(posedge aclk);
        @(negedge aclk) s_axil_arvalid = 0;
        while (!s_axil_rvalid) @(negedge aclk);
        if (s_axil_rdata !== 0) begin
            errors = errors + 1;
            $display("FAIL: %0d input beats were dropped", s_axil_rdata);
        end
        if (errors != 0) begin
            $display("FAIL: %0d errors", errors);
            $stop;
        end
        $display("PASS: %0d {whats}, %0d output beats, twice", SAMPLES, RESULTS);
        $finish;
    end
endmodule
"""
