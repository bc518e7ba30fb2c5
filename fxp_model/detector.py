"""The golden detector: which word was said, from answers per step (NUMERICS.md section 18)."""

from __future__ import annotations

from dataclasses import dataclass

from fxp_model.checks import check_type
from fxp_model.encoding import check_limit
from fxp_model.errors import InputError, shown
from fxp_model.trace import Answers

MAX_MARGIN = (1 << 32) - 1
MAX_HOLD, MAX_REFRACTORY = 255, 65535


@dataclass(frozen=True, kw_only=True)
class DetectorSpec:
    """Integers of a detector.

    Parameters
    ----------
    margin : int
        By which a class leads at least, in lsb of the scores; 0..2**32 - 1.
    hold : int
        Answers in a row that a word takes, 1..255.
    refractory : int
        Answers after a word in which there is no other, 0..65535.
    silent : int or None
        The class that means none of the others, and is never said; None: there is no such class.

    Raises
    ------
    InputError
        A parameter is outside its limits.
    """

    margin: int
    hold: int
    refractory: int
    silent: int | None = None

    def __post_init__(self) -> None:
        limits = {"margin": (0, MAX_MARGIN), "hold": (1, MAX_HOLD), "refractory": (0, MAX_REFRACTORY)}
        if self.silent is not None:
            limits["silent"] = (0, (1 << 16) - 1)
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise InputError(f"{name} must be an integer, not {shown(value)}")
            check_limit(name, value, low <= value <= high, f"in {low}..{high}")


class Detector:
    """A detector that is told of answers as they come.

    Parameters
    ----------
    spec : DetectorSpec
        May be replaced between answers.
    """

    def __init__(self, spec: DetectorSpec) -> None:
        check_type("spec", spec, DetectorSpec)
        self.spec = spec
        self._leader, self._held, self._rest = 0, 0, 0

    def step(self, leader: int, margin: int) -> int | None:
        """The word that is said with an answer of class `leader` and `margin`, or None."""
        spec = self.spec
        if self._rest:
            self._rest -= 1
            return None
        held = self._held if leader == self._leader else 0
        self._leader = leader
        leads = leader != spec.silent and margin >= spec.margin
        self._held = held + 1 if leads else 0
        if self._held < spec.hold:
            return None
        self._held, self._rest = 0, spec.refractory
        return leader


def words(spec: DetectorSpec, answers: Answers, sample: int = 0) -> list[tuple[int, int]]:
    """Index of the answer, and class, of every word that a detector hears in one sample of a run.

    Answers of class -1, after the end of the sample, are none.
    """
    detector = Detector(spec)
    there = answers.classes[:, sample] >= 0
    pairs = zip(answers.classes[there, sample], answers.margins[there, sample], strict=True)
    heard = ((index, detector.step(int(leader), int(margin))) for index, (leader, margin) in enumerate(pairs))
    return [(index, word) for index, word in heard if word is not None]
