#ifndef SPIKELINE_AP_AXI_SDATA_H_
#define SPIKELINE_AP_AXI_SDATA_H_

// Replaces the vendor's header of this name when the project is compiled with g++ alone: a beat of an
// AXI4-Stream, without the side channels that the shell does not use. Vitis and Vivado use their own.

#include "ap_int.h"

template <int D, int U, int TI, int TD> struct ap_axiu {
    ap_uint<D> data;
    ap_uint<(D + 7) / 8> keep;
    ap_uint<(D + 7) / 8> strb;
    ap_uint<1> last;
};

#endif
