"""What a microphone gives when a recording is played to it, and what its golden receiver makes of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxp_model.ear.delta_sigma import recorded
from fxp_model.ear.gain import PCM, widened
from fxp_model.ear.pdm import SAMPLE_HZ, PdmDecimator
from fxp_model.ear.spec import EarSpec
from hw.ear import EarConfig


class Played(NamedTuple):
    """A recording (n,) at a microphone.

    given : int64
        Its codes for ``pcm``, words of 24 bits for ``i2s``, bits for ``pdm``, with those of the start-up.
    samples : (n,) int64
        Of 24 bits, as the golden receiver delivers them.
    """

    given: NDArray[np.int64]
    samples: NDArray[np.int64]

    @classmethod
    def to(cls, microphone: EarConfig, ear: EarSpec, pcm: NDArray[np.int64]) -> Played:
        """Of 16-bit `pcm` (n,) at the rate of `ear`; PDM has 0.6 of full scale, and is late."""
        if microphone.microphone == "pcm":
            return cls(pcm, widened(pcm))
        if microphone.microphone == "i2s":
            return cls(widened(pcm), widened(pcm))
        spec = microphone.pdm(ear)
        bits = recorded(np.pad(pcm, (spec.dropped, 0)) / -PCM.min_raw, SAMPLE_HZ, spec.pdm_hz)
        return cls(bits, PdmDecimator(spec).step(bits))
