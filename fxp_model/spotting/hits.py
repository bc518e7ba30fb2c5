"""Which decisions are hits, and which are false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fxp_model.data.scenes import LEAST_GAP_S, RATE_HZ, Word

WINDOW = int(LEAST_GAP_S * RATE_HZ)
"""Samples after the end of a word in which it may still be said."""


class Decision(NamedTuple):
    """That a word was said.

    answer : index of the answer that said it
    time : when, in samples of the stream
    label : class
    """

    answer: int
    time: int
    label: int


@dataclass(frozen=True)
class Outcome:
    """What became of the words of a stream, and of the decisions.

    delays : of each word, samples from its end to the decision that found it, negative before the end; None
        if it was missed
    confusions : decisions between the start of a word and a second after its end for another class, or again
    in_others : false alarms while, or up to a second after, other speech is heard
    elsewhere : all other false alarms
    """

    delays: tuple[int | None, ...]
    confusions: int
    in_others: int
    elsewhere: int

    @property
    def missed(self) -> int:
        """Words that no decision found."""
        return self.delays.count(None)

    @property
    def false_alarms(self) -> int:
        """All of them: decisions where no keyword is."""
        return self.in_others + self.elsewhere


def outcome(
    decisions: Sequence[Decision], words: Sequence[Word], others: Sequence[tuple[int, int]] = ()
) -> Outcome:
    """Hits, confusions and false alarms.

    The window of a word is from its start to a second after its end, both inclusive; windows do not overlap.
    The first decision of the right class in a window is a hit, every other one in a window is a confusion:
    another class, or the same again. A decision in no window is a false alarm.

    Parameters
    ----------
    decisions : sequence of Decision
        In order of time.
    words : sequence of Word
        In order of time, at least a second between two.
    others : sequence of (start, end)
        Other speech, likewise.
    """
    delays: list[int | None] = [None] * len(words)
    kinds = {"confusions": 0, "in_others": 0, "elsewhere": 0}
    spans = [(word.start, word.end) for word in words]
    own = other = 0
    for decision in decisions:
        own, other = _behind(spans, own, decision.time), _behind(others, other, decision.time)
        inside = own < len(words) and words[own].start <= decision.time
        if inside and words[own].label == decision.label and delays[own] is None:
            delays[own] = decision.time - words[own].end
        elif inside:
            kinds["confusions"] += 1
        elif other < len(others) and others[other][0] <= decision.time:
            kinds["in_others"] += 1
        else:
            kinds["elsewhere"] += 1
    return Outcome(tuple(delays), **kinds)


def _behind(spans: Sequence[tuple[int, int]], place: int, time: int) -> int:
    """Index of the first of `spans`, from `place` on, whose window has not ended at `time`."""
    while place < len(spans) and spans[place][1] + WINDOW < time:
        place += 1
    return place
