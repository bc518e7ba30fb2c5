"""A measured stream as JSON."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from fxp_model.data.scenes import RATE_HZ, Word
from fxp_model.spotting.curve import (
    CONFIDENCE,
    Point,
    Truth,
    allowed_in_all,
    best,
    miss_bounds,
    rate_bounds,
)

BIN_DB = 5
"""Width of the ranges of SNR and level that are told apart."""


def report(points: Sequence[Point], truth: Truth) -> dict[str, Any]:
    """The curve, and what there is to say of its best point with at most 1 false alarm per hour.

    `at_1_per_hour_in_all` is the point that is best if a confusion counts as a false alarm, too.
    """
    chosen = best(points, truth)
    delays = [1000 * own / RATE_HZ for own in chosen.outcome.delays if own is not None]
    return {
        "hours": truth.hours,
        "hours_without_words": truth.free_hours,
        "words": len(truth.words),
        "others": len(truth.others),
        "confidence": CONFIDENCE,
        "curve": [row(own, truth) for own in points],
        "miss_at_1_per_hour": chosen.outcome.missed / len(truth.words),
        "at_1_per_hour": row(chosen, truth),
        "at_1_per_hour_in_all": row(best(points, truth, allowed_in_all), truth),
        "latency_ms_median": statistics.median(delays) if delays else None,
        "false_alarms": {kind: getattr(chosen.outcome, kind) for kind in ("in_others", "elsewhere")},
        "by_snr_db": _by(truth.words, chosen, lambda word: word.snr_db),
        "by_level_db": _by(truth.words, chosen, lambda word: word.level_db),
        "decisions_sha256": chosen.sha256,
    }


def row(point: Point, truth: Truth) -> dict[str, Any]:
    """A threshold, its misses and its false alarms per hour, each with its bounds, and its confusions."""
    words, missed, alarms = len(truth.words), point.outcome.missed, point.outcome.false_alarms
    return {
        "threshold": point.threshold,
        "miss": missed / words,
        "miss_bounds": list(miss_bounds(missed, words)),
        "false_alarms_per_hour": alarms / truth.free_hours,
        "false_alarms_bounds": list(rate_bounds(alarms, truth.free_hours)),
        "confusions_per_hour": point.outcome.confusions / truth.hours,
    }


def _by(words: Sequence[Word], point: Point, value: Callable[[Word], float]) -> list[dict[str, Any]]:
    """Misses of the words of each range of a `value`, of `BIN_DB`, from its lower end on."""
    groups: dict[int, list[bool]] = defaultdict(list)
    for word, delay in zip(words, point.outcome.delays, strict=True):
        # rounded, as a level of 20 dB may be computed as a little less
        groups[math.floor(round(value(word), 6) / BIN_DB)].append(delay is None)
    return [
        {
            "from": BIN_DB * place,
            "to": BIN_DB * (place + 1),
            "words": len(own),
            "miss": sum(own) / len(own),
            "miss_bounds": list(miss_bounds(sum(own), len(own))),
        }
        for place, own in sorted(groups.items())
    ]
