"""The golden device: from the samples of a microphone to the answers of a network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.ear.gain import amplify
from fxp_model.ear.model import Ear
from fxp_model.ear.resampler import Resampler, ResamplerSpec
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from fxp_model.network import Network, run


class Front:
    """Gain, resampler and ear in a chain (NUMERICS.md sections 11 to 16).

    Parameters
    ----------
    ear : EarSpec
    resampler : ResamplerSpec, optional
        Where the rate of the microphone is not that of the ear.

    Attributes
    ----------
    gain : int
        In bits, 0 .. 15; may be changed between samples.
    mute : bool
        The ear hears zeros; may be changed between samples.
    ear : Ear
    clipped, peak : int
        Samples that the gain clipped, and their largest magnitude behind it.
    frames : int
        That the ear has heard.
    """

    def __init__(self, ear: EarSpec, resampler: ResamplerSpec | None = None) -> None:
        self.gain, self.mute = 0, False
        self.clipped = self.peak = self.frames = 0
        self.ear = Ear(ear)
        self._resampler = None if resampler is None else Resampler(resampler)

    def hear(self, samples: ArrayLike) -> Iterator[NDArray[np.uint8]]:
        """Counts (channels,) of each frame that ends with `samples` (n,) of the microphone.

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
        while heard.size:
            left = self.ear.spec.samples_per_frame - self.ear.state.samples
            for counts in self.ear.step(heard[:left]):
                self.frames += 1
                yield counts
            heard = heard[left:]


class Device(Front):
    """What hears, and behind it trigger and network (NUMERICS.md sections 4 to 17).

    Parameters
    ----------
    network : Network
        That answers per sample.
    ear : EarSpec
    trigger : TriggerSpec
    resampler : ResamplerSpec, optional

    Attributes
    ----------
    trigger : Trigger
        Its `spec` may be replaced between frames.
    """

    def __init__(
        self, network: Network, ear: EarSpec, trigger: TriggerSpec, resampler: ResamplerSpec | None = None
    ) -> None:
        super().__init__(ear, resampler)
        self.trigger = Trigger(trigger)
        self._network = network
        self._steps: list[NDArray[np.uint8]] = []

    def step(self, samples: ArrayLike) -> list[NDArray[np.int64]]:
        """Scores (classes,) of each sample of the network that ends with `samples` (n,) of the microphone.

        Raises
        ------
        InputError
            As `hear`.
        """
        found = []
        for counts in self.hear(samples):
            for frame in self.trigger.step(self.ear.loudness, counts):
                self._steps.append(frame.counts)
                if frame.last:
                    found.append(run(self._network, np.array(self._steps)[:, None]).scores[0])
                    self._steps = []
        return found


class StepDevice(Front):
    """What hears, and behind it a network that answers per step (NUMERICS.md section 18, "Behind an ear").

    Parameters
    ----------
    network : Network
        That answers per step.
    ear : EarSpec
    resampler : ResamplerSpec, optional
    """

    def __init__(self, network: Network, ear: EarSpec, resampler: ResamplerSpec | None = None) -> None:
        from fxp_model.engine import Engine

        super().__init__(ear, resampler)
        self._stream = Engine(network, threads=1).stream()

    def step(self, samples: ArrayLike) -> list[tuple[int, int, int]]:
        """Class, score and margin of each answer that is there with `samples` (n,) of the microphone.

        Raises
        ------
        InputError
            As `hear`.
        """
        found = []
        for counts in self.hear(samples):
            answer = self._stream.step(counts[np.newaxis]).answer
            if answer is not None:
                found.append((int(answer.classes[0]), int(answer.scores[0]), int(answer.margins[0])))
        return found

    def restart(self) -> None:
        """The next frame is step 0 of a new sequence."""
        self._stream.reset()
