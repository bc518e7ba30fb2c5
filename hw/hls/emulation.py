"""Compile networks in C++ with g++ and run them on counts: whole traces and beats of the output."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hls4ml.model import ModelGraph
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.network import Network, check_counts
from fxp_model.spec import Answer
from fxp_model.trace import LayerTrace, ReadoutTrace, Trace
from hw.hls.limits import answers_of
from hw.protocol import ANSWER_BEATS, Beat

Codes = NDArray[np.int64]

STANDARD = "-std=c++0x"
"""The standard of hls4ml's project Tcl: C++11."""


@dataclass(frozen=True)
class Unit:
    """A network in C++.

    network : the network that it must equal
    steps : T of its sequences
    source : file that defines its top function
    top : name of that function, with its namespace
    headers : namespace of the headers in ``nnet_utils``
    """

    network: Network
    steps: int
    source: Path
    top: str
    headers: str = "nnet"

    @property
    def namespace(self) -> str:
        """Prefix of the types ``input_t`` and ``result_t``."""
        return self.top.rpartition("::")[0] + "::"

    @property
    def answers(self) -> int:
        """Answers to a sample."""
        return answers_of(self.network.spec.readout, self.steps)


@dataclass(frozen=True)
class Emulation:
    """A program of one or more units."""

    program: Path
    units: tuple[Unit, ...]

    def run(self, counts: NDArray[np.integer], unit: int = 0) -> Trace:
        """Trace of `counts` (T, B, n_in), samples one after the other.

        Raises
        ------
        InputError
            If the counts do not fit the network, or their length is not the unit's.
        """
        return _trace(self.units[unit], self._codes(counts, unit)[0])

    def beats(self, counts: NDArray[np.integer], unit: int = 0) -> list[Beat]:
        """What the shell sends for `counts` (T, B, n_in), sample by sample; errors as in `run`."""
        return [Beat(int(data), bool(last)) for data, last in self._codes(counts, unit)[1].reshape(-1, 2)]

    def _codes(self, counts: NDArray[np.integer], unit: int) -> tuple[Codes, Codes]:
        """What the program gives for each sample, (B, codes) of its trace, and (B, 2 beats)."""
        network, steps = self.units[unit].network, self.units[unit].steps
        checked = check_counts(network.spec, counts)
        if len(checked) != steps:
            raise InputError(f"sequences of this project must have {steps} steps, not {len(checked)}")
        samples = checked.shape[1]
        with tempfile.TemporaryDirectory() as folder:
            given, made = Path(folder) / "counts", Path(folder) / "codes"
            given.write_bytes(checked.transpose(1, 0, 2).astype(np.uint8).tobytes())
            command = [str(self.program), str(unit), str(samples), str(given), str(made)]
            subprocess.run(command, check=True, cwd=self.program.parent)
            codes = np.fromfile(made, dtype="<i8").reshape(samples, -1)
        beats = 2 * _beats(self.units[unit])
        return codes[:, :-beats], codes[:, -beats:]


def missing_tool() -> str | None:
    """The tool that this machine lacks to compile a project, or None."""
    return None if shutil.which("g++") else "g++ not found: apt-get install g++"


def compile_units(
    units: Sequence[Unit], program: Path, includes: Sequence[Path], flags: Sequence[str] = ("-O1",)
) -> Emulation:
    """Compile `units` into one program.

    Parameters
    ----------
    program : Path
        File to create; the source is kept beside it.
    includes : sequence of Path
        Folders of ``ap_int.h`` and, unless they are beside the sources, of ``nnet_utils``.
    """
    program = program.resolve()
    program.parent.mkdir(parents=True, exist_ok=True)
    source = program.with_suffix(".cpp")
    source.write_text(_program(units), encoding="utf-8")
    command = ["g++", STANDARD, *flags, *(f"-isystem{folder}" for folder in includes)]
    subprocess.run([*command, "-o", program, source], check=True)
    return Emulation(program, tuple(units))


def write_firmware(graph: ModelGraph) -> Path:
    """Write only the files that depend on the network, and return the file of the top function."""
    graph.apply_flow(graph.config.backend.get_default_flow())
    writer = graph.config.backend.writer
    for part in ("project_dir", "project_cpp", "project_header", "weights", "defines", "parameters"):
        getattr(writer, f"write_{part}")(graph)
    return Path(graph.config.get_output_dir()) / "firmware" / f"{graph.config.get_project_name()}.cpp"


def _program(units: Sequence[Unit]) -> str:
    lines = [_HEAD]
    for unit in units:
        guards = {
            guard
            for file in unit.source.parent.glob("**/*.h")
            if not {"nnet_utils", "ap_types"} & set(file.parts)
            for guard in re.findall(r"^#ifndef (\w+_H_)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        }
        lines += [f"#undef {guard}" for guard in sorted(guards)] + [f'#include "{unit.source.resolve()}"']
        # that of the unit, if it has its own, and otherwise that of all
        own = unit.source.resolve().parent / _SHELL
        lines.append(f'#include "{own if own.is_file() else _SHELL}"')
    lines.append(_RUN)
    for index, unit in enumerate(units):
        lines.append(
            f"static void encode{index}(const long long *codes, beats_t &beats) {{{_encoding(unit)}}}"
        )
    lines.append(_MAIN)
    for index, unit in enumerate(units):
        spec = unit.network.spec
        sizes = f"{unit.steps}, {spec.n_in}, {unit.answers}, {spec.n_out}, {_beats(unit)}"
        lines.append(f"    case {index}: return run<{sizes}>({unit.top}, encode{index}, samples, in, out);")
    lines.append(_TAIL)
    return "\n".join(lines)


def _encoding(unit: Unit) -> str:
    """Statements that give the beats of all answers."""
    readout, answers = unit.network.spec.readout, unit.answers
    given = f"answers_t<{answers}, {readout.n_out}> given(codes);"
    if readout.answer is Answer.SAMPLE:
        return f"{given} {unit.headers}::spikeline_encode<{readout.n_out}>(given.tokens, beats);"
    call = f"spikeline_encode_answers<{answers}, {readout.n_out}>"
    return f"{given} {unit.headers}::{call}(given.tokens, given.own, beats);"


def _beats(unit: Unit) -> int:
    """Beats of all answers to a sample."""
    spec = unit.network.spec
    return spec.n_out + 1 if spec.readout.answer is Answer.SAMPLE else ANSWER_BEATS * unit.answers


def _trace(unit: Unit, codes: Codes) -> Trace:
    """The trace from the program's output for each sample: stage by stage, then the answers' scores.

    With answers per step the scores after the last step are between them.
    """
    spec, steps, answers = unit.network.spec, unit.steps, unit.answers
    per_step = spec.readout.answer is Answer.STEP
    fields = [["i_syn", "i_rec", "current", "v_mem", "spikes"]] * len(spec.layers)
    fields.append(["i_syn", "current", "v_mem"])
    names = [
        [name for name in own if name != "current" or stage.synapse is not None]
        for own, stage in zip(fields, spec.stages, strict=True)
    ]
    sizes = [steps * stage.n_out * len(own) for own, stage in zip(names, spec.stages, strict=True)]
    sizes += [spec.n_out] * per_step
    expected = sum(sizes) + answers * spec.n_out
    if codes.shape[1] != expected:
        raise RuntimeError(f"a sample must give {expected} codes, not {codes.shape[1]}")
    *blocks, given = np.split(codes, np.cumsum(sizes), axis=1)
    scores = blocks.pop() if per_step else given
    *layers, readout = (
        dict(zip(own, _fields(block, steps, stage.n_out), strict=True))
        for own, block, stage in zip(names, blocks, spec.stages, strict=True)
    )
    traces = (LayerTrace(spikes=own.pop("spikes").astype(np.uint8), **own) for own in layers)
    last = ReadoutTrace(
        readout["i_syn"],
        readout["v_mem"],
        scores,
        current=readout.get("current"),
        answered=_fields(given, answers, spec.n_out)[0] if per_step else None,
        stride=spec.readout.stride,
    )
    return Trace(tuple(traces), last)


def _fields(block: Codes, steps: int, n: int) -> list[Codes]:
    """Arrays (T, B, n) of the codes (B, T * n * fields) of a stage."""
    return list(block.reshape(len(block), steps, n, -1).transpose(3, 1, 0, 2))


_SHELL = "nnet_utils/nnet_spikeline_axis.h"

_HEAD = """\
#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <vector>
"""

_RUN = """\
typedef unsigned char byte;

struct beat_t {
    ap_uint<32> data;
    ap_uint<4> keep, strb;
    ap_uint<1> last;
};
typedef hls::stream<beat_t> beats_t;

// Of codes, the scores of each answer; the answers are the sample's own.
template <unsigned ANSWERS, unsigned CLASSES> struct answers_t {
    hls::stream<nnet::array<ap_int<32>, CLASSES> > tokens;
    hls::stream<bool> own;

    explicit answers_t(const long long *codes) {
        for (unsigned a = 0; a < ANSWERS; a++) {
            nnet::array<ap_int<32>, CLASSES> token;
            for (unsigned n = 0; n < CLASSES; n++)
                token[n] = *codes++;
            tokens.write(token);
            own.write(true);
        }
    }
};

template <unsigned STEPS, unsigned N_IN, unsigned ANSWERS, unsigned CLASSES, class in_T, class out_T>
void sample(void (*top)(hls::stream<in_T> &, hls::stream<out_T> &), const byte *counts, long long *scores) {
    hls::stream<in_T> in("in");
    hls::stream<out_T> out("out");
    for (unsigned t = 0; t < STEPS; t++) {
        in_T token;
        for (unsigned j = 0; j < N_IN; j++)
            token[j] = counts[t * N_IN + j];
        in.write(token);
    }
    top(in, out);
    for (unsigned a = 0; a < ANSWERS; a++) {
        const out_T made = out.read();
        for (unsigned n = 0; n < CLASSES; n++)
            scores[a * CLASSES + n] = made[n].to_int64();
    }
}

template <unsigned STEPS, unsigned N_IN, unsigned ANSWERS, unsigned CLASSES, class in_T, class out_T>
void sample(void (*top)(in_T *, out_T *), const byte *counts, long long *scores) {
    std::vector<in_T> in(STEPS * N_IN);
    std::vector<out_T> out(ANSWERS * CLASSES);
    for (unsigned i = 0; i < STEPS * N_IN; i++)
        in[i] = counts[i];
    top(&in[0], &out[0]);
    for (unsigned n = 0; n < ANSWERS * CLASSES; n++)
        scores[n] = out[n].to_int64();
}

template <unsigned STEPS, unsigned N_IN, unsigned ANSWERS, unsigned CLASSES, unsigned BEATS, class top_T>
int run(top_T top, void (*encode)(const long long *, beats_t &), unsigned samples, FILE *in, FILE *out) {
    nnet::spikeline_watch &watch = nnet::spikeline_watch::get();
    watch.on = true;
    std::vector<byte> counts(STEPS * N_IN);
    std::vector<long long> scores(ANSWERS * CLASSES);
    for (unsigned b = 0; b < samples; b++) {
        if (fread(&counts[0], 1, counts.size(), in) != counts.size())
            return 2;
        for (unsigned stage = 0; stage < watch.codes.size(); stage++)
            watch.codes[stage].clear();
        sample<STEPS, N_IN, ANSWERS, CLASSES>(top, &counts[0], &scores[0]);
        for (unsigned stage = 0; stage < watch.codes.size(); stage++)
            fwrite(&watch.codes[stage][0], sizeof(long long), watch.codes[stage].size(), out);
        fwrite(&scores[0], sizeof(long long), scores.size(), out);
        beats_t beats;
        encode(&scores[0], beats);
        for (unsigned i = 0; i < BEATS; i++) {
            const beat_t beat = beats.read();
            const long long codes[2] = {beat.data.to_int64(), beat.last.to_int64()};
            fwrite(codes, sizeof(long long), 2, out);
        }
    }
    return fclose(out) == 0 ? 0 : 2;
}
"""

_MAIN = """\
int main(int, char **argv) {
    const unsigned samples = atoi(argv[2]);
    FILE *in = fopen(argv[3], "rb"), *out = fopen(argv[4], "wb");
    if (in == NULL || out == NULL)
        return 2;
    switch (atoi(argv[1])) {
"""

_TAIL = """\
    }
    return 2;
}
"""
