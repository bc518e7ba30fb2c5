"""Spikeline's hardware: Amaranth RTL, its generation, its estimates. How a core works is in ARCHITECTURE.md.

From a network of `fxp_model` to a core:

    HardwareConfig, StageConfig, PRESETS               how wide each stage is
    emit, EmittedCore                                  one Verilog file, with its ports and probes
    build_core                                         a folder: Verilog, manifest, vectors, report, scripts

What it costs, before anything is synthesised:

    event_counts, clip_cycles, clip_intervals          cycles of clips: exact, equal to the RTL's
    estimate, Estimate, PARTS                          LUTs, registers, block RAM, DSP blocks, and the error

How a host talks to it:

    encode_sample, encode_result, encode_answers       beats of the AXI4-Streams
    register_map                                       registers on AXI4-Lite

The HLS project is in `hw.hls`; synthesis, placement and routing by open tools in `hw.flows`. A name is loaded
on first use: importing this package imports nothing else.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
