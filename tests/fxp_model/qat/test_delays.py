"""Delays: the triangle, its slope, its annealing, and rounding to nearest."""

import math
from itertools import pairwise

import pytest
import torch

from fxp_model.qat import delays


def dense(taps, size):
    """Taps (size, N) of the band."""
    full = torch.zeros(size, len(taps.first), dtype=taps.weight.dtype)
    for k, row in enumerate(taps.weight):
        for n, weight in enumerate(row):
            full[taps.first[n] + k, n] += weight
    return full


@pytest.mark.parametrize("least", [0, 1])
@pytest.mark.parametrize("sigma", [0.0, 0.05, 1.0, 3.7, 10.0])
def test_the_band_holds_every_tap_of_the_triangle(sigma, least):
    delay = torch.tensor([0.0, 0.3, 4.0, 12.5, 30.999, 63.0], dtype=torch.float64)
    s = 1 + sigma
    full = dense(delays.spread(delay, sigma, least), 100)
    for n, d in enumerate(delay.tolist()):
        for tap in range(least, 100):
            assert full[tap, n] == pytest.approx(max(0.0, s - abs(tap - (least + d))) / s**2, abs=1e-15)
    assert least == 0 or full[0].abs().max() == 0


def test_without_spread_a_whole_delay_has_one_tap_and_a_half_delay_two():
    full = dense(delays.spread(torch.tensor([3.0, 3.5]), 0.0), 8)
    assert full[:, 0].tolist() == [0, 0, 0, 0, 1, 0, 0, 0]
    assert full[:, 1].tolist() == [0, 0, 0, 0, 0.5, 0.5, 0, 0]


def test_the_slope_moves_the_delay_towards_the_wanted_tap():
    delay = torch.tensor([10.0, 10.0], requires_grad=True)
    full = dense(delays.spread(delay, 4.0), 30)
    (full[14, 0] + full[8, 1]).backward()
    assert delay.grad.tolist() == pytest.approx([1 / 25, -1 / 25])


def test_delays_are_rounded_never_truncated():
    real = torch.tensor([0.49, 0.5, 1.5, 2.5, 7.999, 62.7, 70.0, -0.4])
    assert delays.rounded(real, 63).tolist() == [0, 1, 2, 3, 8, 63, 63, 0]


def test_an_integer_delay_arrives_through_one_tap():
    taps = delays.integer(torch.tensor([0, 5]), torch.float32)
    assert taps.first.tolist() == [1, 6]
    assert taps.weight.tolist() == [[1.0, 1.0]]
    assert delays.integer(torch.tensor([0, 5]), torch.float32, least=0).first.tolist() == [0, 5]


def test_inputs_arrive_after_their_own_delays_and_nothing_arrives_from_before_the_start():
    x = torch.arange(1, 9).view(4, 1, 2)
    expected = [[1, 0], [3, 0], [5, 2], [7, 4]]
    assert delays.shifted(x, torch.tensor([0, 2]))[:, 0].tolist() == expected
    assert delays.shifted(x, torch.tensor([9, 4])).tolist() == torch.zeros(4, 1, 2).tolist()


def test_sigma_falls_until_delays_are_integers():
    course = [delays.sigma_at(i / 20, 10.0, 0.8) for i in range(20)]
    assert course[0] == 10.0
    assert all(a > b for a, b in pairwise(course[:16]))
    assert course[15] == pytest.approx(10 * math.exp(-math.log(200) * 0.75 / 0.8))
    assert course[16:] == [None] * 4
