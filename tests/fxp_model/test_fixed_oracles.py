"""Requantisation against two independent fixed-point libraries, over every code."""

from itertools import product

import numpy as np
import pytest

from fxp_model.fixed import Overflow, QFormat, Rounding, requantize
from tests.oracles.ap_fixed import Cast, cast_every_code, every_code, missing_tool

pytestmark = pytest.mark.slow

MODES = list(product(Rounding, Overflow))


def signed(width: int, frac_bits: int) -> QFormat:
    return QFormat(True, width - frac_bits, frac_bits)


@pytest.mark.parametrize(
    "source", [signed(10, 5), signed(9, -3), signed(8, 10), signed(1, 0), signed(11, 11)], ids=str
)
@pytest.mark.parametrize(("rounding", "overflow"), list(product(Rounding, (Overflow.WRAP, Overflow.SAT))))
def test_every_code_as_apytypes_has_it(source, rounding, overflow):
    """All codes of the source into every signed format of 1..10 bits and fraction -4..12."""
    apytypes = pytest.importorskip("apytypes", reason="apytypes is not installed")
    codes = every_code(source)
    theirs = apytypes.APyFixedArray(codes.tolist(), bits=source.width, frac_bits=source.frac_bits)
    quantization = {
        Rounding.TRN: apytypes.QuantizationMode.TO_NEG,
        Rounding.TRN_ZERO: apytypes.QuantizationMode.TO_ZERO,
        Rounding.RND: apytypes.QuantizationMode.TIES_POS,
        Rounding.RND_ZERO: apytypes.QuantizationMode.TIES_ZERO,
        Rounding.RND_INF: apytypes.QuantizationMode.TIES_AWAY,
        Rounding.RND_MIN_INF: apytypes.QuantizationMode.TIES_NEG,
        Rounding.RND_CONV: apytypes.QuantizationMode.TIES_EVEN,
    }[rounding]
    limit = {Overflow.WRAP: apytypes.OverflowMode.WRAP, Overflow.SAT: apytypes.OverflowMode.SAT}[overflow]
    for width, frac_bits in product(range(1, 11), range(-4, 13)):
        target = signed(width, frac_bits)
        cast = theirs.cast(bits=width, frac_bits=frac_bits, quantization=quantization, overflow=limit)
        expected = cast.to_bits(numpy=True).astype(np.int64)
        expected -= (expected > target.max_raw).astype(np.int64) << width
        actual = requantize(codes, source.frac_bits, target, rounding, overflow)
        assert np.array_equal(actual, expected), target


AP_SOURCES = [QFormat(True, 5, 5), QFormat(False, -2, 8), QFormat(True, 9, -2)]
AP_TARGETS = [
    QFormat(sign, width - frac_bits, frac_bits)
    for sign in (True, False)
    for width, frac_bits in ((5, 2), (4, 0), (7, -1), (2, 4), (6, 9), (1, 3), (3, -3))
]


def test_every_code_as_ap_fixed_has_it(request, tmp_path):
    missing = missing_tool()
    if missing:
        pytest.skip(missing)
    casts = [
        Cast(source, target, rounding, overflow)
        for source, target, (rounding, overflow) in product(AP_SOURCES, AP_TARGETS, MODES)
        # the headers assert when the first dropped bit lies above the source's sign
        if source.frac_bits - target.frac_bits <= source.width
    ]
    assert len(casts) == 1008
    cache = getattr(request.config, "cache", None)  # absent when pytest runs without its cache
    results = cast_every_code(casts, cache.mkdir("ap_fixed") if cache else tmp_path)
    for cast, expected in zip(casts, results, strict=True):
        codes = every_code(cast.source)
        actual = requantize(codes, cast.source.frac_bits, cast.target, cast.rounding, cast.overflow)
        cast.target.check("actual", actual)
        assert np.array_equal(actual % 2**cast.target.width, expected % 2**cast.target.width), cast
