"""What a network answers to an endless stream of sound, by the ear that it was trained with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from fxp_model.network import Network
from fxp_model.spec import Answer
from fxp_model.trace import Answers


class Heard(NamedTuple):
    """Answers in their order.

    times : (A,) when each was there, in samples of the stream
    answers : (A, 1) what they say
    """

    times: NDArray[np.int64]
    answers: Answers


class Listener(Protocol):
    """What answers to frames as they come."""

    def hear(
        self, counts: NDArray[np.uint8], loudness: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Answers]:
        """The frames, from 1, with which answers are there, and these, to further `counts` (T, channels)."""


class StepListener:
    """A network that answers as the steps go by."""

    def __init__(self, network: Network) -> None:
        from fxp_model.engine import Engine

        self._stream = Engine(network, threads=1).stream()
        self._stride, self._frames = network.spec.readout.stride, 0

    def hear(
        self, counts: NDArray[np.uint8], loudness: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Answers]:
        """See `Listener`."""
        answers = self._stream.run(counts[:, np.newaxis]).answers
        assert answers is not None
        first = self._frames // self._stride + 1
        self._frames += len(counts)
        return self._stride * np.arange(first, first + len(answers.classes)), answers


class ClipListener:
    """A network that answers once per sample, behind the golden trigger; it is done before the next frame."""

    def __init__(self, network: Network, trigger: TriggerSpec) -> None:
        from fxp_model.engine import Engine

        self._engine, self._trigger = Engine(network, threads=1), Trigger(trigger)
        self._sample: list[NDArray[np.uint8]] = []
        self._frames = 0

    def hear(
        self, counts: NDArray[np.uint8], loudness: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Answers]:
        """See `Listener`."""
        times, scores = [], [np.zeros((0, 1, self._engine.network.spec.n_out), np.int64)]
        for frame, loud in zip(counts, loudness.tolist(), strict=True):
            self._frames += 1
            for sent in self._trigger.step(loud, frame):
                self._sample.append(sent.counts)
                if sent.last:
                    scores.append(self._engine.run(np.array(self._sample)[:, np.newaxis]).scores[np.newaxis])
                    times.append(self._frames)
                    self._sample.clear()
        return np.array(times, np.int64), Answers.of(np.concatenate(scores))


def listener_of(network: Network, trigger: TriggerSpec) -> Listener:
    """What listens with `network`; only one that answers per sample needs the `trigger`."""
    per_step = network.spec.readout.answer is Answer.STEP
    return StepListener(network) if per_step else ClipListener(network, trigger)


def heard(ear: EarSpec, listener: Listener, pieces: Iterable[ArrayLike]) -> Heard:
    """Answers to a stream of sound, which comes in `pieces` (samples,) of 16 bits at the rate of `ear`."""
    times, found = [], []
    for own, answers in _heard(ear, listener, pieces):
        times.append(own * ear.samples_per_frame)
        found.append(answers)
    return Heard(np.concatenate(times), Answers(*map(np.concatenate, zip(*found, strict=True))))


def _heard(
    ear: EarSpec, listener: Listener, pieces: Iterable[ArrayLike]
) -> Iterator[tuple[NDArray[np.int64], Answers]]:
    from fxp_model.ear.engine import EarEngine

    hearing = EarEngine(ear)
    for piece in pieces:
        counts, loudness = hearing.hear(piece)
        if len(counts) > 0:
            yield listener.hear(counts, loudness)
