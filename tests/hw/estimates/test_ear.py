"""The cycles of the filter bank by hand; the simulation of tb/benches/ear/filters.py equals the formula."""

import re
from functools import cache

import pytest

from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from hw.estimates.ear import closing_cycles, filter_cycles, least_clock_hz, sample_cycles
from hw.rtl.ear.schedule import MULTIPLIERS, Schedule

design = cache(EarSpec.design)


@pytest.mark.parametrize(
    ("channels", "sections", "cycles"),
    [
        (140, 4, (1120, 560, 288)),  # 140 is 70 rows of 2, 17.5 groups of 4
        (64, 2, (256, 128, 64)),
        (9, 1, (20, 12, 8)),
        (8, 1, (16, 8, 8)),  # 4 cycles would be too few
        (8, 3, (48, 24, 12)),
    ],
)
def test_cycles_by_hand(channels: int, sections: int, cycles: tuple[int, ...]) -> None:
    spec = design(channels=channels, sections=sections)
    assert tuple(filter_cycles(spec, multipliers) for multipliers in MULTIPLIERS) == cycles


def test_the_largest_ear_is_heard_at_18_mhz_with_one_multiplier() -> None:
    assert sample_cycles(design(channels=140, sections=4), 1) == 1120
    assert least_clock_hz(design(channels=140, sections=4), 1) == 17_920_000
    assert least_clock_hz(design(), 1) == 8_960_000


def test_many_spikes_per_millisecond_take_longer_than_few_sections() -> None:
    spec = design(channels=140, sections=1, spike_limit=15)
    assert closing_cycles(spec) == 3 + 136 * 15 + 3 * 15
    assert filter_cycles(spec, 4) == 72
    assert sample_cycles(spec, 4) == 136  # (72 + 5 + 5 + 2088) / 16, rounded up


@pytest.mark.parametrize("multipliers", MULTIPLIERS)
@pytest.mark.parametrize(("channels", "sections"), [(8, 1), (13, 3), (16, 2)])
def test_every_state_has_one_place(channels: int, sections: int, multipliers: int) -> None:
    schedule = Schedule(design(channels=channels, sections=sections), multipliers)
    firsts = [schedule.place(slot) for slot in range(schedule.slots)]
    places = [(section, first + lane) for section, first in firsts for lane in range(schedule.lanes)]
    assert len(set(places)) == len(places)
    assert {(s, c) for s in range(sections) for c in range(channels)} <= set(places)


@pytest.mark.parametrize("multipliers", [0, 3, 8, "2"])
def test_multipliers_are_1_2_or_4(multipliers: object) -> None:
    message = re.escape(f"multipliers must be 1, 2 or 4, not {multipliers!r}")
    with pytest.raises(InputError, match=f"^{message}$"):
        filter_cycles(design(channels=8, sections=1), multipliers)  # type: ignore[arg-type]
