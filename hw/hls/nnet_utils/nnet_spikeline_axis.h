#ifndef NNET_SPIKELINE_AXIS_H_
#define NNET_SPIKELINE_AXIS_H_

// The beats of the Verilog core (hw/ARCHITECTURE.md, "Interfaces") around a network of streams. C++11.

#include "ap_int.h"
#include "hls_stream.h"

namespace nnet {

// Converts one sample, words [15:0] address, [23:16] count, [31] end of step, with TLAST at its end, to STEPS tokens of
// counts. Words with an address or a count that does not fit are dropped. A shorter sample is padded with silence; of a
// longer one, everything after STEPS steps is dropped up to TLAST, so the next sample starts clean.
template <unsigned STEPS, unsigned N_IN, unsigned INPUT_BITS, class beat_T, class token_T>
void spikeline_decode(hls::stream<beat_T> &s_axis, hls::stream<token_T> &counts) {
    bool ended = false;
StepLoop:
    for (unsigned t = 0; t < STEPS; t++) {
        ap_uint<INPUT_BITS> step[N_IN];
        #pragma HLS ARRAY_PARTITION variable=step complete
        for (unsigned j = 0; j < N_IN; j++) {
            #pragma HLS UNROLL
            step[j] = 0;
        }
        bool marker = ended;
    WordLoop:
        while (!marker) {
            #pragma HLS PIPELINE II=1
            const beat_T beat = s_axis.read();
            const ap_uint<32> word = beat.data;
            const ap_uint<16> address = word.range(15, 0);
            const ap_uint<8> count = word.range(23, 16);
            ended = beat.last == 1;
            marker = ended || word[31] == 1;
            if (!marker && address < N_IN && count < (1u << INPUT_BITS))
                step[address] += count;
        }
        token_T token;
        for (unsigned j = 0; j < N_IN; j++) {
            #pragma HLS UNROLL
            token[j] = step[j];
        }
        counts.write(token);
    }
RestLoop:
    while (!ended) {
        #pragma HLS PIPELINE II=1
        ended = s_axis.read().last == 1;
    }
}

// One beat per score, then the class with TLAST: the highest score, the lowest index in a tie.
template <unsigned CLASSES, class token_T, class beat_T>
void spikeline_encode(hls::stream<token_T> &scores, hls::stream<beat_T> &m_axis) {
    const token_T token = scores.read();
    ap_int<32> best = token[0];
    ap_uint<32> winner = 0;
BeatLoop:
    for (unsigned n = 0; n <= CLASSES; n++) {
        #pragma HLS PIPELINE II=1
        beat_T beat = beat_T();
        beat.keep = -1;
        beat.strb = -1;
        beat.last = n == CLASSES;
        if (n < CLASSES) {
            const ap_int<32> score = token[n];
            if (score > best) {
                best = score;
                winner = n;
            }
            beat.data = ap_uint<32>(score);
        } else {
            beat.data = winner;
        }
        m_axis.write(beat);
    }
}

} // namespace nnet

#endif
