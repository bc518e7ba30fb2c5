#ifndef NNET_SPIKELINE_AXIS_H_
#define NNET_SPIKELINE_AXIS_H_

// The beats of the Verilog core (hw/ARCHITECTURE.md, "Interfaces") around a network of streams. C++11.

#include "ap_int.h"
#include "hls_stream.h"

namespace nnet {

// Converts the words of a step, [15:0] address, [23:16] count, [31] end of step, with TLAST at the end of a sample, to a
// token of counts: silence if the sample has `ended`. Words with an address or a count that does not fit are dropped.
template <unsigned N_IN, unsigned INPUT_BITS, class beat_T, class token_T>
void spikeline_decode_step(hls::stream<beat_T> &s_axis, hls::stream<token_T> &counts, bool &ended) {
    #pragma HLS INLINE
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

// Drops what is left of a sample, up to TLAST, so the next one starts clean.
template <class beat_T> void spikeline_drop(hls::stream<beat_T> &s_axis, bool ended) {
    #pragma HLS INLINE
RestLoop:
    while (!ended) {
        #pragma HLS PIPELINE II=1
        ended = s_axis.read().last == 1;
    }
}

// Converts one sample to STEPS tokens of counts. A shorter sample is padded with silence, a longer one is cut.
template <unsigned STEPS, unsigned N_IN, unsigned INPUT_BITS, class beat_T, class token_T>
void spikeline_decode(hls::stream<beat_T> &s_axis, hls::stream<token_T> &counts) {
    bool ended = false;
StepLoop:
    for (unsigned t = 0; t < STEPS; t++)
        spikeline_decode_step<N_IN, INPUT_BITS>(s_axis, counts, ended);
    spikeline_drop(s_axis, ended);
}

// The same with answers after every STRIDE steps: `own` tells of each whether its step is one of the sample, not of the
// silence behind it. It follows the token, so whatever waits in `own` can be answered.
template <unsigned STEPS, unsigned N_IN, unsigned INPUT_BITS, unsigned STRIDE, class beat_T, class token_T>
void spikeline_decode_answered(hls::stream<beat_T> &s_axis, hls::stream<token_T> &counts, hls::stream<bool> &own) {
    bool ended = false;
    unsigned since = 0;
StepLoop:
    for (unsigned t = 0; t < STEPS; t++) {
        const bool is_own = !ended;
        spikeline_decode_step<N_IN, INPUT_BITS>(s_axis, counts, ended);
        if (++since == STRIDE) {
            own.write(is_own);
            since = 0;
        }
    }
    spikeline_drop(s_axis, ended);
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

// Of each answer the class, its score, and with TLAST the margin by which it leads the second best: 0 after a tie, and
// where there is one class. An answer that is not the sample's `own` is dropped.
template <unsigned ANSWERS, unsigned CLASSES, class token_T, class beat_T>
void spikeline_encode_answers(hls::stream<token_T> &scores, hls::stream<bool> &own, hls::stream<beat_T> &m_axis) {
AnswerLoop:
    for (unsigned a = 0; a < ANSWERS; a++) {
        const token_T token = scores.read();
        const bool is_own = own.read();
        ap_int<32> best = token[0], second = -2147483647 - 1;
        ap_uint<32> winner = 0;
    ClassLoop:
        for (unsigned n = 1; n < CLASSES; n++) {
            #pragma HLS PIPELINE II=1
            const ap_int<32> score = token[n];
            if (score > best) {
                second = best;
                best = score;
                winner = n;
            } else if (score > second) {
                second = score;
            }
        }
        const ap_uint<32> margin = CLASSES > 1 ? ap_int<33>(best - second) : ap_int<33>(0);
        if (is_own) {
        BeatLoop:
            for (unsigned n = 0; n < 3; n++) {
                #pragma HLS PIPELINE II=1
                beat_T beat = beat_T();
                beat.keep = -1;
                beat.strb = -1;
                beat.last = n == 2;
                beat.data = n == 0 ? winner : n == 1 ? ap_uint<32>(best) : margin;
                m_axis.write(beat);
            }
        }
    }
}

} // namespace nnet

#endif
