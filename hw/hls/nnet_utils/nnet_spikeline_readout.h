#ifndef NNET_SPIKELINE_READOUT_H_
#define NNET_SPIKELINE_READOUT_H_

// The readout: leaky integrators whose membranes become class scores (fxp_model/NUMERICS.md section 7). C++11.

#include "nnet_spikeline.h"

namespace nnet {

struct spikeline_readout_config : spikeline_config {
    static const spikeline_score score = spikeline_sum;
    static const unsigned stride = 0; // steps from answer to answer, at most n_steps; 0: one answer, after the last step
};

typedef ap_int<32> spikeline_score_t;

// Answers to a sample: how many, and each as a token of all scores.
template <typename CONFIG_T> struct spikeline_answers {
    static const unsigned every = CONFIG_T::stride == 0 ? CONFIG_T::n_steps : CONFIG_T::stride;
    static const unsigned number = CONFIG_T::n_steps / every;

    template <class res_T> static void give(const spikeline_score_t scores[CONFIG_T::n_out], hls::stream<res_T> &res) {
        #pragma HLS INLINE
        res_T out;
        for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
            #pragma HLS UNROLL
            out[n] = scores[n];
        }
        res.write(out);
    }
};

// The score after one more step with membrane `v_mem` after the requantisation; `v` becomes the membrane after the reset.
template <typename CONFIG_T>
spikeline_score_t spikeline_scored(bool first, unsigned n, spikeline_score_t score,
                                   ap_int<CONFIG_T::membrane_bits> v_mem, ap_int<CONFIG_T::membrane_bits> &v) {
    #pragma HLS INLINE
    v = v_mem;
    if (CONFIG_T::score == spikeline_last)
        return v_mem;
    if (CONFIG_T::score == spikeline_max)
        return !first && score > v_mem ? score : spikeline_score_t(v_mem);
    ap_int<33> sum = first ? spikeline_score_t(0) : score;
    if (CONFIG_T::score == spikeline_spike_count) {
        ap_uint<1> spike;
        v = spikeline_fire<CONFIG_T>(n, v_mem, spike);
        sum += spike;
    } else {
        sum += v_mem;
    }
    if (sum[32] == sum[31])
        return sum;
    return sum[32] ? spikeline_score_t(-2147483647 - 1) : spikeline_score_t(2147483647);
}

template <typename CONFIG_T>
void spikeline_readout_step(bool first, const ap_uint<CONFIG_T::input_bits> in[CONFIG_T::n_in],
                            spikeline_score_t scores[CONFIG_T::n_out],
                            ap_int<CONFIG_T::membrane_bits> v[CONFIG_T::words * CONFIG_T::lanes],
                            ap_int<CONFIG_T::current_bits> c[CONFIG_T::words * CONFIG_T::lanes],
                            const typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::words * CONFIG_T::lanes],
                            const typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
    #pragma HLS INLINE
    static const unsigned n_out = CONFIG_T::n_out, lanes = CONFIG_T::lanes, words = CONFIG_T::words;

    ap_int<CONFIG_T::accumulator_bits> acc[words * lanes];
    #pragma HLS ARRAY_PARTITION variable=acc complete
    spikeline_accumulate<CONFIG_T::n_in, words, lanes>(in, weights, acc);

UpdateLoop:
    for (unsigned w = 0; w < words; w++) {
        #pragma HLS PIPELINE II=1
    LaneLoop:
        for (unsigned l = 0; l < lanes; l++) {
            #pragma HLS UNROLL
            const unsigned n = w * lanes + l;
            if (n < n_out) {
                const ap_int<CONFIG_T::membrane_bits> v_mem =
                    spikeline_integrate<CONFIG_T>(first, n, v[n], c[n], acc[n], biases[n], ap_int<1>(0), 0);
                scores[n] = spikeline_scored<CONFIG_T>(first, n, scores[n], v_mem, v[n]);
#ifndef __SYNTHESIS__
                if (spikeline_watch::get().on) {
                    spikeline_watch::add(CONFIG_T::stage, spikeline_input<CONFIG_T>(acc[n], biases[n]));
                    if (CONFIG_T::synapse)
                        spikeline_watch::add(CONFIG_T::stage, c[n].to_int64());
                    spikeline_watch::add(CONFIG_T::stage, v_mem.to_int64());
                }
#endif
            }
        }
    }
}

// io_stream: a token of all spikes per step in, a token of all scores per answer out.
template <class data_T, class res_T, typename CONFIG_T>
void spikeline_readout(hls::stream<data_T> &data, hls::stream<res_T> &res,
                       typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::words * CONFIG_T::lanes],
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
    typedef spikeline_forward<CONFIG_T> forward_t;
    typedef spikeline_answers<CONFIG_T> answers_t;
    ap_int<CONFIG_T::membrane_bits> v[CONFIG_T::words * CONFIG_T::lanes];
    ap_int<CONFIG_T::current_bits> c[CONFIG_T::words * CONFIG_T::lanes];
    static typename forward_t::line_t input_lines[forward_t::n_lines];
    typename forward_t::line_t input_age = 0;
    ap_uint<CONFIG_T::input_bits> in[CONFIG_T::n_in];
    spikeline_score_t scores[CONFIG_T::n_out];
    #pragma HLS ARRAY_PARTITION variable=v cyclic factor=CONFIG_T::lanes
    #pragma HLS ARRAY_PARTITION variable=c cyclic factor=CONFIG_T::lanes
    #pragma HLS ARRAY_PARTITION variable=input_lines complete
    #pragma HLS ARRAY_PARTITION variable=in complete
    #pragma HLS ARRAY_PARTITION variable=scores complete
    #pragma HLS ARRAY_PARTITION variable=biases cyclic factor=CONFIG_T::lanes
    unsigned since = 0; // steps since the last answer
StepLoop:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        const data_T token = data.read();
        input_age = (input_age << 1) | typename forward_t::line_t(1);
        forward_t::take(token, in, input_lines, input_age);
        spikeline_readout_step<CONFIG_T>(t == 0, in, scores, v, c, weights, biases);
        if (CONFIG_T::stride != 0 && ++since == CONFIG_T::stride) {
            answers_t::give(scores, res);
            since = 0;
        }
    }
    if (CONFIG_T::stride == 0)
        answers_t::give(scores, res);
#ifndef __SYNTHESIS__
    if (CONFIG_T::stride != 0 && spikeline_watch::get().on)
        for (unsigned n = 0; n < CONFIG_T::n_out; n++)
            spikeline_watch::add(CONFIG_T::stage + 1, scores[n].to_int64());
#endif
}

// io_parallel: whole sequences as arrays (T, N). For simulation; hardware should use streams.
template <class data_T, class res_T, typename CONFIG_T>
void spikeline_readout(data_T data[CONFIG_T::n_steps * CONFIG_T::n_in],
                       res_T res[spikeline_answers<CONFIG_T>::number * CONFIG_T::n_out],
                       typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::words * CONFIG_T::lanes],
                       typename CONFIG_T::bias_t biases[CONFIG_T::n_out]) {
    hls::stream<array<data_T, CONFIG_T::n_in> > in;
    hls::stream<array<res_T, CONFIG_T::n_out> > out;
    spikeline_to_stream<CONFIG_T::n_steps, CONFIG_T::n_in>(data, in);
    spikeline_readout<array<data_T, CONFIG_T::n_in>, array<res_T, CONFIG_T::n_out>, CONFIG_T>(in, out, weights, biases);
    spikeline_from_stream<spikeline_answers<CONFIG_T>::number, CONFIG_T::n_out>(out, res);
}

} // namespace nnet

#endif
