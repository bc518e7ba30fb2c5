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
enum spikeline_reset { spikeline_zero, spikeline_subtract, spikeline_delayed };
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

    // Only some stages have what follows; the configurations of the others do not mention it.
    static const unsigned reset_shift = 0;          // of a delayed reset
    static const unsigned leak_rounded = 0;         // bits that are rounded off beta * v, by leak_t
    static const unsigned max_input_delay = 0;
    static const bool synapse = false;              // a synaptic current, current_t:
    static const unsigned current_bits = 1;
    static const unsigned alpha_bits = 1;
    static const unsigned alpha = 0;                // code
    static const unsigned current_sum_bits = 1;     // width of its exact sum
    static const int current_sum_int_bits = 1;
    static const unsigned current_leak_shift = 0;   // from alpha * c to the fraction of that sum
    static const unsigned current_leak_rounded = 0; // bits that are rounded off alpha * c, by current_leak_t
    static const unsigned current_shift = 0;        // from the current to the fraction of the membrane's sum
    typedef ap_fixed<2, 2> leak_t;
    typedef ap_fixed<2, 2> current_t;
    typedef ap_fixed<2, 2> current_leak_t;

    // Codes of neuron n, and the forward delay of input n: `shared`, or the item of an array that a stage has.
    static unsigned own_beta(unsigned, unsigned shared) { return shared; }
    static unsigned own_alpha(unsigned, unsigned shared) { return shared; }
    static unsigned own_v_th(unsigned, unsigned shared) { return shared; }
    static unsigned input_delay(unsigned, unsigned shared) { return shared; }
};

#ifndef __SYNTHESIS__
// Record for a testbench: while `on`, every stage appends the codes of its neurons, step by step: i_syn,
// i_rec, v_mem and spike of a cell, i_syn and v_mem of a readout; a synaptic current before v_mem. A readout with answers
// per step appends the scores after the last step, as a stage of their own.
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

// The forward delays of a stage's inputs: a line for each bit of an input or, where no input is delayed, one that is not
// used. Bit d of a line is the bit of d steps ago. Lines are never cleared: bit d of `age` says whether that step is of
// this sample.
template <typename CONFIG_T> struct spikeline_forward {
    typedef ap_uint<CONFIG_T::max_input_delay + 1> line_t;
    static const unsigned n_lines = CONFIG_T::max_input_delay == 0 ? 1 : CONFIG_T::n_in * CONFIG_T::input_bits;

    // The inputs of a step, each after its delay; a delay of 0 is this step.
    template <class token_T>
    static void take(const token_T &token, ap_uint<CONFIG_T::input_bits> in[CONFIG_T::n_in], line_t lines[n_lines],
                     const line_t &age) {
        #pragma HLS INLINE
    TakeLoop:
        for (unsigned j = 0; j < CONFIG_T::n_in; j++) {
            #pragma HLS UNROLL
            const ap_uint<CONFIG_T::input_bits> given = token[j];
            in[j] = given;
            if (CONFIG_T::max_input_delay != 0) {
                const unsigned delay = CONFIG_T::input_delay(j, 0);
            BitLoop:
                for (unsigned b = 0; b < CONFIG_T::input_bits; b++) {
                    #pragma HLS UNROLL
                    line_t &line = lines[j * CONFIG_T::input_bits + b];
                    line = (line << 1) | given[b];
                    in[j][b] = line[delay] & age[delay];
                }
            }
        }
    }
};

// A requantisation: the code of an exact sum of INT_BITS integer bits, by an assignment between ap_fixed types.
template <class fixed_T, int INT_BITS, int BITS> ap_int<fixed_T::width> spikeline_requantize(const ap_int<BITS> &sum) {
    #pragma HLS INLINE
    ap_fixed<BITS, INT_BITS> exact;
    exact.range(BITS - 1, 0) = sum.range(BITS - 1, 0);
    const fixed_T rounded = exact;
    ap_int<fixed_T::width> code;
    code.range(fixed_T::width - 1, 0) = rounded.range(fixed_T::width - 1, 0);
    return code;
}

// What is kept of a state: share * state, exact, or without its last ROUNDED bits, which kept_T rounds off. An ap_fixed
// must be wider than what is rounded off it.
template <class kept_T, int ROUNDED, int SHARE_BITS, int BITS>
ap_int<SHARE_BITS + BITS + ROUNDED> spikeline_kept(const ap_uint<SHARE_BITS> &share, const ap_int<BITS> &state) {
    #pragma HLS INLINE
    const ap_int<SHARE_BITS + BITS + ROUNDED> product = share * state;
    if (ROUNDED == 0)
        return product;
    return spikeline_requantize<kept_T, SHARE_BITS + BITS>(product);
}

// The membrane of neuron n from that of the step before and from its inputs acc + bias + rec. They are terms of its exact
// sum or, where there is a synaptic current, of that of `c`, which is a term of the membrane's then. Where the reset is
// delayed, the membrane `before` still tells whether the neuron fired.
template <typename CONFIG_T, class acc_T, class rec_T>
ap_int<CONFIG_T::membrane_bits> spikeline_integrate(bool first, unsigned n, ap_int<CONFIG_T::membrane_bits> before,
                                                    ap_int<CONFIG_T::current_bits> &c, acc_T acc,
                                                    typename CONFIG_T::bias_t bias, rec_T rec, unsigned rec_shift) {
    #pragma HLS INLINE
    typedef ap_int<CONFIG_T::sum_bits> sum_t;
    typedef ap_int<CONFIG_T::synapse ? CONFIG_T::current_sum_bits : CONFIG_T::sum_bits> inputs_t;
    const ap_int<CONFIG_T::membrane_bits> v = first ? ap_int<CONFIG_T::membrane_bits>(0) : before;
    const ap_uint<CONFIG_T::beta_bits> beta = CONFIG_T::own_beta(n, CONFIG_T::beta);
    const inputs_t inputs = (inputs_t(acc) << CONFIG_T::weight_shift) + (inputs_t(bias) << CONFIG_T::bias_shift) +
                            (inputs_t(rec) << rec_shift);
    sum_t sum = sum_t(spikeline_kept<typename CONFIG_T::leak_t, CONFIG_T::leak_rounded>(beta, v)) << CONFIG_T::leak_shift;
    if (CONFIG_T::synapse) {
        const ap_uint<CONFIG_T::alpha_bits> alpha = CONFIG_T::own_alpha(n, CONFIG_T::alpha);
        const ap_int<CONFIG_T::current_bits> last = first ? ap_int<CONFIG_T::current_bits>(0) : c;
        const ap_int<CONFIG_T::current_sum_bits> total =
            (ap_int<CONFIG_T::current_sum_bits>(
                 spikeline_kept<typename CONFIG_T::current_leak_t, CONFIG_T::current_leak_rounded>(alpha, last))
             << CONFIG_T::current_leak_shift) +
            inputs;
        c = spikeline_requantize<typename CONFIG_T::current_t, CONFIG_T::current_sum_int_bits>(total);
        sum += sum_t(c) << CONFIG_T::current_shift;
    } else {
        sum += inputs;
    }
    const ap_int<CONFIG_T::membrane_bits> v_th = CONFIG_T::own_v_th(n, CONFIG_T::v_th);
    if (CONFIG_T::reset == spikeline_delayed && v >= v_th)
        sum -= sum_t(v_th) << CONFIG_T::reset_shift;
    return spikeline_requantize<typename CONFIG_T::membrane_t, CONFIG_T::sum_int_bits>(sum);
}

// The membrane of neuron n after the reset of this step, if it is not delayed, and whether it fired: also at equality.
template <typename CONFIG_T>
ap_int<CONFIG_T::membrane_bits> spikeline_fire(unsigned n, ap_int<CONFIG_T::membrane_bits> v, ap_uint<1> &spike) {
    #pragma HLS INLINE
    const ap_int<CONFIG_T::membrane_bits> v_th = CONFIG_T::own_v_th(n, CONFIG_T::v_th);
    spike = v >= v_th ? 1 : 0;
    if (spike == 0 || CONFIG_T::reset == spikeline_delayed)
        return v;
    return CONFIG_T::reset == spikeline_zero ? ap_int<CONFIG_T::membrane_bits>(0)
                                             : ap_int<CONFIG_T::membrane_bits>(v - v_th);
}

#ifndef __SYNTHESIS__
template <typename CONFIG_T, class acc_T> long long spikeline_input(acc_T acc, typename CONFIG_T::bias_t bias) {
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
