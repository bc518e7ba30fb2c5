"""Spotting: answers equal those of the golden models, the law of hits, the curve and its bounds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fxp_model.data.scenes import Word
from fxp_model.detector import DetectorSpec, words
from fxp_model.ear.model import Ear
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import Trigger, TriggerSpec
from fxp_model.errors import InputError
from fxp_model.network import run
from fxp_model.spec import Answer
from fxp_model.spotting.answers import ClipListener, Heard, StepListener, heard, listener_of
from fxp_model.spotting.curve import (
    Point,
    Truth,
    allowed,
    allowed_in_all,
    best,
    curve,
    miss_bounds,
    point,
    rate_bounds,
)
from fxp_model.spotting.hits import Decision, Outcome, outcome
from fxp_model.spotting.report import report
from fxp_model.trace import Answers
from tests.scene_sounds import burst
from tests.spotters import EAR, spotter

TRIGGER = TriggerSpec(rise=32, fall=16, onset=2, preroll=5, duration=20, hold=3)


@pytest.fixture(scope="module")
def sound():
    """Two seconds: bursts in hiss, in pieces that end within frames."""
    hiss = np.random.default_rng(0).normal(0, 20, 32000)
    said = sum(burst(hz, start, start + 3000, 32000) for hz, start in ((500, 9000), (1300, 18000)))
    samples = np.rint(hiss + 2**15 * said).astype(np.int64)
    return np.split(samples, [1000, 1100, 7000, 25000])


@pytest.fixture(scope="module")
def golden(sound):
    """Counts (T, channels) and loudness of the golden ear."""
    ear = Ear(EAR)
    frames = []
    for samples in np.concatenate(sound).reshape(-1, EAR.samples_per_frame):
        frames.append((ear.step(samples)[0], ear.loudness))
    return frames


@pytest.mark.parametrize("stride", [1, 3])
def test_answers_per_step_are_those_of_the_golden_run(sound, golden, stride):
    network = spotter(Answer.STEP, stride)
    found = heard(EAR, listener_of(network, TRIGGER), sound)
    expected = run(network, np.array([counts for counts, _ in golden])[:, np.newaxis]).answers
    for own, theirs in zip(found.answers, expected, strict=True):
        np.testing.assert_array_equal(own, theirs)
    assert len(set(expected.classes[:, 0].tolist())) > 1
    np.testing.assert_array_equal(found.times, 160 * stride * np.arange(1, 200 // stride + 1))
    spec = DetectorSpec(margin=1, hold=2, refractory=3, silent=2)
    truth = Truth((), (), 1.0)
    decided = [(own.answer, own.label) for own in point(found, truth, spec).decisions]
    assert decided == words(spec, expected)
    assert decided != []


def test_answers_per_sample_are_those_of_the_golden_run_behind_the_golden_trigger(sound, golden):
    network = spotter(Answer.SAMPLE)
    found = heard(EAR, listener_of(network, TRIGGER), sound)
    trigger, sample, times, classes = Trigger(TRIGGER), [], [], []
    for frame, (counts, loudness) in enumerate(golden, start=1):
        for sent in trigger.step(loudness, counts):
            sample.append(sent.counts)
            if sent.last:
                scores = run(network, np.array(sample)[:, np.newaxis]).scores
                classes.append([int(own[0]) for own in Answers.of(scores)])
                times.append(160 * frame)
                sample = []
    assert len(times) == 2
    assert found.times.tolist() == times
    assert np.stack(found.answers)[:, :, 0].T.tolist() == classes


def test_a_stream_in_which_nothing_is_loud_has_no_answer():
    found = heard(EAR, ClipListener(spotter(Answer.SAMPLE), TRIGGER), [np.zeros(1600, np.int64)])
    assert found.times.tolist() == []
    assert found.answers.classes.shape == (0, 1)
    assert isinstance(listener_of(spotter(Answer.STEP), TRIGGER), StepListener)


WORDS = (Word(16000, 24000, 1, -20, 20), Word(48000, 56000, 0, -30, 10), Word(95000, 103000, 1, -20, 20))


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], ((None, None, None), 0, 0, 0)),
        ([(16000, 1)], ((-8000, None, None), 0, 0, 0)),
        ([(15999, 1)], ((None, None, None), 0, 0, 1)),
        ([(40000, 1)], ((16000, None, None), 0, 0, 0)),
        ([(40001, 1)], ((None, None, None), 0, 0, 1)),
        ([(20000, 0)], ((None, None, None), 1, 0, 0)),
        ([(20000, 0), (23000, 1), (26000, 1)], ((-1000, None, None), 2, 0, 0)),
        ([(75000, 1)], ((None, None, None), 0, 1, 0)),
        ([(73000, 1), (91500, 1), (91501, 1)], ((None, None, None), 0, 1, 2)),
        ([(25000, 1), (57000, 0), (104000, 1)], ((1000, 1000, 1000), 0, 0, 0)),
        ([(200000, 1)], ((None, None, None), 0, 0, 1)),
    ],
)
def test_the_law_of_hits_and_false_alarms(decisions, expected):
    said = [Decision(number, *own) for number, own in enumerate(decisions)]
    found = outcome(said, WORDS, [(74000, 75500)])
    assert found == Outcome(*expected)
    assert found.missed == expected[0].count(None)
    assert found.false_alarms == sum(expected[2:])
    assert len(said) == len(WORDS) - found.missed + found.confusions + found.false_alarms


def stream(seed, answers=400):
    """Answers at random, of classes 0 to 2, and words between them."""
    rng = np.random.default_rng(seed)
    classes, margins = rng.integers(0, 3, (answers, 1)), rng.integers(0, 100, (answers, 1))
    starts = np.arange(20) * 80000 + 16000
    spoken = tuple(Word(start, start + 8000, int(rng.integers(2)), -20.0, 20.0) for start in starts.tolist())
    others = tuple((start + 40000, start + 46000) for start in starts.tolist())
    times = 4000 * np.arange(1, answers + 1)
    return Heard(times, Answers(classes, margins, margins)), Truth(spoken, others, 20.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_without_hold_and_rest_a_higher_threshold_misses_more_and_alarms_less(seed):
    found, truth = stream(seed)
    points = curve(found, truth, DetectorSpec(margin=0, hold=1, refractory=0, silent=2))
    for low, high in itertools.pairwise(points):
        assert low.threshold < high.threshold
        assert low.outcome.missed <= high.outcome.missed
        assert low.outcome.false_alarms >= high.outcome.false_alarms
    assert points[0].threshold == 0
    assert points[-1].decisions == ()
    assert points[-1].outcome.missed == 20


@pytest.mark.parametrize(("hold", "refractory"), [(1, 0), (2, 3), (1, 10)])
def test_the_best_point_is_the_one_of_fewest_misses_among_those_allowed(hold, refractory):
    found, truth = stream(1)
    spec = DetectorSpec(margin=0, hold=hold, refractory=refractory, silent=2)
    points = curve(found, truth, spec)
    chosen = best(points, truth)
    in_all = best(points, truth, allowed_in_all)
    fit = [own for own in points if own.outcome.false_alarms <= truth.free_hours]
    fit_in_all = [own for own in points if own.outcome.false_alarms + own.outcome.confusions <= 20]
    assert len(fit) > len(fit_in_all) > 1
    for one, among in ((chosen, fit), (in_all, fit_in_all)):
        assert one in among
        assert one.outcome.missed == min(own.outcome.missed for own in among)
        assert one == point(found, truth, replace(spec, margin=one.threshold))
    assert chosen.outcome.missed <= in_all.outcome.missed


def test_hours_without_words_are_those_outside_their_windows():
    assert Truth(WORDS, (), 2.0).free_hours == pytest.approx(2.0 - 3 * (0.5 + 1.0) / 3600)


def test_the_sweep_is_fine_where_the_limit_is():
    """Margins of 0..99999: the thresholds on both sides of the limit are nearer than the coarse steps are."""
    rng = np.random.default_rng(2)
    found, truth = stream(2)
    margins = rng.integers(0, 100_000, (400, 1))
    found = Heard(found.times, Answers(found.answers.classes, margins, margins))
    points = curve(found, truth, DetectorSpec(margin=0, hold=1, refractory=0, silent=2))
    for rule in (allowed, allowed_in_all):
        over = max(own.threshold for own in points if not rule(own, truth))
        under = min(own.threshold for own in points if rule(own, truth))
        assert 0 < under - over < 100_000 / 47 / 10


def test_a_stream_without_words_is_refused():
    found, truth = stream(0)
    with pytest.raises(InputError, match=r"^a stream must have at least 1 word, not 0: ask for more hours$"):
        curve(found, replace(truth, words=()), DetectorSpec(margin=0, hold=1, refractory=0))


def test_bounds_are_those_of_their_definitions():
    """Garwood's ends leave 2.5 % on each side; Wilson's solve |p - k / n| = z sqrt(p (1 - p) / n)."""
    for events, hours in ((0, 2.0), (1, 2.0), (7, 0.5)):
        low, high = rate_bounds(events, hours)
        assert stats.poisson.cdf(events, high * hours) == pytest.approx(0.025)
        if events:
            assert stats.poisson.sf(events - 1, low * hours) == pytest.approx(0.025)
        else:
            assert low == 0
    z = stats.norm.ppf(0.975)
    for missed, of in ((1, 10), (60, 100)):
        for edge in miss_bounds(missed, of):
            assert abs(edge - missed / of) == pytest.approx(z * np.sqrt(edge * (1 - edge) / of))
    assert miss_bounds(0, 10)[0] == pytest.approx(0, abs=1e-12)


def test_a_report_says_what_its_point_does():
    decisions = (Decision(4, 25600, 1), Decision(9, 57600, 0), Decision(11, 76500, 1))
    truth = Truth(WORDS, ((74000, 75500),), 2.0)
    nothing = Point(9, (), outcome((), WORDS))
    own = Point(5, decisions, outcome(decisions, truth.words, truth.others))
    found = report([own, nothing], truth)
    assert found["hours"] == 2.0
    assert found["words"] == 3
    assert found["miss_at_1_per_hour"] == 1 / 3
    assert found["latency_ms_median"] == 100.0
    assert found["false_alarms"] == {"in_others": 1, "elsewhere": 0}
    assert [row["threshold"] for row in found["curve"]] == [5, 9]
    assert [row["false_alarms_per_hour"] for row in found["curve"]] == [1 / truth.free_hours, 0.0]
    assert [row["confusions_per_hour"] for row in found["curve"]] == [0.0, 0.0]
    assert found["at_1_per_hour_in_all"] == found["curve"][0]
    assert [row["miss"] for row in found["curve"]] == [1 / 3, 1.0]
    assert [(row["from"], row["words"], row["miss"]) for row in found["by_snr_db"]] == [
        (10, 1, 0.0),
        (20, 2, 0.5),
    ]
    assert [(row["from"], row["words"]) for row in found["by_level_db"]] == [(-30, 1), (-20, 2)]
    assert found["decisions_sha256"] == own.sha256 != nothing.sha256
    only = report([nothing], truth)
    assert only["latency_ms_median"] is None
    assert only["miss_at_1_per_hour"] == 1.0


def test_the_digest_is_of_answers_and_classes():
    first = Point(5, (Decision(4, 25600, 1),), outcome((), WORDS))
    assert first.sha256 == replace(first, threshold=7, decisions=(Decision(4, 99, 1),)).sha256
    for other in (Decision(5, 25600, 1), Decision(4, 25600, 0)):
        assert first.sha256 != replace(first, decisions=(other,)).sha256


def test_the_ear_of_the_spotter_is_the_smallest():
    assert EarSpec.design(channels=8, sections=1) == EAR
