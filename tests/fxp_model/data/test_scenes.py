"""Scenes: reproducible piece by piece, what the truth says is in the sound, and labels follow from it."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from fxp_model.data import Part, open_noise, synthesise
from fxp_model.data.dataset import Clip
from fxp_model.data.scene_frames import scene_frames, step_labels
from fxp_model.data.scenes import PIECE, RATE_HZ, Scenes, SceneSpec, Word, coloured
from fxp_model.data.word_span import word_span
from fxp_model.ear.engine import EarEngine
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from tests import scene_sounds
from tests.scene_sounds import HZ, OTHER_HZ

QUIET = SceneSpec(snr_db=(90.0, 90.0), level_db=(-30.0, -20.0), gap_s=3.0)
"""Noise of less than an lsb."""


@pytest.fixture
def noise(tmp_path):
    return scene_sounds.noise(tmp_path / "noise")


def test_a_word_is_where_it_is_loud():
    for start, end in ((3200, 8000), (0, 5000), (9000, 16000)):
        first, last = word_span(scene_sounds.burst(700, start, end), RATE_HZ)
        assert start - 480 < first <= start
        assert end <= last < end + 480


def test_a_pause_within_a_word_belongs_to_it_and_what_is_30_db_softer_does_not():
    sound = scene_sounds.burst(700, 4000, 6000) + scene_sounds.burst(700, 8000, 10000)
    first, last = word_span(sound, RATE_HZ)
    assert first <= 4000
    assert last >= 10000
    assert word_span(sound + 0.02 * scene_sounds.burst(700, 13000, 15000), RATE_HZ) == (first, last)
    with pytest.raises(InputError, match=r"^silent, must hold a word$"):
        word_span(np.zeros(1000), RATE_HZ)


def test_the_end_of_a_synthetic_word_is_before_that_of_its_clip():
    for speaker, word in itertools.product(range(3), ("ai", "sux", "tau")):
        start, end = word_span(synthesise(word, 0, speaker), RATE_HZ)
        assert 0 < start < end < RATE_HZ
        assert 0.15 * RATE_HZ < end - start < 0.95 * RATE_HZ


def test_the_truth_is_what_is_in_the_sound(noise):
    """Silence elsewhere; within a word the tone of its class, at its level."""
    clips = scene_sounds.clips()
    spans = [word_span(clip.source.audio(clip.source.content())[0], RATE_HZ) for clip in clips]
    for index in (0, 5):
        piece = Scenes(QUIET, clips, noise).piece(index)
        assert len(piece.words) > 3
        assert len(piece.others) > 3
        elsewhere = np.ones(PIECE, bool)
        levels = {word.level_db for word in piece.words}
        assert len(levels) == 1
        for word in piece.words:
            assert word.end - word.start == spans[word.label][1] - spans[word.label][0]
            own = piece.samples[word.start - index * PIECE : word.end - index * PIECE] / 2.0**15
            assert loudest_hz(own) == pytest.approx(HZ[word.label], abs=5)
            assert 10 * np.log10(np.mean(own**2)) == pytest.approx(word.level_db, abs=0.1)
            assert word.snr_db == pytest.approx(90)
        for start, end in piece.others:
            own = piece.samples[start - index * PIECE : end - index * PIECE] / 2.0**15
            assert OTHER_HZ - 5 <= loudest_hz(own) <= OTHER_HZ + 305
        for start, end in (*((word.start, word.end) for word in piece.words), *piece.others):
            elsewhere[start - index * PIECE - RATE_HZ // 20 : end - index * PIECE + RATE_HZ // 20] = False
        assert np.abs(piece.samples[elsewhere]).max() <= 1


def loudest_hz(sound):
    return np.argmax(np.abs(np.fft.rfft(sound))) * RATE_HZ / len(sound)


def test_a_piece_is_of_the_seed_and_its_number_alone(noise):
    spec = SceneSpec(gap_s=2.0, distance_m=(0.5, 2.0))
    again, other = (Scenes(own, scene_sounds.clips(), noise) for own in (spec, replace(spec, seed=1)))
    for index, piece in zip(range(3), Scenes(spec, scene_sounds.clips(), noise), strict=False):
        same = again.piece(index)
        np.testing.assert_array_equal(piece.samples, same.samples)
        assert (piece.words, piece.others) == (same.words, same.others)
        assert piece.words != other.piece(index).words
        assert not np.array_equal(piece.samples, other.piece(index).samples)


def test_words_are_a_second_apart_and_as_often_as_is_asked(noise):
    pieces = [Scenes(QUIET, scene_sounds.clips(), noise).piece(index) for index in range(30)]
    words = [(word.start, word.end) for piece in pieces for word in piece.words]
    others = [span for piece in pieces for span in piece.others]
    spans = sorted(words + others)
    gaps = [after[0] - before[1] for before, after in itertools.pairwise(spans)]
    assert min(gaps) >= RATE_HZ
    assert np.mean(gaps) / RATE_HZ == pytest.approx(3.0, rel=0.2)
    assert len(others) / len(spans) == pytest.approx(0.5, abs=0.1)
    labels = [word.label for piece in pieces for word in piece.words]
    assert np.mean(labels) == pytest.approx(0.5, abs=0.15)


def test_noise_is_as_far_below_the_words_as_is_asked_and_fades_at_equal_power(noise):
    spec = SceneSpec(snr_db=(10.0, 10.0), level_db=(-20.0, -20.0), gap_s=600.0, seed=2)
    scenes = Scenes(spec, scene_sounds.clips(), noise)
    pieces = [scenes.piece(index) for index in range(2)]
    assert [(piece.words, piece.others) for piece in pieces] == [((), ())] * 2
    sound = np.concatenate([piece.samples for piece in pieces]) / 2.0**15
    powers = 10 * np.log10(np.mean(sound.reshape(-1, RATE_HZ // 4) ** 2, axis=1))
    np.testing.assert_allclose(powers[4:], -30, atol=1)
    assert powers[0] < -35  # the stream fades in


def test_words_farther_away_are_softer_and_have_echoes(noise):
    near, far = (
        Scenes(
            replace(QUIET, level_db=(-20, -20), other_share=0.0, distance_m=(own, own)),
            scene_sounds.clips(),
            noise,
        )
        for own in (0.5, 2.0)
    )
    behind = []
    for scenes, level_db in ((near, -20 + 6.02), (far, -20 - 6.02)):
        piece = scenes.piece(0)
        word = piece.words[0]
        assert word.level_db == pytest.approx(level_db, abs=0.01)
        assert word.snr_db - word.level_db == pytest.approx(110)
        echo = piece.samples[word.end + 800 : word.end + 1600].astype(float)
        behind.append(np.sqrt(np.mean(echo**2)))
    assert min(behind) > 10
    assert 0.2 < behind[0] / behind[1] < 5  # what fills the room is as loud, however far the word


def test_a_part_of_noise_is_never_heard_in_the_other(tmp_path):
    """With one recording of other speech in a part, its tone is in no piece of the other part."""
    scenes = Scenes(QUIET, scene_sounds.clips(), scene_sounds.noise(tmp_path / "noise", Part.MEASURE))
    found = set()
    for index in range(3):
        piece = scenes.piece(index)
        for start, end in piece.others:
            own = piece.samples[start - index * PIECE : end - index * PIECE]
            found.add(round(loudest_hz(own) / 100))
    assert found == {(OTHER_HZ + 400) // 100}


def test_words_are_of_their_own_speed(noise):
    """The tone of a class rises with the speed, and its word is as much shorter."""
    clips = scene_sounds.clips()[:1]
    usual = Scenes(replace(QUIET, gap_s=1.5), clips, noise).piece(0).words[0]
    spec = replace(QUIET, speed=(0.8, 1.25), gap_s=1.5)
    scenes, found = Scenes(spec, clips, noise), []
    for index in range(4):
        piece = scenes.piece(index)
        for word in piece.words:
            own = piece.samples[word.start - index * PIECE : word.end - index * PIECE]
            found.append((loudest_hz(own) / HZ[0], (word.end - word.start) / (usual.end - usual.start)))
    speeds, lengths = np.array(found).T
    assert len(found) > 20
    assert 0.79 < speeds.min() < 0.87
    assert 1.17 < speeds.max() < 1.26
    np.testing.assert_allclose(speeds * lengths, 1, atol=0.07)
    with pytest.raises(InputError, match=r"^speed must be 0\.5\.\.2, not 3\.0$"):
        replace(spec, speed=(1.0, 3.0))


def test_other_speech_is_of_all_folders_equally_often(tmp_path):
    """In tones: those of two folders beside those in `other-words`, whatever they hold."""
    speech = []
    for number, files in enumerate((1, 7)):
        folder = tmp_path / f"speech{number}"
        folder.mkdir()
        for file in range(files):
            tone = scene_sounds.burst(OTHER_HZ + 1000 * (number + 1), 4000, 12000)
            soundfile.write(folder / f"{file}.wav", tone, RATE_HZ)
        speech.append(open_noise(folder, Part.TRAIN))
    spec = replace(QUIET, other_share=0.9, gap_s=1.5)
    scenes = Scenes(spec, scene_sounds.clips(), scene_sounds.noise(tmp_path / "noise"), speech)
    found = []
    for index in range(8):
        piece = scenes.piece(index)
        for start, end in piece.others:
            found.append(loudest_hz(piece.samples[start - index * PIECE : end - index * PIECE]))
    assert len(found) > 200
    for number in range(2):
        given = np.abs(np.array(found) - (OTHER_HZ + 1000 * (number + 1))) < 100
        assert 0.25 < given.mean() < 0.42


def _hz(sound):
    """The loudest frequency."""
    return np.abs(np.fft.rfft(sound * np.hanning(len(sound)))).argmax() * RATE_HZ / len(sound)


def test_spliced_speech_begins_as_one_recording_and_ends_as_another(noise):
    spec = SceneSpec(spliced=1, other_share=0.9, gap_s=1.5, snr_db=(60, 60), level_db=(-20, -20))
    scenes = Scenes(spec, scene_sounds.clips(), noise)
    known = np.array([*HZ, *(OTHER_HZ + 100 * number for number in range(5))])
    ends = []
    for index in range(4):
        piece = scenes.piece(index)
        for start, end in np.array(piece.others) - index * PIECE:
            third = (end - start) // 3
            told = np.array([_hz(piece.samples[at : at + third]) for at in (start, end - third)])
            away = np.abs(known[:, None] - told)
            assert away.min(axis=0).max() < 20
            ends.append(known[away.argmin(axis=0)])
    differ = [one != two for one, two in ends]
    assert len(ends) > 40
    assert 0.5 < np.mean(differ) < 1
    assert set(np.ravel(ends).tolist()) >= set(HZ)
    plain = Scenes(replace(spec, spliced=0), scene_sounds.clips(), noise).piece(0)
    assert min(_hz(plain.samples[start:end]) for start, end in plain.others) > OTHER_HZ - 20


class TwoTones(scene_sounds.Burst):
    """A word of two tones, as loud as each other."""

    def audio(self, content):
        own = (scene_sounds.burst(hz, self.start, self.end) for hz in COLOUR_HZ)
        return sum(own), RATE_HZ


COLOUR_HZ = (500, 4000)


def test_each_word_has_a_colour_of_its_own_and_keeps_its_power(noise):
    spec = replace(QUIET, level_db=(-20.0, -20.0), gap_s=1.5, other_share=0.0, colour_db=12.0)
    piece = Scenes(spec, [Clip("word", 0, None, TwoTones(0, 4800, 11200))], noise).piece(0)
    found = []
    for word in piece.words:
        cut = piece.samples[word.start : word.end] / 2**15
        assert 20 * np.log10(cut.std()) == pytest.approx(-20, abs=0.1)
        loud = np.abs(np.fft.rfft(cut * np.hanning(len(cut))))
        places = np.arange(len(loud)) * RATE_HZ / len(cut)
        low, high = (loud[np.abs(places - hz) < 50].max() for hz in COLOUR_HZ)
        found.append(20 * np.log10(high / low))
    # a difference of two gains, each within 12 dB
    assert len(found) > 20
    assert 5 < np.std(found) < 15
    assert np.abs(found).max() < 24.5
    with pytest.raises(InputError, match=r"^colour_db must be 0\.\.24, not 30\.0$"):
        replace(spec, colour_db=30.0)


def test_gains_of_a_colour_are_linear_in_db_over_octaves():
    click = np.zeros(RATE_HZ)
    click[0] = 1
    gains_db = np.array([-6.0, 3, 0, 12, -12, 5, 1])
    found_db = 20 * np.log10(np.abs(np.fft.rfft(coloured(click, gains_db))))
    np.testing.assert_allclose(found_db[[125, 250, 500, 1000, 2000, 4000, 8000]], gains_db, atol=1e-9)
    np.testing.assert_allclose(found_db[[0, 60]], -6, atol=1e-9)
    assert found_db[round(1000 * 2**0.5)] == pytest.approx(0, abs=0.02)


def test_labels_follow_the_law():
    words = [Word(16000, 24100, 1, 0, 0), Word(80000, 81000, 0, 0, 0), Word(150000, 158000, 1, 0, 0)]
    labels = step_labels(words, 0, 1200, 2, 160, 1000)
    expected = np.full(1200, 2)
    # 24100 samples end in step 150: the first step behind the word is 151
    for start, end, own in (
        *((100, 151, -1), (151, 181, 1), (181, 221, -1)),
        *((500, 507, -1), (507, 537, 0), (537, 577, -1)),
        *((937, 988, -1), (988, 1000, 1), (1000, 1058, -1)),
    ):
        expected[start:end] = own
    np.testing.assert_array_equal(labels, expected)


def test_frames_are_those_of_one_ear_that_hears_all(noise):
    ear = EarSpec.design(channels=8, sections=1)
    spec = SceneSpec(gap_s=1.5)
    scenes = Scenes(spec, scene_sounds.clips(), noise)
    seconds = []
    counts, labels = scene_frames(scenes, ear, 2, 16, 700, seconds.append)
    assert seconds == [60, 60]
    assert counts.shape == (16, 700, 8)
    pieces = [scenes.piece(index) for index in range(2)]
    whole = EarEngine(ear).step(np.concatenate([piece.samples for piece in pieces]))
    np.testing.assert_array_equal(counts.reshape(-1, 8), whole[: 16 * 700])
    words = [word for piece in pieces for word in piece.words]
    np.testing.assert_array_equal(labels.reshape(-1), step_labels(words, 0, 12000, 2, 160, 700)[: 16 * 700])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"snr_db": (-61.0, 0.0)}, r"snr_db must be -60\.\.120, not -61\.0"),
        ({"level_db": (-10.0, 1.0)}, r"level_db must be -90\.\.0, not 1\.0"),
        ({"level_db": (-10.0, -20.0)}, "level_db must be a low and a high value, not -10 and -20"),
        ({"gap_s": 0.5}, r"gap_s must be 1\.\.600, not 0\.5"),
        ({"other_share": 1.0}, r"other_share must be 0\.\.0\.9, not 1\.0"),
        ({"distance_m": (0.0, 1.0)}, r"distance_m must be 0\.1\.\.10, not 0\.0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_numbers_outside_their_limits_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        SceneSpec(**changes)


def test_recordings_that_hold_no_word_are_refused(tmp_path, noise):
    silent = tuple(replace(clip, source=scene_sounds.Burst(1, 0, 0)) for clip in scene_sounds.clips())
    with pytest.raises(InputError, match=r"^(500|1300): silent, must hold a word$"):
        Scenes(replace(QUIET, other_share=0.0), silent, noise).piece(0)
    only = replace(noise, files=tuple(path for path in noise.files if path.parent.name == "other-words"))
    with pytest.raises(InputError, match=r"^noise: must hold noise beside other-words$"):
        Scenes(QUIET, scene_sounds.clips(), only)
    for number in range(4):
        soundfile.write(
            tmp_path / "noise" / "other-words" / f"{number}.wav", np.full(6 * RATE_HZ, 0.5), RATE_HZ
        )
    with pytest.raises(InputError, match=r"wav: seconds of a word must be at most 5, not 6\.0$"):
        Scenes(QUIET, scene_sounds.clips(), noise).piece(0)


def test_an_ear_of_another_rate_is_refused(noise):
    with pytest.raises(InputError, match=r"^rate_hz of the ear of scenes must be 16000, not 8000$"):
        scene_frames(
            Scenes(QUIET, scene_sounds.clips(), noise),
            EarSpec.design(channels=8, rate_hz=8000, high_hz=3000.0),
            2,
            1,
            100,
        )
