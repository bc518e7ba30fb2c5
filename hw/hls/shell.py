"""The texts around the network that hls4ml writes: AXI4-Stream shell, self-checking testbench, README."""

HEADER = """\
#ifndef {guard}_H_
#define {guard}_H_

#include "ap_axi_sdata.h"
#include "{name}_network.h"

typedef ap_axiu<32, {side}, {side}, {side}> beat_t;

// One sample per call; input words and output scores as in Spikeline's Verilog core.
void {name}(hls::stream<beat_t> &s_axis, hls::stream<beat_t> &m_axis);

#endif
"""

SOURCE = """\
// The network between two AXI4-Streams. A single file, as the project's Tcl adds only one.
#include "{name}_network.cpp"

#include "{name}.h"
#include "nnet_utils/nnet_spikeline_axis.h"

void {name}(hls::stream<beat_t> &s_axis, hls::stream<beat_t> &m_axis) {{
    #pragma HLS INTERFACE axis port=s_axis
    #pragma HLS INTERFACE axis port=m_axis
    #pragma HLS DATAFLOW
    hls::stream<input_t> counts("counts");
    #pragma HLS STREAM variable=counts depth=2
    hls::stream<result_t> scores("scores");
    #pragma HLS STREAM variable=scores depth=2
{calls}
}}
"""

TESTBENCH = """\
// Self-checking: returns 0 only if every integer equals the golden model's. Compares the beats of {samples}
// samples and, in C simulation, every current, membrane and spike of the first.
#include "firmware/{name}.h"
#include "firmware/nnet_utils/nnet_spikeline.h"
#include <fstream>
#include <iostream>

#ifdef RTL_SIM
static const char *const results_file = "tb_data/rtl_cosim_results.log";
static const bool watched = false;
#else
static const char *const results_file = "tb_data/csim_results.log";
static const bool watched = true;
#endif

static unsigned differences = 0;

static void compare(const char *what, unsigned place, long long expected, long long actual) {{
    if (expected == actual)
        return;
    if (differences++ < 10)
        std::cout << what << " " << place << ": expected " << expected << ", got " << actual << std::endl;
}}

static bool opened(const std::ifstream &file, const char *name) {{
    if (!file.is_open())
        std::cout << name << ": cannot be read" << std::endl;
    return file.is_open();
}}

int main() {{
    std::ifstream stimulus("tb_data/stimulus.dat"), expected("tb_data/expected.dat");
    std::ifstream codes("tb_data/codes.dat");
    if (!opened(stimulus, "tb_data/stimulus.dat") || !opened(expected, "tb_data/expected.dat") ||
        !opened(codes, "tb_data/codes.dat"))
        return 1;
    std::ofstream results(results_file);
    hls::stream<beat_t> s_axis("s_axis"), m_axis("m_axis");
    unsigned word, last, ends = 0;
    while (stimulus >> word >> last) {{
        ends += last;
        beat_t beat = beat_t();
        beat.data = word;
        beat.keep = -1;
        beat.strb = -1;
        beat.last = last;
        s_axis.write(beat);
    }}
    if (ends != {samples}) {{
        std::cout << "FAIL: tb_data/stimulus.dat must hold {samples} samples, not " << ends << std::endl;
        return 1;
    }}
    nnet::spikeline_watch &watch = nnet::spikeline_watch::get();
    unsigned beats = 0, compared = 0;
    for (unsigned sample = 0; sample < {samples}; sample++) {{
        watch.on = watched && sample == 0;
        {name}(s_axis, m_axis);
        for ({beats}beats++) {{
            const beat_t beat = m_axis.read();
            if (!(expected >> word >> last))
                return 1;
            compare("TDATA of beat", beats, word, beat.data.to_uint());
            compare("TLAST of beat", beats, last, beat.last.to_uint());
            results << beat.data.to_uint() << " " << beat.last.to_uint() << std::endl;
        }}
    }}
{end}    compare("beats left", 0, 0, (long long)m_axis.size() + (long long)s_axis.size());
    long long code;
    for (unsigned stage = 0; stage < watch.codes.size(); stage++)
        for (unsigned i = 0; i < watch.codes[stage].size(); i++, compared++) {{
            if (!(codes >> code))
                return 1;
            compare("code", compared, code, watch.codes[stage][i]);
        }}
    compare("codes of the first sample", 0, watched ? {codes} : 0, compared);
    std::cout << (differences ? "FAIL" : "PASS") << ": {samples} samples, " << beats << " beats, " << compared
              << " codes, " << differences << " differences" << std::endl;
    return differences ? 1 : 0;
}}
"""

PER_SAMPLE = {
    "calls": """\
    nnet::spikeline_decode<{steps}, {n_in}, {input_bits}>(s_axis, counts);
    {name}_network(counts, scores);
    nnet::spikeline_encode<{classes}>(scores, m_axis);""",
    "beats": "unsigned n = 0; n < {classes} + 1; n++, ",
    "end": "",
    "output": """\
`m_axis`: {classes} scores of 32 bits, then the class with TLAST. One call, `ap_start` to `ap_done`, processes
one sample; hold `ap_start` high for a free-running core. A sample of fewer than {steps} steps is padded with
silence, a longer one is cut; the next sample starts clean.""",
}
"""Parts of these texts, where there is an answer per sample."""
PER_STEP = {
    "calls": """\
    hls::stream<bool> own("own");
    #pragma HLS STREAM variable=own depth={in_flight}
    nnet::spikeline_decode_answered<{steps}, {n_in}, {input_bits}, {stride}>(s_axis, counts, own);
    {name}_network(counts, scores);
    nnet::spikeline_encode_answers<{answers}, {classes}>(scores, own, m_axis);""",
    "beats": "; !m_axis.empty(); ",
    "end": """\
    compare("beats missing", beats, 0, expected >> word ? 1 : 0);
""",
    "output": """\
`m_axis`: after every {stride} steps of a sample three words of 32 bits: the class; its score; with TLAST, the
margin by which it leads the second best, without a sign. One call, `ap_start` to `ap_done`, processes one
sample; hold `ap_start` high for a free-running core. A sample of fewer than {steps} steps gets the answers to
its own steps; of a longer one, the steps after {steps} are dropped and get none: a stream without an end is
answered for {steps} steps only. The next sample starts clean.""",
}
"""The same with answers per step."""

_PARTS = tuple(text for parts in (PER_SAMPLE, PER_STEP) for name, text in parts.items() if name != "output")
CODE = (HEADER, SOURCE, TESTBENCH, *_PARTS)
"""Those in C++."""

CHECK = """\
#!/bin/sh
# The testbench with g++ alone: the C++ standard of build_prj.tcl, and the same file layout as its csim.
set -e
cd "$(dirname "$0")"
mkdir -p csim
g++ -std=c++0x -isystem firmware/ap_types -Wall -Wextra -Wno-unknown-pragmas -Wno-unused-label \\
    {name}_test.cpp firmware/{name}.cpp -o csim/{name}_test
ln -sfn ../tb_data csim/tb_data
ln -sfn ../firmware/weights csim/weights
cd csim
exec ./{name}_test
"""

README = """\
# `{name}`: an HLS project for {backend}

From the artifact {artifact} (sha256 {sha256}).
A spiking network over sequences of {steps} steps, with {n_in} inputs and {classes} classes; every integer
equals that of Spikeline's golden model.

    sh check.sh                                    # g++ alone: runs the self-checking testbench, prints PASS
    {command}

| file | |
|---|---|
| `firmware/{name}.cpp` | top: AXI4-Stream in and out around the network |
| `firmware/{name}_network.cpp` | the network, as hls4ml writes it |
| `firmware/nnet_utils/nnet_spikeline*.h` | Spikeline's layers |
| `{name}_test.cpp`, `tb_data/` | testbench; {samples} samples with the golden model's answers |
| `check.sh` | compiles and runs the testbench as C simulation does |

`s_axis`: words of 32 bits, [15:0] address, [23:16] count, [31] end of step, TLAST at the end of a sample.
{output}

## What to expect

Nothing here was synthesised. By the loop bounds, a step takes about `(inputs + 1) * words` cycles in each
stage, with a dense recurrence `(inputs + neurons + 1) * words`; the stages work in parallel. Silent inputs
cost cycles but add nothing. Each lane has an adder for its weights and a multiplier by the constant `beta`; a
delay line is a LUT per 32 steps and neuron; a weight word takes a block RAM per 72 bits, 512 words deep.
{more}
| stage | inputs | neurons | lanes | words | weight bits | weight word | cycles per step |
|---|---|---|---|---|---|---|---|
{stages}
"""

MORE = {
    "own_beta": "With a `beta` of each neuron, that multiplier is one by a variable.",
    "synapse": "A synaptic current is one more multiplier, sum and register.",
    "max_input_delay": "A forward delay is a line for each bit of an input.",
}
"""Sentences of the README about what only some stages have (`hw.hls.optional`)."""
