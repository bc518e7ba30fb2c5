"""Networks of other frameworks: read as real numbers or integers, quantised, and written as NIR.

    import_network                                     a file of another framework to an artifact
    Asked, Widths                                      what its file does not say; bits of its numbers
    read_network                                       such a file, as a `FloatNetwork`, or as integers
    FloatNetwork, FloatStage, with_readout, run_float  a network in real numbers, and what it computes
    quantized, ranges_of, assumed_ranges               its integers, with formats from ranges
    read_calibration, losses, search_widths            clips, the table of losses, widths under a limit
    nir_graph, nir_bytes                               any network as a graph of NIR, and its file

Semantics and sources: docs/howto/import.md. A name is imported when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
