"""The golden device of answers per step: its parts one after the other, in pieces, and begun anew."""

import numpy as np

from fxp_model.ear.device import StepDevice
from fxp_model.ear.gain import amplify, widened
from fxp_model.ear.model import Ear
from fxp_model.network import run
from fxp_model.spec import Answer
from tests.spotters import EAR, spotter

STRIDE = 2
NETWORK = spotter(Answer.STEP, STRIDE)
FRAME = EAR.samples_per_frame


def noise(samples: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-20_000, 20_001, samples)


def answers_to(counts: np.ndarray) -> list[tuple[int, int, int]]:
    """By the golden network, all steps at once."""
    found = run(NETWORK, counts[:, np.newaxis]).answers
    assert found is not None
    return [(int(a), int(b), int(c)) for a, b, c in zip(*(column[:, 0] for column in found), strict=True)]


def test_every_frame_is_a_step_of_one_stream_in_pieces_of_any_length() -> None:
    pcm = noise(9 * FRAME + 7)
    expected = answers_to(Ear(EAR).step(pcm))
    assert len(expected) == 4
    assert len(set(expected)) > 2
    pieces, own = StepDevice(NETWORK, EAR), []
    for piece in np.split(widened(pcm), [1, FRAME - 1, FRAME, 2 * FRAME, 2 * FRAME, 700]):
        own += pieces.step(piece)
    assert own == expected
    assert pieces.frames == 9


def test_gain_and_mute_are_those_of_a_device() -> None:
    pcm = noise(8 * FRAME)
    own = StepDevice(NETWORK, EAR)
    own.gain = 2
    louder, clipped = amplify(widened(pcm), 2)
    own.mute = True
    heard = np.where(np.arange(len(pcm)) < 4 * FRAME, 0, louder)
    found = own.step(widened(pcm[: 4 * FRAME]))
    own.mute = False
    found += own.step(widened(pcm[4 * FRAME :]))
    assert found == answers_to(Ear(EAR).step(heard))
    assert own.clipped == np.count_nonzero(clipped) > 0


def test_a_new_sequence_begins_with_step_0_and_the_ear_goes_on() -> None:
    pcm = noise(9 * FRAME)
    counts = Ear(EAR).step(pcm)
    own = StepDevice(NETWORK, EAR)
    found = own.step(widened(pcm[: 5 * FRAME]))
    own.restart()
    found += own.step(widened(pcm[5 * FRAME :]))
    assert found == answers_to(counts[:5]) + answers_to(counts[5:])
