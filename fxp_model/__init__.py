"""Spikeline's fixed-point model: formats, networks, data and training. NUMERICS.md defines the arithmetic.

A network, written by hand as arrays of integers or trained:

    QFormat, Rounding, Overflow, requantize            fixed-point numbers
    NetworkSpec, LayerSpec, ReadoutSpec                the spec of a network
    RecurrenceSpec, SynapseSpec                        of a recurrence, of a synaptic current
    RecurrenceKind, ResetMode, ReadoutMode, Answer     its options
    StageParams, Network                               its integer parameters
    save_artifact, load_artifact, Artifact             on disk
    bundled, find                                      artifacts that come with Spikeline

What it computes, every current, membrane potential, spike and score:

    run                                                the golden model: numpy, the reference
    Engine                                             the same integers, compiled: spikeline[engine]
    Trace                                              what both return; `first_mismatch` compares two
    Answers                                            class, score and margin after each step
    Detector, DetectorSpec                             which word these say
    evaluate                                           accuracy on labelled counts

What a microphone hears, as counts, sample by sample:

    EarSpec                                            the integers of an ear: filters, level, neurons
    Ear                                                the golden model: numpy, the reference
    EarEngine                                          the same integers, compiled: spikeline[engine]

Audio and spikes as counts, with spikeline[data]:

    open_dataset, load_frames, frames_for              a folder of recordings, SHD, SSC or ``synthetic``

They raise `InputError` for invalid input. Training is in `fxp_model.qat`, hardware in the
package `hw`. A name is imported when it is first used: importing this package imports nothing else.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
