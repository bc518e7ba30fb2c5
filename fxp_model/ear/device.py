"""The golden device: from the samples of a microphone to the scores of a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.ear.gain import amplify
from fxp_model.ear.model import Ear
from fxp_model.ear.resampler import Resampler, ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from fxp_model.network import Network, run


class Device:
    """Gain, resampler, ear, trigger and network in a chain (NUMERICS.md sections 4 to 17).

    Parameters
    ----------
    network : Network
    ear : EarSpec
    trigger : TriggerSpec
    resampler : ResamplerSpec, optional
        Where the rate of the microphone is not that of the ear.

    Attributes
    ----------
    gain : int
        In bits, 0 .. 15; may be changed between samples.
    mute : bool
        The ear hears zeros; may be changed between samples.
    ear : Ear
    trigger : Trigger
        Its `spec` may be replaced between frames.
    clipped, peak : int
        Samples that the gain clipped, and their largest magnitude behind it.
    frames : int
        That the ear has heard.
    """

    def __init__(
        self, network: Network, ear: EarSpec, trigger: TriggerSpec, resampler: ResamplerSpec | None = None
    ) -> None:
        self.gain, self.mute = 0, False
        self.trigger = Trigger(trigger)
        self.clipped = self.peak = self.frames = 0
        self._network, self.ear = network, Ear(ear)
        self._resampler = None if resampler is None else Resampler(resampler)
        self._steps: list[NDArray[np.uint8]] = []

    def step(self, samples: ArrayLike) -> list[NDArray[np.int64]]:
        """Scores (classes,) of each sample of the network that ends with `samples` (n,) of the microphone.

        Raises
        ------
        InputError
            `samples` are not (n,) codes of `fxp_model.ear.gain.SAMPLE`.
        """
        pcm, clipped = amplify(samples, self.gain)
        self.clipped += int(np.count_nonzero(clipped))
        self.peak = max(self.peak, int(np.abs(pcm).max(initial=0)))
        if self._resampler is not None:
            pcm = self._resampler.step(pcm)
        heard = np.zeros_like(pcm) if self.mute else pcm
        found = []
        while heard.size:
            left = self.ear.spec.samples_per_frame - self.ear.state.samples
            for counts in self.ear.step(heard[:left]):
                found += self._end_frame(counts)
            heard = heard[left:]
        return found

    def _end_frame(self, counts: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
        self.frames += 1
        found = []
        for frame in self.trigger.step(self.ear.loudness, counts):
            self._steps.append(frame.counts)
            if frame.last:
                found.append(run(self._network, np.array(self._steps)[:, None]).scores[0])
                self._steps = []
        return found
