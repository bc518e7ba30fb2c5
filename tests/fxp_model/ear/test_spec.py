"""What an ear may be: limits, widths that hold, filters as designed."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from fxp_model.ear import bounds
from fxp_model.ear.design import centre_hz, resonators
from fxp_model.ear.logarithm import log2_code, log_table, power_table
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError

SMALL = EarSpec.design(channels=8, sections=2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sections": 5}, "sections must be in 1..4, not 5"),
        ({"rate_hz": 44100}, "rate_hz must be a multiple of 1000, not 44100"),
        ({"sections": True}, "sections must be an integer, not True"),
        ({"a1": [1] * 8}, r"a1 must be a tuple of integers, not \[1, 1, .*"),
        ({"a1": (1,) * 7}, r"channels must be in 8..256, not 7"),
        ({"a2": (1,) * 9}, r"length of a2 must be 8, not 9"),
        ({"shift": (17,) * 8}, r"shift\[0\] must be in 0..16, not 17"),
        ({"a2": (1 << 16,) * 8}, r"largest pole radius must be at most 0.99\d+, not 1.0\d*"),
        (
            {"state_frac_bits": 12, "sections": 4, "shift": (0,) * 8},
            "state_bits must be at most 32, not 58",
        ),
        ({"threshold": 0}, "threshold must be in 1..65535, not 0"),
    ],
)
def test_what_is_outside_the_limits_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        replace(SMALL, **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"channels": 7}, "channels must be in 8..256, not 7"),
        ({"sections": 0}, "sections must be in 1..4, not 0"),
        ({"low_hz": 10}, "low_hz must be at least 20, not 10"),
        ({"high_hz": 7900}, "high_hz must be above low_hz = 80.0 and at most 7840, not 7900"),
        ({"width": 5}, "width must be in 0.25..4, not 5"),
        ({"headroom": -1}, "headroom must be in 0..16, not -1"),
        ({"rate_hz": 96_000}, "rate_hz must be in 8000..48000, not 96000"),
        ({"channels": "many"}, "channels must be an integer, not 'many'"),
        ({"threshold": 0.5}, "threshold must be an integer, not 0.5"),
        ({"low_hz": None}, "low_hz must be a number, not None"),
        ({"low_hz": float("nan")}, "low_hz must be at least 20, not nan"),
        ({"volume": 3}, "an ear has no parameter volume"),
    ],
)
def test_a_design_outside_the_limits_is_refused_by_name(change, message):
    with pytest.raises(InputError, match=f"^{message}$"):
        EarSpec.design(**change)


def test_json_keeps_an_ear_and_unknown_or_damaged_fields_are_refused():
    values = json.loads(json.dumps(SMALL.to_dict()))
    assert EarSpec.from_dict(values) == SMALL
    with pytest.raises(InputError, match=r"^a1 must be a tuple of integers, not \(0.5, .*"):
        EarSpec.from_dict(values | {"a1": [0.5] * 8})
    with pytest.raises(InputError, match=r"^encoder has missing field 'shift'; fields: .*"):
        EarSpec.from_dict({name: value for name, value in values.items() if name != "shift"})


@pytest.mark.parametrize("sections", [1, 2, 3, 4])
def test_a_filter_is_as_wide_as_a_gammatone_of_its_order_and_loudest_at_its_centre(sections):
    rate = 16_000
    centre = centre_hz(12, 200.0, 4000.0)
    made = resonators(centre, sections, 1.0, rate)
    hz = np.linspace(0, rate / 2, 160_001)
    z = np.exp(-2j * math.pi * hz / rate)[:, None]
    response = np.abs((1 - z**2) / (1 + made.a1 * z + made.a2 * z * z) * 2.0**-made.shift) ** sections
    assert np.allclose(hz[response.argmax(0)], centre, atol=0.06)
    assert np.allclose(response.max(0), made.gain**sections, rtol=1e-6)
    assert np.all(np.abs(np.log2(made.gain)) <= 0.5)
    width = (response**2).sum(0) * hz[1] / response.max(0) ** 2
    human = 24.7 * (4.37e-3 * centre + 1)
    assert np.all(np.abs(width / human - 1) < 0.08)


@pytest.mark.parametrize(("channels", "sections"), [(140, 4), (140, 2), (140, 1), (64, 2)])
def test_the_integers_of_a_filter_answer_as_the_floats_within_half_a_decibel(channels, sections):
    spec = EarSpec.design(channels=channels, sections=sections)
    centre = centre_hz(channels, 80.0, 7000.0)
    made = resonators(centre, sections, 1.0, 16_000)
    hz = np.geomspace(60, 7600, 4000)
    z = np.exp(-2j * math.pi * hz / 16_000)[:, None]

    def decibels(a1, a2):
        return 20 * sections * np.log10(np.abs((1 - z**2) / (1 + a1 * z + a2 * z * z)))

    wanted = decibels(made.a1, made.a2)
    got = decibels(np.ldexp(spec.a1, -16), np.ldexp(spec.a2, -16))
    audible = wanted > wanted.max(0) - 30
    assert np.abs(got - wanted)[audible].max() < 0.5


def test_bounds_are_what_the_worst_input_reaches_and_no_input_exceeds():
    """The input that has the sign of the impulse response, backwards, reaches the bound of a section."""
    a1, a2 = np.array([-1.6, 0.3, -0.2]), np.array([0.81, 0.5, -0.4])
    responses, differences = bounds.absolute_sums(a1, a2)
    for channel in range(3):
        r = [1.0, -a1[channel]]
        while len(r) < 2000:
            r.append(-a1[channel] * r[-1] - a2[channel] * r[-2])
        h = np.array(r) - np.array([0.0, 0.0, *r[:-2]])
        assert responses[channel] == pytest.approx(np.abs(r).sum(), rel=1e-7)
        assert differences[channel] == pytest.approx(np.abs(h).sum(), rel=1e-7)
        assert responses[channel] >= np.abs(r).sum()
        assert differences[channel] >= np.abs(h).sum()
    assert bounds.pole_radius(a1, a2) == pytest.approx([0.9, math.sqrt(0.5), (0.2 + math.sqrt(1.64)) / 2])


def test_tables_are_the_rounded_values():
    for bits in range(3, 9):
        size = 1 << bits
        assert log_table(bits) == tuple(round(size * math.log2(1 + m / size)) for m in range(size))
        for drive in (4, 10, 14):
            assert power_table(bits, drive) == tuple(round(2 ** (drive + m / size)) for m in range(size))


def test_a_logarithm_rises_and_is_exact_at_powers_of_two():
    values = np.concatenate([np.arange(1, 5000), 1 << np.arange(13, 50)])
    codes = log2_code(values, 6)
    assert np.all(np.diff(codes) >= 0)
    assert codes[np.isin(values, 1 << np.arange(50))].tolist() == [64 * place for place in range(50)]
    assert np.abs(codes / 64 - np.log2(values)).max() < 0.04
