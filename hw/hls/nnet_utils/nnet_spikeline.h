#ifndef NNET_SPIKELINE_H_
#define NNET_SPIKELINE_H_

// Common parts of a spiking cell and a readout (fxp_model/NUMERICS.md sections 3, 4 and 6). C++11.
// Every number is an integer code; shifts by constants bring codes to the fraction of the exact sum.

#include "ap_fixed.h"
#include "ap_int.h"
#include "hls_stream.h"
#include "nnet_types.h"

#ifndef __SYNTHESIS__
#include <vector>
#endif

namespace nnet {

enum spikeline_recurrence { spikeline_none, spikeline_conv, spikeline_dense };
enum spikeline_reset { spikeline_zero, spikeline_subtract };
enum spikeline_score { spikeline_sum, spikeline_last, spikeline_max, spikeline_spike_count };

struct spikeline_config {
    static const unsigned stage = 0;           // place in the network, the first layer is 0
    static const unsigned n_steps = 1;         // T
    static const unsigned n_in = 1;
    static const unsigned n_out = 1;
    static const unsigned words = 1;           // cycles per input and of the update: hls4ml's reuse factor
    static const unsigned lanes = 1;           // neurons per cycle; words * lanes >= n_out
    static const unsigned input_bits = 1;
    static const unsigned membrane_bits = 16;
    static const unsigned beta_bits = 8;
    static const unsigned beta = 0;            // code
    static const unsigned v_th = 1;            // code of the membrane
    static const unsigned accumulator_bits = 16;
    static const unsigned sum_bits = 32;       // width of the exact sum
    static const int sum_int_bits = 16;        // and its integer bits
    static const unsigned leak_shift = 0;      // from the fraction of each term to that of the sum
    static const unsigned weight_shift = 0;
    static const unsigned bias_shift = 0;
    static const spikeline_reset reset = spikeline_zero;
};

#ifndef __SYNTHESIS__
// Record for a testbench: while `on`, every stage appends the codes of its neurons, step by step: i_syn,
// i_rec, v_mem and spike of a cell, i_syn and v_mem of a readout.
struct spikeline_watch {
    bool on;
    std::vector<std::vector<long long> > codes;

    static spikeline_watch &get() {
        static spikeline_watch watch = spikeline_watch();
        return watch;
    }

    static void add(unsigned stage, long long code) {
        spikeline_watch &watch = get();
        if (watch.codes.size() <= stage)
            watch.codes.resize(stage + 1);
        watch.codes[stage].push_back(code);
    }
};
#endif

// acc[n] = sum_j in[j] * weights[j, n], exact. An input of 0 adds nothing: the adders hold. One word of `LANES`
// weights per cycle, N_IN * WORDS cycles.
template <unsigned N_IN, unsigned WORDS, unsigned LANES, class in_T, class weight_T, class acc_T>
void spikeline_accumulate(const in_T in[N_IN], const weight_T weights[N_IN * WORDS * LANES], acc_T acc[WORDS * LANES]) {
    #pragma HLS INLINE
    #pragma HLS ARRAY_RESHAPE variable=weights cyclic factor=LANES dim=1
ClearLoop:
    for (unsigned n = 0; n < WORDS * LANES; n++) {
        #pragma HLS UNROLL
        acc[n] = 0;
    }
InputLoop:
    for (unsigned j = 0; j < N_IN; j++) {
    WordLoop:
        for (unsigned w = 0; w < WORDS; w++) {
            #pragma HLS PIPELINE II=1
            if (in[j] != 0) {
            LaneLoop:
                for (unsigned l = 0; l < LANES; l++) {
                    #pragma HLS UNROLL
                    acc[w * LANES + l] += in[j] * weights[(j * WORDS + w) * LANES + l];
                }
            }
        }
    }
}

// The exact sum beta * v + acc + bias + rec, and the only requantisation: an assignment between ap_fixed types.
template <typename CONFIG_T, class acc_T, class rec_T>
ap_int<CONFIG_T::membrane_bits> spikeline_integrate(ap_int<CONFIG_T::membrane_bits> v, acc_T acc,
                                                    typename CONFIG_T::bias_t bias, rec_T rec, unsigned rec_shift) {
    #pragma HLS INLINE
    typedef ap_int<CONFIG_T::sum_bits> sum_t;
    const ap_uint<CONFIG_T::beta_bits> beta = CONFIG_T::beta;
    const sum_t sum = (sum_t(beta * v) << CONFIG_T::leak_shift) + (sum_t(acc) << CONFIG_T::weight_shift) +
                      (sum_t(bias) << CONFIG_T::bias_shift) + (sum_t(rec) << rec_shift);
    ap_fixed<CONFIG_T::sum_bits, CONFIG_T::sum_int_bits> exact;
    exact.range(CONFIG_T::sum_bits - 1, 0) = sum.range(CONFIG_T::sum_bits - 1, 0);
    const typename CONFIG_T::membrane_t rounded = exact;
    ap_int<CONFIG_T::membrane_bits> code;
    code.range(CONFIG_T::membrane_bits - 1, 0) = rounded.range(CONFIG_T::membrane_bits - 1, 0);
    return code;
}

// The membrane after the reset, and whether the neuron fired: also at equality, and in the same step.
template <typename CONFIG_T>
ap_int<CONFIG_T::membrane_bits> spikeline_fire(ap_int<CONFIG_T::membrane_bits> v, ap_uint<1> &spike) {
    #pragma HLS INLINE
    const ap_int<CONFIG_T::membrane_bits> v_th = CONFIG_T::v_th;
    spike = v >= v_th ? 1 : 0;
    if (spike == 0)
        return v;
    return CONFIG_T::reset == spikeline_zero ? ap_int<CONFIG_T::membrane_bits>(0)
                                             : ap_int<CONFIG_T::membrane_bits>(v - v_th);
}

#ifndef __SYNTHESIS__
template <typename CONFIG_T, class acc_T> long long spikeline_current(acc_T acc, typename CONFIG_T::bias_t bias) {
    return (acc.to_int64() << CONFIG_T::weight_shift) + (bias.to_int64() << CONFIG_T::bias_shift);
}
#endif

// Converts sequences (STEPS, N) from arrays to tokens of a step and back: for io_parallel.
template <unsigned STEPS, unsigned N, class T> void spikeline_to_stream(const T *data, hls::stream<array<T, N> > &stream) {
    for (unsigned t = 0; t < STEPS; t++) {
        array<T, N> token;
        for (unsigned n = 0; n < N; n++)
            token[n] = data[t * N + n];
        stream.write(token);
    }
}

template <unsigned STEPS, unsigned N, class T> void spikeline_from_stream(hls::stream<array<T, N> > &stream, T *data) {
    for (unsigned t = 0; t < STEPS; t++) {
        const array<T, N> token = stream.read();
        for (unsigned n = 0; n < N; n++)
            data[t * N + n] = token[n];
    }
}

} // namespace nnet

#endif
