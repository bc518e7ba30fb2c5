#ifndef NNET_SPIKELINE_CELL_H_
#define NNET_SPIKELINE_CELL_H_

// A hidden layer: leaky integrate-and-fire neurons with a recurrence over axonal delays, none, convolution or dense
// (fxp_model/NUMERICS.md sections 4 and 5). C++11.

#include "nnet_spikeline.h"

namespace nnet {

struct spikeline_cell_config : spikeline_config {
    static const spikeline_recurrence recurrence = spikeline_none;
    static const unsigned kernel_size = 1;     // taps K, odd; 1 where there is no kernel
    static const unsigned max_delay = 0;
    static const unsigned n_recurrent = 1;     // taps, or words of dense weights times lanes
    static const unsigned n_delays = 1;        // n_out, or 1 where there is no recurrence
    static const unsigned recurrent_bits = 1;  // width of the exact recurrent current
    static const unsigned recurrent_shift = 0; // from its fraction to that of the sum
};

// The recurrent current of neuron n, at place l of the window. `accumulate` runs before the update.
template <typename CONFIG_T, spikeline_recurrence RECURRENCE> struct spikeline_recurrent {
    typedef ap_int<CONFIG_T::recurrent_bits> rec_t;

    static void accumulate(const ap_uint<1> *, const typename CONFIG_T::recurrent_t *, rec_t *) {}

    static rec_t current(const ap_uint<1> *, unsigned, const typename CONFIG_T::recurrent_t *, const rec_t *, unsigned) {
        return 0;
    }
};

// K taps on the window.
template <typename CONFIG_T> struct spikeline_recurrent<CONFIG_T, spikeline_conv> {
    typedef ap_int<CONFIG_T::recurrent_bits> rec_t;

    static void accumulate(const ap_uint<1> *, const typename CONFIG_T::recurrent_t *, rec_t *) {}

    static rec_t current(const ap_uint<1> delayed[CONFIG_T::words * CONFIG_T::lanes + CONFIG_T::kernel_size - 1], unsigned l,
                         const typename CONFIG_T::recurrent_t recurrent[CONFIG_T::n_recurrent], const rec_t *, unsigned) {
        #pragma HLS INLINE
        #pragma HLS ARRAY_PARTITION variable=recurrent complete
        static const unsigned taps = CONFIG_T::kernel_size;
        rec_t rec = 0;
    KernelLoop:
        for (unsigned k = 0; k < taps; k++) {
            #pragma HLS UNROLL
            if (delayed[l + k] != 0)
                rec += recurrent[k];
        }
        return rec;
    }
};

// A second accumulation, of delayed spikes and N x N weights.
template <typename CONFIG_T> struct spikeline_recurrent<CONFIG_T, spikeline_dense> {
    typedef ap_int<CONFIG_T::recurrent_bits> rec_t;

    static void accumulate(const ap_uint<1> delayed[CONFIG_T::n_out],
                           const typename CONFIG_T::recurrent_t recurrent[CONFIG_T::n_recurrent],
                           rec_t acc[CONFIG_T::words * CONFIG_T::lanes]) {
        #pragma HLS INLINE
        spikeline_accumulate<CONFIG_T::n_out, CONFIG_T::words, CONFIG_T::lanes>(delayed, recurrent, acc);
    }

    static rec_t current(const ap_uint<1> *, unsigned, const typename CONFIG_T::recurrent_t *,
                         const rec_t acc[CONFIG_T::words * CONFIG_T::lanes], unsigned n) {
        #pragma HLS INLINE
        return acc[n];
    }
};

// One step. `lines` hold the past spikes of every neuron: bit d of line n is its spike of d + 1 steps ago. They are
// never cleared; bit d of `age` says whether such a spike belongs to this sample.
template <typename CONFIG_T>
void spikeline_cell_step(bool first, const ap_uint<CONFIG_T::input_bits> in[CONFIG_T::n_in],
                         ap_uint<1> spikes[CONFIG_T::n_out],
                         ap_int<CONFIG_T::membrane_bits> v[CONFIG_T::words * CONFIG_T::lanes],
                         ap_int<CONFIG_T::current_bits> c[CONFIG_T::words * CONFIG_T::lanes],
                         ap_uint<CONFIG_T::max_delay + 1> lines[CONFIG_T::n_out],
                         const ap_uint<CONFIG_T::max_delay + 1> &age,
                         const typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::words * CONFIG_T::lanes],
                         const typename CONFIG_T::bias_t biases[CONFIG_T::n_out],
                         const typename CONFIG_T::recurrent_t recurrent[CONFIG_T::n_recurrent],
                         const typename CONFIG_T::delay_t delays[CONFIG_T::n_delays]) {
    #pragma HLS INLINE
    static const unsigned n_out = CONFIG_T::n_out, lanes = CONFIG_T::lanes, words = CONFIG_T::words;
    static const unsigned taps = CONFIG_T::kernel_size, pad = (taps - 1) / 2;
    typedef spikeline_recurrent<CONFIG_T, CONFIG_T::recurrence> recurrence_t;
    typedef typename recurrence_t::rec_t rec_t;

    ap_int<CONFIG_T::accumulator_bits> acc[words * lanes];
    #pragma HLS ARRAY_PARTITION variable=acc complete
    spikeline_accumulate<CONFIG_T::n_in, words, lanes>(in, weights, acc);

    // Delayed spikes, with `pad` zeros before the first neuron and after the last.
    ap_uint<1> delayed[words * lanes + taps - 1];
    #pragma HLS ARRAY_PARTITION variable=delayed complete
TapLoop:
    for (unsigned i = 0; i < words * lanes + taps - 1; i++) {
        #pragma HLS UNROLL
        delayed[i] = 0;
        if (CONFIG_T::recurrence != spikeline_none && i >= pad && i < pad + n_out)
            delayed[i] = lines[i - pad][delays[i - pad]] & age[delays[i - pad]];
    }

    rec_t rec_acc[words * lanes];
    #pragma HLS ARRAY_PARTITION variable=rec_acc complete
    recurrence_t::accumulate(delayed, recurrent, rec_acc);

    // The update, `lanes` neurons per cycle. A window of lanes + taps - 1 delayed spikes slides along with it.
UpdateLoop:
    for (unsigned w = 0; w < words; w++) {
        #pragma HLS PIPELINE II=1
    LaneLoop:
        for (unsigned l = 0; l < lanes; l++) {
            #pragma HLS UNROLL
            const unsigned n = w * lanes + l;
            if (n < n_out) {
                const rec_t rec = recurrence_t::current(delayed, l, recurrent, rec_acc, n);
                const ap_int<CONFIG_T::membrane_bits> v_mem = spikeline_integrate<CONFIG_T>(
                    first, n, v[n], c[n], acc[n], biases[n], rec, CONFIG_T::recurrent_shift);
                v[n] = spikeline_fire<CONFIG_T>(n, v_mem, spikes[n]);
#ifndef __SYNTHESIS__
                if (spikeline_watch::get().on) {
                    spikeline_watch::add(CONFIG_T::stage, spikeline_input<CONFIG_T>(acc[n], biases[n]));
                    spikeline_watch::add(CONFIG_T::stage, rec.to_int64() << CONFIG_T::recurrent_shift);
                    if (CONFIG_T::synapse)
                        spikeline_watch::add(CONFIG_T::stage, c[n].to_int64());
                    spikeline_watch::add(CONFIG_T::stage, v_mem.to_int64());
                    spikeline_watch::add(CONFIG_T::stage, spikes[n].to_int64());
                }
#endif
            }
        }
    SlideLoop:
        for (unsigned i = 0; i < words * lanes + taps - 1; i++) {
            #pragma HLS UNROLL
            delayed[i] = i + lanes < words * lanes + taps - 1 ? delayed[i + lanes] : ap_uint<1>(0);
        }
    }

    // All lines shift together, once per step: one tap each and no reset, so they map to shift registers in LUTs.
ShiftLoop:
    for (unsigned n = 0; n < n_out; n++) {
        #pragma HLS UNROLL
        lines[n] = (lines[n] << 1) | spikes[n];
    }
}

// io_stream: a token of all inputs per step in, a token of all spikes per step out.
template <class data_T, class res_T, typename CONFIG_T>
void spikeline_cell(hls::stream<data_T> &data, hls::stream<res_T> &res,
                    typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::words * CONFIG_T::lanes],
                    typename CONFIG_T::bias_t biases[CONFIG_T::n_out],
                    typename CONFIG_T::recurrent_t recurrent[CONFIG_T::n_recurrent],
                    typename CONFIG_T::delay_t delays[CONFIG_T::n_delays]) {
    typedef spikeline_forward<CONFIG_T> forward_t;
    ap_int<CONFIG_T::membrane_bits> v[CONFIG_T::words * CONFIG_T::lanes];
    ap_int<CONFIG_T::current_bits> c[CONFIG_T::words * CONFIG_T::lanes];
    static typename forward_t::line_t input_lines[forward_t::n_lines];
    typename forward_t::line_t input_age = 0;
    static ap_uint<CONFIG_T::max_delay + 1> lines[CONFIG_T::n_out];
    ap_uint<CONFIG_T::max_delay + 1> age = 0;
    ap_uint<CONFIG_T::input_bits> in[CONFIG_T::n_in];
    ap_uint<1> spikes[CONFIG_T::n_out];
    #pragma HLS ARRAY_PARTITION variable=v cyclic factor=CONFIG_T::lanes
    #pragma HLS ARRAY_PARTITION variable=c cyclic factor=CONFIG_T::lanes
    #pragma HLS ARRAY_PARTITION variable=input_lines complete
    #pragma HLS ARRAY_PARTITION variable=lines complete
    #pragma HLS ARRAY_PARTITION variable=in complete
    #pragma HLS ARRAY_PARTITION variable=spikes complete
    #pragma HLS ARRAY_PARTITION variable=delays complete
    #pragma HLS ARRAY_PARTITION variable=biases cyclic factor=CONFIG_T::lanes
StepLoop:
    for (unsigned t = 0; t < CONFIG_T::n_steps; t++) {
        const data_T token = data.read();
        input_age = (input_age << 1) | typename forward_t::line_t(1);
        forward_t::take(token, in, input_lines, input_age);
        spikeline_cell_step<CONFIG_T>(t == 0, in, spikes, v, c, lines, age, weights, biases, recurrent, delays);
        age = (age << 1) | ap_uint<CONFIG_T::max_delay + 1>(1);
        res_T out;
        for (unsigned n = 0; n < CONFIG_T::n_out; n++) {
            #pragma HLS UNROLL
            out[n] = spikes[n];
        }
        res.write(out);
    }
}

// io_parallel: whole sequences as arrays (T, N). For simulation; hardware should use streams.
template <class data_T, class res_T, typename CONFIG_T>
void spikeline_cell(data_T data[CONFIG_T::n_steps * CONFIG_T::n_in], res_T res[CONFIG_T::n_steps * CONFIG_T::n_out],
                    typename CONFIG_T::weight_t weights[CONFIG_T::n_in * CONFIG_T::words * CONFIG_T::lanes],
                    typename CONFIG_T::bias_t biases[CONFIG_T::n_out],
                    typename CONFIG_T::recurrent_t recurrent[CONFIG_T::n_recurrent],
                    typename CONFIG_T::delay_t delays[CONFIG_T::n_delays]) {
    hls::stream<array<data_T, CONFIG_T::n_in> > in;
    hls::stream<array<res_T, CONFIG_T::n_out> > out;
    spikeline_to_stream<CONFIG_T::n_steps, CONFIG_T::n_in>(data, in);
    spikeline_cell<array<data_T, CONFIG_T::n_in>, array<res_T, CONFIG_T::n_out>, CONFIG_T>(in, out, weights, biases,
                                                                                           recurrent, delays);
    spikeline_from_stream<CONFIG_T::n_steps, CONFIG_T::n_out>(out, res);
}

} // namespace nnet

#endif
