"""Networks of other frameworks: read as real numbers or integers, quantised, and written as NIR.

    read_network      a file of NIR, Lava, snnTorch, DelRec or numpy
    FloatNetwork      what it computes in real numbers, and `run_float`, which computes it
    quantized         its integers, with formats from `ranges_of` calibration clips
    losses            what each stage lost by that
    nir_graph         any network as a graph of NIR

Sources of the semantics: docs/howto/import.md.
"""
