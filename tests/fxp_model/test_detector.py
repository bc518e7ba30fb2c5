"""The golden detector, beside its law in words, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.detector import Detector, DetectorSpec, words
from fxp_model.errors import InputError
from fxp_model.trace import Answers

SPECS = st.builds(
    DetectorSpec,
    margin=st.integers(0, 4),
    hold=st.integers(1, 4),
    refractory=st.integers(0, 4),
    silent=st.none() | st.integers(0, 2),
)
ANSWERS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), max_size=60)


def literal(spec, answers):
    """Words by looking back: `hold` answers in a row, heard, of one class, by enough margin."""
    said = []
    deaf_until = 0
    for index, (word, _) in enumerate(answers):
        first = index - spec.hold + 1
        row = answers[first : index + 1] if first >= deaf_until else []
        if row and word != spec.silent and all(c == word and m >= spec.margin for c, m in row):
            said.append((index, word))
            deaf_until = index + 1 + spec.refractory
    return said


@given(SPECS, ANSWERS)
def test_a_word_takes_answers_in_a_row_that_agree(spec, answers):
    columns = np.array(answers, int).reshape(-1, 2)
    run = Answers(columns[:, :1], columns[:, :1], columns[:, 1:])
    assert words(spec, run) == literal(spec, answers)


def test_a_new_spec_holds_from_the_next_answer_on():
    detector = Detector(DetectorSpec(margin=9, hold=1, refractory=0))
    assert detector.step(3, 8) is None
    detector.spec = DetectorSpec(margin=8, hold=1, refractory=0)
    assert detector.step(3, 8) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"margin": -1}, r"margin must be in 0\.\.4294967295, not -1"),
        ({"hold": 0}, r"hold must be in 1\.\.255, not 0"),
        ({"refractory": 65536}, r"refractory must be in 0\.\.65535, not 65536"),
        ({"silent": -1}, r"silent must be in 0\.\.65535, not -1"),
        ({"hold": True}, r"hold must be an integer, not True"),
    ],
)
def test_parameters_outside_their_limits_are_refused(changes, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        DetectorSpec(**({"margin": 1, "hold": 1, "refractory": 1} | changes))
