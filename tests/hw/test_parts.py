"""Parts have the resources of their data sheets."""

import pytest

from hw.estimates.resources.prices import prices_of
from hw.flows.nextpnr import DEVICES
from hw.parts import PARTS


@pytest.mark.parametrize(
    ("name", "capacity"),
    [
        # Artix-7 and Kintex-7 of DS180 and Zynq-7000 of DS190, slices x 4 LUTs and x 8 flip-flops
        ("XC7A35T", {"lut": 5_200 * 4, "ff": 5_200 * 8, "bram36": 50, "dsp": 90}),
        ("XC7A100T", {"lut": 15_850 * 4, "ff": 15_850 * 8, "bram36": 135, "dsp": 240}),
        ("XC7A200T", {"lut": 33_650 * 4, "ff": 33_650 * 8, "bram36": 365, "dsp": 740}),
        ("XC7S50", {"lut": 8_150 * 4, "ff": 8_150 * 8, "bram36": 75, "dsp": 120}),
        ("XC7K325T", {"lut": 50_950 * 4, "ff": 50_950 * 8, "bram36": 445, "dsp": 840}),
        ("XC7Z010", {"lut": 4_400 * 4, "ff": 4_400 * 8, "bram36": 60, "dsp": 80}),
        ("XC7Z020", {"lut": 13_300 * 4, "ff": 13_300 * 8, "bram36": 140, "dsp": 220}),
        ("LFE5U-85F", {"comb": 83_640, "ff": 83_640, "ebr": 208, "dsp": 156}),
    ],
)
def test_capacity(name: str, capacity: dict[str, int]) -> None:
    assert PARTS[name].capacity == capacity


def test_every_part_can_be_estimated_and_every_device_routed_is_a_part() -> None:
    for name, part in PARTS.items():
        assert part.name == name
        assert set(part.capacity) <= set(prices_of(part.target).error)
    ecp5 = [name for name, device in DEVICES.items() if device.target == "ecp5"]
    assert ecp5
    assert {f"LFE5U-{name.upper().replace('K', 'F')}" for name in ecp5} <= set(PARTS)
