"""Formats and requantisation, against Python integers and fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fxp_model.errors import InputError
from fxp_model.fixed import MAX_SHIFT, Overflow, QFormat, Rounding, parse_precision, requantize, signed_width
from tests.oracles.rounding import fitted, rounded

LARGEST = 1 << MAX_SHIFT


@st.composite
def formats(draw):
    width = draw(st.integers(1, 32))
    frac_bits = draw(st.integers(-48, 48))
    return QFormat(draw(st.booleans()), width - frac_bits, frac_bits)


def value_of(raw: int, frac_bits: int) -> Fraction:
    return Fraction(raw) / Fraction(2) ** frac_bits


def nearest_code(value: Fraction, target: QFormat, rounding: Rounding, overflow: Overflow) -> int:
    """The definition: round to a multiple of the lsb, then bring into range."""
    code = rounded(value * Fraction(2) ** target.frac_bits, rounding)
    return fitted(code, target.width, target.signed, overflow)


@given(
    st.lists(st.integers(-LARGEST, LARGEST), min_size=1, max_size=20),
    formats(),
    st.integers(0, MAX_SHIFT),
    st.sampled_from(Rounding),
    st.sampled_from(Overflow),
)
@example(
    [-LARGEST, -LARGEST + 1, -1, 0, 1, LARGEST - 1, LARGEST],
    QFormat(True, 1, 0),
    62,
    Rounding.RND,
    Overflow.SAT,
)
@example([-LARGEST, -1, 1, LARGEST], QFormat(False, 1, 0), 62, Rounding.RND_CONV, Overflow.WRAP)
def test_codes_of_any_size_are_rounded_as_fractions_are(codes, target, shift, rounding, overflow):
    frac_bits = target.frac_bits + shift
    expected = [nearest_code(value_of(c, frac_bits), target, rounding, overflow) for c in codes]
    assert requantize(codes, frac_bits, target, rounding, overflow).tolist() == expected


@given(st.data(), formats(), st.integers(0, MAX_SHIFT), st.sampled_from(Rounding), st.sampled_from(Overflow))
def test_shifts_to_the_left_are_exact(data, target, shift, rounding, overflow):
    limit = LARGEST >> shift
    codes = data.draw(st.lists(st.integers(-limit, limit), min_size=1, max_size=20))
    frac_bits = target.frac_bits - shift
    expected = [nearest_code(value_of(c, frac_bits), target, rounding, overflow) for c in codes]
    assert requantize(codes, frac_bits, target, rounding, overflow).tolist() == expected


@given(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.integers(-8, 64),
    formats(),
    st.sampled_from(Rounding),
    st.sampled_from(Overflow),
)
@example(-1, 1, QFormat(True, 4, 0), Rounding.RND, Overflow.SAT)
def test_reals_are_rounded_as_fractions_are(mantissa, places, fmt, rounding, overflow):
    real = math.ldexp(mantissa, -places)
    lsbs = Fraction(real) * Fraction(2) ** fmt.frac_bits
    if abs(lsbs) < 2**53:
        expected = nearest_code(Fraction(real), fmt, rounding, overflow)
        assert fmt.from_real([real], rounding, overflow).tolist() == [expected]
    else:
        with pytest.raises(
            InputError, match=r"^value for u?fixed<.*> must be finite and below 2\*\*53 lsb, not "
        ):
            fmt.from_real([real], rounding, overflow)


@given(formats(), st.data())
def test_codes_survive_the_way_to_reals_and_back(fmt, data):
    raw = data.draw(st.lists(st.integers(fmt.min_raw, fmt.max_raw), min_size=1))
    real = fmt.to_real(raw)
    assert [Fraction(r) for r in real.tolist()] == [value_of(c, fmt.frac_bits) for c in raw]
    for rounding in Rounding:
        assert fmt.from_real(real, rounding, Overflow.WRAP).tolist() == raw
        assert fmt.from_real(real, rounding, Overflow.SAT_ZERO).tolist() == raw


@given(formats(), formats(), st.sampled_from(Rounding), st.sampled_from(Overflow), st.data())
def test_requantising_twice_to_one_format_changes_nothing(source, target, rounding, overflow, data):
    raw = data.draw(st.lists(st.integers(source.min_raw, source.max_raw), min_size=1))
    shift = source.frac_bits - target.frac_bits
    if shift > MAX_SHIFT or shift < -30:
        return
    once = requantize(raw, source.frac_bits, target, rounding, overflow)
    target.check("once", once)
    assert requantize(once, target.frac_bits, target, rounding, overflow).tolist() == once.tolist()


def test_rounding_comes_before_fitting():
    fmt = QFormat(True, 4, 0)
    assert requantize([31], 2, fmt, Rounding.RND, Overflow.SAT).tolist() == [7]  # 7.75 -> 8 -> 7
    assert requantize([31], 2, fmt, Rounding.RND, Overflow.WRAP).tolist() == [-8]  # 7.75 -> 8 -> -8
    assert fmt.from_real([7.75], Rounding.RND, Overflow.WRAP).tolist() == [-8]


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint32, np.uint64])
def test_any_integer_type_is_taken_and_int64_given(kind):
    raw = np.array([[3, 5], [7, 100]], dtype=kind)
    out = requantize(raw, 1, QFormat(True, 8, 0), Rounding.RND, Overflow.SAT)
    assert out.dtype == np.int64
    assert out.tolist() == [[2, 3], [4, 50]]
    assert raw.tolist() == [[3, 5], [7, 100]]


@given(st.integers(-(2**40), 2**40), st.integers(0, 2**40))
def test_signed_width_is_the_narrowest(low, span):
    high = low + span
    width = signed_width(low, high)
    assert -(2 ** (width - 1)) <= low
    assert high < 2 ** (width - 1)
    if width > 1:
        assert low < -(2 ** (width - 2)) or high >= 2 ** (width - 2)


def test_a_format_tells_its_range():
    fmt = QFormat(True, 2, 6)
    assert (fmt.width, fmt.min_raw, fmt.max_raw, fmt.lsb, str(fmt)) == (8, -128, 127, 2**-6, "fixed<8,2>")
    fmt = QFormat(False, -1, 4)
    assert (fmt.width, fmt.min_raw, fmt.max_raw, fmt.lsb, str(fmt)) == (3, 0, 7, 2**-4, "ufixed<3,-1>")
    assert QFormat(True, 1, 0).max_raw == 0
    assert fmt.to_dict() == {"signed": False, "int_bits": -1, "frac_bits": 4}


BYTE = QFormat(True, 4, 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((True, 20, 13), r"width of fixed<33,20> must be 1\.\.32 bits, not 33"),
        ((False, -4, 4), r"width of ufixed<0,-4> must be 1\.\.32 bits, not 0"),
        ((True, -45, 49), r"frac_bits of fixed<4,-45> must be -48\.\.48, not 49"),
        ((True, 53, -49), r"frac_bits of fixed<4,53> must be -48\.\.48, not -49"),
        ((True, 4.0, 4), r"int_bits of a format must be an integer, not 4\.0"),
        ((True, 4, True), r"frac_bits of a format must be an integer, not True"),
        ((1, 4, 4), r"signed of a format must be true or false, not 1"),
    ],
)
def test_formats_out_of_range_are_refused(arguments, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        QFormat(*arguments)


@pytest.mark.parametrize(
    ("raw", "frac_bits", "message"),
    [
        ([0.5], 0, r"raw must hold integers, not float64"),
        ([True], 0, r"raw must hold integers, not bool"),
        ([0], 67, r"requantize to fixed<8,4> must shift by at most 62 bits, not 63"),
        ([0], -59, r"requantize to fixed<8,4> must shift by at most 62 bits, not -63"),
        ([3, 2**59 + 1], 1, rf"code to requantize to fixed<8,4> must be within \+-{2**59}, not {2**59 + 1}"),
        ([3, -(2**63)], 1, rf"code to requantize to fixed<8,4> must be within \+-{2**59}, not -{2**63}"),
        ([-(2**62) - 1], 9, rf"code to requantize to fixed<8,4> must be within \+-{2**62}, not -{2**62 + 1}"),
        (
            np.array([2**64 - 1], np.uint64),
            9,
            rf"raw must hold signed 64-bit integers, not {2**64 - 1}",
        ),
    ],
)
def test_codes_that_would_leave_the_int64_are_refused(raw, frac_bits, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        requantize(raw, frac_bits, BYTE, Rounding.RND, Overflow.SAT)


@pytest.mark.parametrize(
    ("real", "worst"), [([0, math.nan], "nan"), ([math.inf], "inf"), ([1, -(2.0**49)], "-9007199254740992.0")]
)
def test_reals_without_a_code_are_refused(real, worst):
    with pytest.raises(
        InputError, match=rf"^value for fixed<8,4> must be finite and below 2\*\*53 lsb, not {worst} lsb$"
    ):
        BYTE.from_real(real)


def test_a_huge_real_is_refused_without_a_warning():
    with pytest.raises(InputError, match=r"not inf lsb$"):
        BYTE.from_real([1e308])


@pytest.mark.parametrize("mode", [str(mode) for mode in Rounding])
def test_a_mode_by_its_text_is_that_mode(mode):
    assert (
        requantize([23, 24, -24], 4, BYTE, mode, "SAT").tolist()
        == requantize([23, 24, -24], 4, BYTE, Rounding(mode), Overflow.SAT).tolist()
    )
    with pytest.raises(ValueError, match=f"^rounding must be one of {', '.join(Rounding)}, not 'AWAY'$"):
        requantize([23], 4, BYTE, "AWAY", Overflow.SAT)


def test_check_names_array_place_limits_and_value():
    BYTE.check("w", np.array([[-128, 127]]))
    with pytest.raises(InputError, match=r"^w\[1, 0\] must be -128\.\.127 \(fixed<8,4>\), not 128$"):
        BYTE.check("w", np.array([[0, 1], [128, -129]]))
    with pytest.raises(InputError, match=r"^beta must be -128\.\.127 \(fixed<8,4>\), not -129$"):
        BYTE.check("beta", np.array(-129))


@given(formats(), st.sampled_from(Rounding), st.sampled_from(Overflow))
def test_a_precision_is_the_format_that_wrote_it(fmt, rounding, overflow):
    assert QFormat.from_string(str(fmt)) == QFormat.from_string(fmt.to_hls4ml()) == fmt
    assert parse_precision(fmt.to_hls4ml(rounding, overflow)) == (fmt, rounding, overflow)
    assert parse_precision(fmt.to_hls4ml()) == (fmt, Rounding.TRN, Overflow.WRAP)


@pytest.mark.parametrize(
    ("text", "fmt", "rounding", "overflow"),
    [
        ("ap_fixed<16,6,AP_RND,AP_SAT>", QFormat(True, 6, 10), Rounding.RND, Overflow.SAT),
        ("fixed<16, 6, RND_CONV>", QFormat(True, 6, 10), Rounding.RND_CONV, Overflow.WRAP),
        ("ap_ufixed<8,0>", QFormat(False, 0, 8), Rounding.TRN, Overflow.WRAP),
        ("ap_fixed<4,-3>", QFormat(True, -3, 7), Rounding.TRN, Overflow.WRAP),
        ("ap_int<5>", QFormat(True, 5, 0), Rounding.TRN, Overflow.WRAP),
        ("uint<4>", QFormat(False, 4, 0), Rounding.TRN, Overflow.WRAP),
    ],
)
def test_precisions_of_hls4ml_are_read(text, fmt, rounding, overflow):
    assert parse_precision(text) == (fmt, rounding, overflow)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("auto", r"precision must be like ap_fixed<16,6>, not 'auto'"),
        ("ap_fixed<16>", r"precision must be like ap_fixed<16,6>, not 'ap_fixed<16>'"),
        ("ap_int<8,2>", r"precision must be like ap_fixed<16,6>, not 'ap_int<8,2>'"),
        ("ap_int<8,RND>", r"precision must be like ap_fixed<16,6>, not 'ap_int<8,RND>'"),
        (16, r"precision must be like ap_fixed<16,6>, not 16"),
        ("ap_fixed<40,6>", r"width of fixed<40,6> must be 1\.\.32 bits, not 40"),
        ("ap_fixed<8,2,AP_AWAY>", f"rounding of '.*' must be one of {', '.join(Rounding)}, not AWAY"),
        (
            "ap_fixed<8,2,AP_RND,AP_WRAP_SM>",
            "overflow of '.*' must be one of WRAP, SAT, SAT_ZERO, SAT_SYM, not WRAP_SM",
        ),
    ],
)
def test_what_is_no_precision_is_refused(text, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        parse_precision(text)


def test_modes_belong_to_a_precision_and_not_to_a_format():
    with pytest.raises(
        InputError, match=r"^format must have no rounding or overflow mode: 'fixed<8,2,RND>'$"
    ):
        QFormat.from_string("fixed<8,2,RND>")
    with pytest.raises(InputError, match=r"^rounding and overflow of a precision must both be given"):
        QFormat(True, 2, 6).to_hls4ml(Rounding.RND)
