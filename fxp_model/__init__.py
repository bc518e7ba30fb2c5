"""Spikeline's fixed-point model: numbers, networks, data and training. Every number's law is NUMERICS.md.

A network by hand, from arrays of integers, or one that was trained:

    QFormat, Rounding, Overflow, requantize            numbers
    NetworkSpec, LayerSpec, RecurrenceSpec, ReadoutSpec  what a network is
    RecurrenceKind, ResetMode, ReadoutMode             its choices
    StageParams, Network                               its integers
    save_artifact, load_artifact, Artifact             on disk
    bundled, find                                      artifacts that come with Spikeline

What it computes, every current, membrane, spike and score:

    run                                                the golden model: numpy, the reference
    Engine                                             the same integers, compiled: spikeline[engine]
    Trace                                              what both give; `first_mismatch` compares two
    evaluate                                           accuracy on labelled counts

What a microphone hears, as counts, sample by sample:

    EarSpec                                            the integers of an ear: filters, level, neurons
    Ear                                                the golden model: numpy, the reference
    EarEngine                                          the same integers, compiled: spikeline[engine]

Sound and spikes as counts, with spikeline[data]:

    open_dataset, load_frames, frames_for              a folder of recordings, SHD, SSC or ``synthetic``

`InputError` is what they raise for input that is not usable. Training is in `fxp_model.qat`, hardware in the
package `hw`. A name is loaded when it is used: to import this package imports nothing else.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
