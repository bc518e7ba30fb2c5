"""Networks as npz files of numpy."""

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.read import read_network
from fxp_model.spec import ReadoutMode, ResetMode

RNG = np.random.default_rng(0)
ARRAYS = {
    "layer0.weight": RNG.normal(size=(4, 3)),
    "layer0.beta": np.array(0.9),
    "layer0.v_th": np.full(4, 1.5),
    "layer0.recurrent": RNG.normal(size=3),
    "layer0.delay_steps": np.array([0, 1, 2, 3]),
    "layer1.weight": RNG.normal(size=(2, 4)),
    "layer1.beta": np.full(2, 0.5),
    "layer1.alpha": np.array(0.25),
    "layer1.v_th": np.array(1.0),
    "layer1.input_delay_steps": np.array([0, 0, 5, 0]),
    "readout.weight": RNG.normal(size=(3, 2)).astype(np.float32),
    "readout.bias": np.ones(3),
    "readout.beta": np.array(0.75),
}
SAID = Asked(reset=ResetMode.SUBTRACT, readout=ReadoutMode.MAX)


def read(tmp_path, changes=(), asked=SAID):
    arrays = {key: value for key, value in (ARRAYS | dict(changes)).items() if value is not None}
    np.savez(tmp_path / "net.npz", **arrays)
    return read_network(tmp_path / "net.npz", asked)


def test_arrays_are_the_stages(tmp_path):
    one, two, readout = read(tmp_path).stages
    assert one.recurrent.tolist() == ARRAYS["layer0.recurrent"].tolist()
    assert one.delay_steps.tolist() == [0, 1, 2, 3]
    assert one.beta.tolist() == [0.9] * 4
    assert (one.reset, one.strict) == (ResetMode.SUBTRACT, False)
    assert two.alpha.tolist() == [0.25, 0.25]
    assert two.input_delay_steps.tolist() == [0, 0, 5, 0]
    assert readout.bias.tolist() == [1, 1, 1]
    assert readout.v_th is None


@pytest.mark.parametrize(
    ("changes", "asked", "message"),
    [
        ({}, Asked(readout=ReadoutMode.SUM), "layer0: does not say its reset: name it with --reset"),
        (
            {},
            Asked(reset=ResetMode.ZERO),
            "readout: does not fire, .* name it with --readout sum, last or max",
        ),
        ({}, Asked(reset=ResetMode.ZERO, readout=ReadoutMode.SPIKE_COUNT), "readout: does not fire"),
        ({"readout.v_th": np.ones(3)}, SAID, "readout: fires, so --readout must be spike_count, not max"),
        ({"layer0.beta": None}, SAID, "layer0.beta is missing"),
        ({"layer0.tau": np.ones(1)}, SAID, "array 'layer0.tau' is unknown"),
        ({"hidden.weight": np.ones((1, 1))}, SAID, "stage 'hidden' must be one of"),
        ({"layer0.weight": np.ones(3)}, SAID, r"layer0: weight must be \(neurons, inputs\)"),
        ({"layer0.weight": np.full((4, 3), np.inf)}, SAID, "layer0: weight must be finite, not inf"),
        ({"layer0.v_th": np.ones(3)}, SAID, r"layer0: v_th must have shape \(4,\), not \(3,\)"),
        ({"layer0.beta": np.array(1.5)}, SAID, "layer0: beta must be 0..1, not 1.5"),
        (
            {"layer0.delay_steps": np.array([0, 1, 2, 2000])},
            SAID,
            "layer0: delay_steps must be 0..1023, not 2000",
        ),
        ({"layer0.delay_steps": np.array([0, 1, 2, 0.5])}, SAID, "layer0: delay_steps must be whole steps"),
        ({"layer0.delay_steps": None}, SAID, "layer0: a recurrence must have weights and delays"),
        (
            {"layer0.recurrent": np.ones((3, 4))},
            SAID,
            r"layer0: recurrent must be \(K,\) or \(4, 4\), not \(3, 4\)",
        ),
        ({"layer1.weight": np.ones((2, 5))}, SAID, "layer1"),
        ({"layer0.v_th": None}, SAID, "layer0: must fire, as layer1 comes behind it"),
        ({"readout.beta": np.array("a")}, SAID, "array 'readout.beta' is unknown"),
    ],
)
def test_what_is_wrong_is_told_by_name(tmp_path, changes, asked, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, changes, asked)
    assert "\n" not in str(caught.value)
