"""Widths of a core: valid ones, invalid ones, and their messages."""

import re
from typing import Any

import pytest

from fxp_model.errors import InputError
from hw.config import LEAST_SWEEP, HardwareConfig, StageConfig
from hw.rtl.neuron_update import NeuronUpdate
from tests.oracles.plain_networks import SHD, network_spec


def test_uniform_widths_are_clipped_to_each_stage() -> None:
    assert HardwareConfig.uniform(SHD).stages == (
        StageConfig(128, 16),
        StageConfig(128, 16),
        StageConfig(20, 4),
    )
    assert HardwareConfig.uniform(SHD, 1000, 64).stages == (
        StageConfig(256, 64),
        StageConfig(256, 64),
        StageConfig(20, 20),
    )


def test_presets_give_widths_that_options_replace() -> None:
    assert HardwareConfig.uniform(SHD, preset="tiny").stages == (StageConfig(16, 4),) * 3
    assert HardwareConfig.uniform(SHD, preset="fast").stages[0] == StageConfig(256, 32, 2, False)
    assert HardwareConfig.uniform(SHD, 64, preset="fast").stages[0] == StageConfig(64, 32, 2, False)
    assert HardwareConfig.uniform(SHD, preset="fast", events_per_cycle=1).stages[0] == StageConfig(
        256, 32, 1, False
    )
    narrow = HardwareConfig.uniform(network_spec(5, 1, 3), preset="fast")
    assert [stage.events_per_cycle for stage in narrow.stages] == [2, 1]
    assert not HardwareConfig.uniform(SHD, use_dsp=False).stages[0].use_dsp
    assert HardwareConfig.uniform(SHD, preset="balanced") == HardwareConfig.uniform(SHD)
    with pytest.raises(InputError, match=r"^preset must be one of tiny, balanced, fast, not 'huge'$"):
        HardwareConfig.uniform(SHD, preset="huge")


def test_no_stage_takes_more_update_lanes_than_shorten_its_sweep() -> None:
    assert LEAST_SWEEP == NeuronUpdate.WRITTEN_AFTER + 1
    readout = HardwareConfig.uniform(SHD, preset="fast").stages[2]
    assert readout.groups(SHD.n_out) == LEAST_SWEEP


@pytest.mark.parametrize(
    ("lanes", "update_lanes"), [(1, 1), (2, 2), (7, 7), (12, 12), (17, 1), (19, 1), (20, 16), (48, 16)]
)
def test_without_update_lanes_each_stage_takes_the_widest_that_fits(lanes: int, update_lanes: int) -> None:
    assert HardwareConfig.uniform(SHD, lanes).stages[0] == StageConfig(
        lanes, update_lanes if lanes != 20 else 10
    )


@pytest.mark.parametrize(
    ("n", "lanes", "update_lanes", "words", "groups"),
    [(256, 256, 16, 1, 16), (256, 64, 64, 4, 4), (20, 20, 16, 1, 2), (7, 4, 2, 2, 4), (1, 1, 1, 1, 1)],
)
def test_words_and_groups(n: int, lanes: int, update_lanes: int, words: int, groups: int) -> None:
    config = StageConfig(lanes, update_lanes)
    assert (config.words(n), config.groups(n)) == (words, groups)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "16", None])
@pytest.mark.parametrize("field", ["lanes", "update_lanes", "events_per_cycle"])
def test_a_width_is_a_positive_integer(field: str, value: Any) -> None:
    with pytest.raises(
        InputError, match=f"^{field} must be a positive integer, not {re.escape(repr(value))}$"
    ):
        StageConfig(**{"lanes": 1, "update_lanes": 1, field: value})


def test_more_than_two_events_a_cycle_are_refused() -> None:
    with pytest.raises(InputError, match=r"^events_per_cycle must be 1 or 2, not 3$"):
        StageConfig(1, 1, 3)
    with pytest.raises(InputError, match=r"^use_dsp must be true or false, not 1$"):
        StageConfig(1, 1, 1, 1)  # type: ignore[arg-type]
    config = HardwareConfig((StageConfig(1, 1, 2), StageConfig(1, 1)))
    with pytest.raises(
        InputError, match=r"^layer0: events_per_cycle must be 1 where there is 1 input, not 2$"
    ):
        config.check(network_spec(1, 1, 1))


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([(257, 1), (1, 1), (1, 1)], "layer0: lanes must be 1..256 (its neurons), not 257"),
        ([(1, 1), (1, 1), (20, 21)], "readout: update_lanes must be 1..20 (its neurons), not 21"),
        (
            [(1, 1), (64, 48), (1, 1)],
            "layer1: update_lanes must divide lanes (64) where lanes are fewer than the 256 neurons, not 48",
        ),
        ([(1, 1)], "hardware must have 3 stages, not 1"),
    ],
)
def test_widths_that_do_not_fit_are_refused(stages: list[tuple[int, int]], message: str) -> None:
    config = HardwareConfig(tuple(StageConfig(*widths) for widths in stages))
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        config.check(SHD)


def test_a_configuration_survives_json_form() -> None:
    for reload, delays in ((False, False), (True, False), (True, True)):
        config = HardwareConfig.uniform(SHD, 64, 8, reload=reload, programmable_delays=delays)
        assert config.programmable_delays == delays
        assert HardwareConfig.from_dict(config.to_dict()) == config


def test_an_older_json_form_has_delays_in_the_fabric() -> None:
    value = HardwareConfig.uniform(SHD, reload=True).to_dict()
    del value["programmable_delays"]
    assert HardwareConfig.from_dict(value) == HardwareConfig.uniform(SHD, reload=True)


def test_delays_are_programmable_only_with_a_reload() -> None:
    message = r"^hardware\.programmable_delays must be false without hardware\.reload$"
    with pytest.raises(InputError, match=message):
        HardwareConfig.uniform(SHD, programmable_delays=True)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "hardware must be an object, not []"),
        ({"reload": False}, "hardware.stages is missing"),
        ({"stages": []}, "hardware.reload is missing"),
        ({"stages": [], "reload": 1}, "hardware.reload must be true or false, not 1"),
        ({"stages": [], "reload": False, "fast": 1}, "hardware.fast is unknown"),
        (
            {"stages": [], "reload": True, "programmable_delays": "yes"},
            "hardware.programmable_delays must be true or false, not 'yes'",
        ),
        ({"stages": 3, "reload": False}, "hardware.stages must be a list, not 3"),
        (
            {"stages": [{"lanes": 1, "events_per_cycle": 1, "use_dsp": True}], "reload": False},
            "hardware.stages[0].update_lanes is missing",
        ),
        (
            {
                "stages": [{"lanes": 0, "update_lanes": 1, "events_per_cycle": 1, "use_dsp": True}],
                "reload": False,
            },
            "hardware.stages[0].lanes must be a positive integer, not 0",
        ),
    ],
)
def test_a_broken_json_form_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        HardwareConfig.from_dict(value)


def test_stages_are_stage_configs() -> None:
    with pytest.raises(InputError, match=r"^hardware.stages\[0\] must be a StageConfig, not \(1, 1\)$"):
        HardwareConfig(((1, 1),))  # type: ignore[arg-type]
