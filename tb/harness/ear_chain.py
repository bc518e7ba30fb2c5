"""The ear from samples to counts, with a recorder of what it computes, and its run on recordings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from numpy.typing import NDArray

from fxp_model.ear.spec import FRAME_MS, SAMPLE_BITS, EarSpec
from fxp_model.errors import InputError
from hw.rtl.ear.filters import FilterBank
from hw.rtl.ear.neurons import EarNeurons
from hw.rtl.ear.schedule import Schedule
from hw.verilog import write_verilog
from tb.harness.runner import Design, Workspace


class EarChain(wiring.Component):
    """`FilterBank`, and `EarNeurons` behind it, which are told where frames begin.

    Members
    -------
    i : In stream of signed(16)
    counts : Out(counts_layout)
    ends : Out(1)
        The counts of a frame are all given.
    level : Out
        As of `EarNeurons`.
    """

    def __init__(self, spec: EarSpec, multipliers: int) -> None:
        self._spec = spec
        self._filters, self._neurons = FilterBank(spec, multipliers), EarNeurons(spec)
        outputs = {name: self._neurons.signature.members[name] for name in ("counts", "ends", "level")}
        super().__init__({"i": In(stream.Signature(signed(SAMPLE_BITS))), **outputs})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.filters, m.submodules.neurons = filters, neurons = self._filters, self._neurons
        wiring.connect(m, wiring.flipped(self.i), filters.i)
        wiring.connect(m, filters.o, neurons.i)
        envelopes = FRAME_MS * self._spec.channels
        place = Signal(range(envelopes))
        with m.If(filters.o.valid & filters.o.ready):
            m.d.sync += place.eq(Mux(place == envelopes - 1, 0, place + 1))
        m.d.comb += [
            neurons.first.eq(place == 0),
            self.counts.eq(neurons.counts),
            self.ends.eq(neurons.ends),
            self.level.eq(neurons.level),
        ]
        return m


NEURON_FIELDS = ("probe_potential", "probe_raised", "probe_count", "counts", "level")
"""Nets of `EarNeurons` of which the recorder keeps a 64-bit integer whenever a neuron is written."""
STATES, NEURONS = "states.bin", "neurons.bin"
"""Files that the recorder writes: int32 of every state, int64 of every field of `NEURON_FIELDS`."""


def recorder(spec: EarSpec, multipliers: int) -> Design:
    """An `EarChain` whose states are written to files while its input `record` is high.

    In Verilog, as a bench would take a microsecond for every state.
    """
    lanes, bits = Schedule(spec, multipliers).lanes, spec.state_bits
    words = [f"states_{lane}" for lane in range(lanes)]
    fields = [f"field_{name}" for name in NEURON_FIELDS]
    nets = [
        f"wire signed [31:0] {word} = $signed(chain.filters.probe_states[{bits * lane} +: {bits}]);"
        for lane, word in enumerate(words)
    ] + [
        f"wire [63:0] {field} = chain.neurons.{name};"
        for field, name in zip(fields, NEURON_FIELDS, strict=True)
    ]
    component = EarChain(spec, multipliers)
    level = len(component.level)
    chain = rtlil.convert(component, name="chain", emit_src=False)
    declared = "\n  ".join(nets)
    top = f"""
module recorder(
  input clk, input rst, input record,
  input i__valid, output i__ready, input [{SAMPLE_BITS - 1}:0] i__payload,
  output ends, output [{level - 1}:0] level
);
  chain chain(
    .clk(clk), .rst(rst), .i__valid(i__valid), .i__ready(i__ready), .i__payload(i__payload),
    .ends(ends), .level(level)
  );
  {declared}
  integer states, neurons;
  reg recording = 0;
  always @(posedge clk) begin
    recording <= record;
    if (record & ~recording) begin
      states = $fopen("{STATES}", "wb");
      neurons = $fopen("{NEURONS}", "wb");
    end
    if (recording & chain.filters.probe_valid)
      $fwrite(states, "{"%u" * lanes}", {", ".join(words)});
    if (recording & chain.neurons.probe_valid)
      $fwrite(neurons, "{"%u" * len(fields)}", {", ".join(fields)});
    if (recording & ~record) begin
      $fclose(states);
      $fclose(neurons);
    end
  end
endmodule
"""
    return Design("recorder", write_verilog(chain) + top)


def hear(
    spec: EarSpec, multipliers: int, recordings: Sequence[NDArray[np.integer]], sim: str, workspace: Workspace
) -> dict[str, Any]:
    """Let the RTL hear recordings, one after the other, and fail unless all is as in the golden ear.

    That is every state of every section after every sample; every potential, raised threshold and count after
    every millisecond; the counts that are given, and the level, of every frame.

    Parameters
    ----------
    spec : EarSpec
    multipliers : int
    recordings : sequence of (n,) int
        Samples, each of whole frames.
    sim : str
        ``icarus`` or ``verilator``.
    workspace : Workspace

    Returns
    -------
    dict
        Figures of `tb.benches.cores.ear`.

    Raises
    ------
    InputError
        There are no recordings.
    BenchFailure
        Naming the first difference.
    """
    if not recordings:
        raise InputError("recordings to hear must be at least 1, not 0")
    path = workspace.runs / f"recordings-{sim}.npz"
    lengths = [len(recording) for recording in recordings]
    np.savez_compressed(path, samples=np.concatenate(recordings).astype(np.int16), lengths=lengths)
    plan = {"ear": spec.to_dict(), "multipliers": multipliers, "recordings": str(path), "seed": 1}
    figures = workspace.check(recorder(spec, multipliers), sim, "tb.benches.cores.ear", plan, "recordings")
    heard: dict[str, Any] = figures["hears"]
    return heard
