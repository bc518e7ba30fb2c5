"""The detector behind an artifact, and its usual numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fxp_model.artifact import Artifact
from fxp_model.data.scene_frames import NONE
from fxp_model.detector import MAX_HOLD, MAX_REFRACTORY, DetectorSpec
from fxp_model.ear.spec import FRAME_MS
from fxp_model.errors import InputError
from fxp_model.options import whole
from fxp_model.spec import Answer

HOLD_MS, REFRACTORY_MS = 80, 700
"""Usual of a network that answers per step. A word that is held as long is no slip of a single answer; and
networks are trained to say it for 300 ms and may go on for 400 ms, while the next word may end 1 s after the
one before."""


def add_detector_options(add: Callable[..., Any]) -> None:
    """Give a script ``--hold`` and ``--refractory``, by the `add_argument` of a parser or group."""
    hold = f"answers in a row that a word takes (default: those of {HOLD_MS} ms)"
    rest = f"answers after a word without another (default: those of {REFRACTORY_MS} ms)"
    add("--hold", type=whole(1, MAX_HOLD), help=hold)
    add("--refractory", type=whole(0, MAX_REFRACTORY), help=rest)


def detector_of(
    artifact: Artifact, hold: int | None, refractory: int | None, margin: int | None = None
) -> DetectorSpec:
    """The detector behind `artifact`, of usual numbers where none are given, and no margin.

    The class that means none of the words is the one of that name, if there is one.

    Raises
    ------
    InputError
        A number is given for a network that answers per sample.
    """
    silent = artifact.labels.index(NONE) if NONE in artifact.labels else None
    readout = artifact.network.spec.readout
    if readout.answer is not Answer.STEP:
        given = {"--margin": margin, "--hold": hold, "--refractory": refractory}
        if any(value is not None for value in given.values()):
            names = "--hold and --refractory" if margin is None else "--margin, --hold and --refractory"
            raise InputError(f"{artifact.name} answers per sample; {names} are for answers per step")
        return DetectorSpec(margin=0, hold=1, refractory=0, silent=silent)
    answer_ms = FRAME_MS * readout.stride
    return DetectorSpec(
        margin=margin or 0,
        hold=max(1, round(HOLD_MS / answer_ms)) if hold is None else hold,
        refractory=round(REFRACTORY_MS / answer_ms) if refractory is None else refractory,
        silent=silent,
    )
