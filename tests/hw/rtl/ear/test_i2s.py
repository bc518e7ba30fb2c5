# amaranth: UnusedElaboratable=no
"""Clocks that an I2S receiver cannot make."""

import pytest

from fxp_model.ear.i2s import I2sSpec
from fxp_model.errors import InputError
from hw.rtl.ear.i2s import I2sInput


@pytest.mark.parametrize(
    ("sck_period", "message"),
    [
        (1, r"sck_period must be 2\.\.4096, not 1"),
        (4097, r"sck_period must be 2\.\.4096, not 4097"),
        (6.0, r"sck_period must be an integer, not 6\.0"),
        (True, "sck_period must be an integer, not True"),
    ],
)
def test_other_periods_are_refused(sck_period: int, message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        I2sInput(I2sSpec(), sck_period)
