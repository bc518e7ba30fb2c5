"""Misses against false alarms per hour: the curve, its bounds, and the point that is reported."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from fxp_model.data.scenes import RATE_HZ, Word
from fxp_model.detector import DetectorSpec, words
from fxp_model.errors import InputError
from fxp_model.spotting.answers import Heard
from fxp_model.spotting.hits import WINDOW, Decision, Outcome, outcome

LIMIT_PER_HOUR = 1.0
"""False alarms at which a detector is reported."""
CONFIDENCE = 0.95
COARSE, FINE = 48, 16
"""Thresholds over all margins, and between the two beside each limit."""


@dataclass(frozen=True)
class Truth:
    """What is said in a stream: `words`, `others` (start, end) and its length in `hours`."""

    words: tuple[Word, ...]
    others: tuple[tuple[int, int], ...]
    hours: float

    @property
    def free_hours(self) -> float:
        """Hours outside the windows of words, in which there can be false alarms."""
        return self.hours - sum(own.end - own.start + WINDOW for own in self.words) / RATE_HZ / 3600


@dataclass(frozen=True)
class Point:
    """A detector of one `threshold`: what it decided, and what became of that."""

    threshold: int
    decisions: tuple[Decision, ...]
    outcome: Outcome

    @property
    def sha256(self) -> str:
        """Digest of (index of the answer, class) of each decision, as little-endian int64."""
        pairs = np.array([(own.answer, own.label) for own in self.decisions], dtype="<i8")
        return hashlib.sha256(pairs.tobytes()).hexdigest()


def miss_bounds(missed: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share, at `CONFIDENCE`."""
    interval = stats.binomtest(missed, of).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


def rate_bounds(events: int, hours: float) -> tuple[float, float]:
    """The exact (Garwood) interval of a Poisson rate per hour, at `CONFIDENCE`."""
    tail = (1 - CONFIDENCE) / 2
    low = special.pdtri(events - 1, 1 - tail) if events else 0.0
    return float(low) / hours, float(special.pdtri(events, tail)) / hours


def point(heard: Heard, truth: Truth, spec: DetectorSpec) -> Point:
    """What the golden detector `spec` makes of the answers."""
    said = words(spec, heard.answers)
    decisions = tuple(Decision(index, int(heard.times[index]), label) for index, label in said)
    return Point(spec.margin, decisions, outcome(decisions, truth.words, truth.others))


def allowed(own: Point, truth: Truth) -> bool:
    """Whether there are at most `LIMIT_PER_HOUR` false alarms in an hour without a word."""
    return own.outcome.false_alarms <= LIMIT_PER_HOUR * truth.free_hours


def allowed_in_all(own: Point, truth: Truth) -> bool:
    """Whether false alarms and confusions together are at most `LIMIT_PER_HOUR` in an hour of sound."""
    return own.outcome.false_alarms + own.outcome.confusions <= LIMIT_PER_HOUR * truth.hours


def curve(
    heard: Heard, truth: Truth, spec: DetectorSpec, progress: Callable[[], object] = lambda: None
) -> tuple[Point, ...]:
    """Detectors with rising thresholds in place of the margin of `spec`.

    `COARSE` thresholds in equal steps from 0 to beyond the largest margin of a word, where nothing is said;
    and, where the false alarms first come down to either limit, `FINE` between that threshold and the one
    before.

    Parameters
    ----------
    heard : Heard
    truth : Truth
    spec : DetectorSpec
    progress : callable
        Called after each threshold.

    Raises
    ------
    InputError
        The stream has no word.
    """
    if not truth.words:
        raise InputError("a stream must have at least 1 word, not 0: ask for more hours")
    said = heard.answers.margins[heard.answers.classes != (-1 if spec.silent is None else spec.silent)]
    most = int(said.max(initial=0)) + 1
    found: dict[int, Point] = {}

    def sweep(low: int, high: int, number: int) -> None:
        for threshold in np.unique(np.linspace(low, high, number).astype(np.int64)).tolist():
            if threshold not in found:
                found[threshold] = point(heard, truth, replace(spec, margin=threshold))
            progress()

    sweep(0, most, COARSE)
    rising = sorted(found)
    for rule in (allowed, allowed_in_all):
        limit = next(place for place, own in enumerate(rising) if rule(found[own], truth))
        sweep(rising[max(limit - 1, 0)], rising[limit], FINE)
    return tuple(found[threshold] for threshold in sorted(found))


def best(points: Sequence[Point], truth: Truth, rule: Callable[[Point, Truth], bool] = allowed) -> Point:
    """The point with the fewest misses among those that the `rule` allows.

    Of several with as few it is the one of the highest threshold.
    """
    return min(
        (own for own in points if rule(own, truth)), key=lambda own: (own.outcome.missed, -own.threshold)
    )
