"""How wide the hardware is: every choice that changes cycles and area, never a result."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.checks import check_type
from fxp_model.errors import InputError, shown
from fxp_model.spec import NetworkSpec

EVENTS_PER_CYCLE = (1, 2)
LEAST_SWEEP = 5
"""Least number of cycles between the starts of two sweeps; with a recurrence there are more."""


@dataclass(frozen=True)
class StageConfig:
    """Widths of one stage (a hidden layer or the readout) of `n_in` inputs and `n_out` neurons.

    Parameters
    ----------
    lanes : int
        Weights read and added per cycle, 1..n_out; an event costs ceil(n_out / lanes) cycles.
    update_lanes : int
        Neurons updated per cycle, 1..n_out; a step costs ceil(n_out / update_lanes) cycles of update.
        Where an event needs more than one word, `update_lanes` divides `lanes`, so that a
        group of neurons lies in one word.
    events_per_cycle : int
        Events added in the same cycle, 1 or 2. Two need two read ports of the weight memory, one more adder
        per lane, and at least two inputs.
    use_dsp : bool
        Use multipliers for the products of weight and count, and of a state and a share of its own neuron.
        Otherwise adders are used, two per lane and event where counts have four bits. Has no effect where
        inputs are spikes and one share is that of all neurons.
    """

    lanes: int
    update_lanes: int
    events_per_cycle: int = 1
    use_dsp: bool = True

    def __post_init__(self) -> None:
        for name in ("lanes", "update_lanes", "events_per_cycle"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"{name} must be a positive integer, not {shown(value)}")
        if self.events_per_cycle not in EVENTS_PER_CYCLE:
            raise InputError(f"events_per_cycle must be 1 or 2, not {self.events_per_cycle}")
        if not isinstance(self.use_dsp, bool):
            raise InputError(f"use_dsp must be true or false, not {shown(self.use_dsp)}")

    def words(self, n_out: int) -> int:
        """Weight words per event, or per pair of events."""
        return -(-n_out // self.lanes)

    def event_words(self, n_out: int, events: NDArray[np.int64]) -> NDArray[np.int64]:
        """Weight words that the `events` of each step take, W per event or pair; same shape as `events`."""
        return -(-events // self.events_per_cycle) * self.words(n_out)

    def groups(self, n_out: int) -> int:
        """Groups of neurons per update sweep."""
        return -(-n_out // self.update_lanes)

    def check(self, stage: str, n_in: int, n_out: int) -> None:
        """Raise `InputError`, naming `stage`, unless these widths fit `n_in` inputs and `n_out` neurons."""
        if self.events_per_cycle > n_in:
            raise InputError(f"{stage}: events_per_cycle must be 1 where there is 1 input, not 2")
        for name in ("lanes", "update_lanes"):
            value = getattr(self, name)
            if value > n_out:
                raise InputError(f"{stage}: {name} must be 1..{n_out} (its neurons), not {value}")
        if self.words(n_out) > 1 and self.lanes % self.update_lanes:
            raise InputError(
                f"{stage}: update_lanes must divide lanes ({self.lanes}) where lanes are fewer than the "
                f"{n_out} neurons, not {self.update_lanes}"
            )


PRESETS = {
    "tiny": StageConfig(16, 4),
    "balanced": StageConfig(128, 16),
    "fast": StageConfig(256, 32, events_per_cycle=2, use_dsp=False),
}
"""Widths of every stage, clipped to its neurons and inputs.

``balanced`` takes two words per event at 256 neurons, and its weights fill 512-deep block RAMs. ``fast``
takes one word for two events; its sweep of 256 neurons, eight groups, is as short as the least distance of
two sweeps with a kernel of five taps, so more update lanes would gain nothing. With multipliers it would
need more of them than most devices have.
"""
DEFAULT_PRESET = "balanced"


@dataclass(frozen=True)
class HardwareConfig:
    """Widths of every stage of a core, and how much of its network can be replaced at run time.

    Parameters
    ----------
    stages : tuple of StageConfig
        One per stage of `NetworkSpec.stages`: hidden layers in order, then the readout.
    reload : bool
        A host may load other weights, biases, kernels, thresholds, and shares of each neuron. Doubles their
        memories.
    programmable_delays : bool
        With `reload`: a host may also load other delays of spikes: axonal ones up to the `max_delay` of their
        layer, forward ones up to the `max_input_delay` of the next stage. Makes each of these delay lines
        that long. Delays of the input channels stay.
    """

    stages: tuple[StageConfig, ...]
    reload: bool = False
    programmable_delays: bool = False

    def __post_init__(self) -> None:
        for name in ("reload", "programmable_delays"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise InputError(f"hardware.{name} must be true or false, not {shown(value)}")
        if self.programmable_delays and not self.reload:
            raise InputError("hardware.programmable_delays must be false without hardware.reload")
        for index, stage in enumerate(self.stages):
            if not isinstance(stage, StageConfig):
                raise InputError(f"hardware.stages[{index}] must be a StageConfig, not {shown(stage)}")

    @classmethod
    def uniform(
        cls,
        spec: NetworkSpec,
        lanes: int | None = None,
        update_lanes: int | None = None,
        preset: str = DEFAULT_PRESET,
        events_per_cycle: int | None = None,
        use_dsp: bool | None = None,
        reload: bool = False,
        programmable_delays: bool = False,
    ) -> HardwareConfig:
        """The same widths for every stage, clipped to its size; a width not given is that of `preset`.

        Without `update_lanes`, each stage takes the largest width up to the preset's that its lanes allow
        and that shortens its sweep.

        Raises
        ------
        InputError
            If there is no such preset, a width is not positive, a given `update_lanes` does not fit a stage,
            or delays are programmable without `reload`.
        """
        check_type("spec", spec, NetworkSpec)
        if preset not in PRESETS:
            raise InputError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}")
        given: dict[str, Any] = {
            "lanes": lanes,
            "update_lanes": update_lanes,
            "events_per_cycle": events_per_cycle,
            "use_dsp": use_dsp,
        }
        wanted = replace(PRESETS[preset], **{name: x for name, x in given.items() if x is not None})
        stages = []
        for stage in spec.stages:
            clipped = min(wanted.lanes, stage.n_out)
            width = min(wanted.update_lanes, stage.n_out)
            if update_lanes is None:
                width = min(width, -(-stage.n_out // LEAST_SWEEP))
            if update_lanes is None and clipped < stage.n_out:
                width = max(w for w in range(1, min(width, clipped) + 1) if clipped % w == 0)
            events = min(wanted.events_per_cycle, stage.n_in)
            stages.append(StageConfig(clipped, width, events, wanted.use_dsp))
        config = cls(tuple(stages), reload, programmable_delays)
        config.check(spec)
        return config

    def check(self, spec: NetworkSpec) -> None:
        """Raise `InputError` unless a core of these widths can be generated for `spec`."""
        if len(self.stages) != len(spec.stages):
            raise InputError(f"hardware must have {len(spec.stages)} stages, not {len(self.stages)}")
        for name, stage, config in zip(spec.stage_names, spec.stages, self.stages, strict=True):
            config.check(name, stage.n_in, stage.n_out)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Any) -> HardwareConfig:
        """Inverse of `to_dict`; refuses missing, unknown and wrongly typed fields by name.

        `programmable_delays`, which older files lack, defaults to false.
        """
        if isinstance(value, dict):
            value = {"programmable_delays": False, **value}
        table = _table("hardware", value, {"stages", "reload", "programmable_delays"})
        stages = table["stages"]
        if not isinstance(stages, list | tuple):
            raise InputError(f"hardware.stages must be a list, not {shown(stages)}")
        return cls(
            tuple(_stage(f"hardware.stages[{i}]", stage) for i, stage in enumerate(stages)),
            table["reload"],
            table["programmable_delays"],
        )


_WIDTHS = {field.name for field in fields(StageConfig)}


def preset_of(spec: NetworkSpec, config: HardwareConfig) -> str | None:
    """Name of the preset that gives `config` for `spec`, or None."""
    return next((name for name in PRESETS if HardwareConfig.uniform(spec, preset=name) == config), None)


def _stage(name: str, value: Any) -> StageConfig:
    """Widths from the table `value`; errors call it `name`."""
    table = _table(name, value, _WIDTHS)
    try:
        return StageConfig(**table)
    except InputError as error:
        raise InputError(f"{name}.{error}") from None


def _table(name: str, value: Any, fields: set[str]) -> dict[str, Any]:
    """`value` as a table of exactly `fields`."""
    if not isinstance(value, dict):
        raise InputError(f"{name} must be an object, not {shown(value)}")
    for key in sorted(fields - value.keys()):
        raise InputError(f"{name}.{key} is missing")
    for key in sorted(value.keys() - fields):
        raise InputError(f"{name}.{shown(key)[1:-1]} is unknown")
    return value
