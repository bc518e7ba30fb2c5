"""The cycle formula by hand, and properties for any counts."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.errors import InputError
from fxp_model.network import delayed_inputs, run
from fxp_model.random_networks import random_counts, random_network
from fxp_model.spec import Answer, NetworkSpec, RecurrenceKind, RecurrenceSpec
from hw.config import HardwareConfig, StageConfig
from hw.estimates.latency import (
    answer_cycles,
    clip_cycles,
    clip_intervals,
    dependency_bound,
    event_counts,
    lower_bound,
    run_timing,
)
from tb.harness.stimulus import random_hardware
from tests.oracles.plain_networks import BYTE, SHD, network_spec

ONE = network_spec(1, 1, 1)


def cycles_of(spec: NetworkSpec, config: HardwareConfig, events: list) -> int:
    """Cycles of one sample with `events` (T,) per stage."""
    return int(clip_cycles(spec, config, [count[:, np.newaxis] for count in events], [len(events[0])])[0])


def bound_of(spec: NetworkSpec, config: HardwareConfig, events: list) -> int:
    return int(lower_bound(spec, config, [count[:, np.newaxis] for count in events], [len(events[0])])[0])


def answering_spec(spec: NetworkSpec, stride: int) -> NetworkSpec:
    """`spec` with answers per step."""
    return replace(spec, readout=replace(spec.readout, answer=Answer.STEP, stride=stride))


NARROW = HardwareConfig((StageConfig(1, 1), StageConfig(1, 1)))


def test_a_sample_without_events_by_hand() -> None:
    """One marker through two stages of one neuron, G = 1, A = 5.

    s_axis 0 | array takes it 1, its group offered 1+5+1 = 7: S = 7 | spikes to the encoder 7+1+9 = 17 |
    marker enters the buffer 20 | readout takes it 21, S = 27 | score 40, class 41.
    """
    nothing = [np.array([0]), np.array([0])]
    timing = run_timing(ONE, NARROW, nothing, [1])
    assert (timing.first_in[0], timing.last_in[0], timing.first_out[0], timing.last_out[0]) == (0, 0, 40, 41)
    assert timing.run_cycles == cycles_of(ONE, NARROW, nothing) == 42


def test_answers_per_step_by_hand() -> None:
    """As above, S = 27 for each first step; then the results 34, of the last score 42, sent from 42 on.

    Class 42, score 43, margin 44, where a score needs two cycles. The step after an answer waits until
    12 cycles after the sweep of the one before: 2 N + 10, so S = 39, 51, ..
    """
    spec = answering_spec(ONE, 1)
    nothing = [np.zeros(4, int)] * 2
    timing = run_timing(spec, NARROW, nothing, [4])
    assert timing.last_in.tolist() == [0, 1, 2, 3]
    assert timing.first_out.tolist() == [42, 54, 66, 78]
    assert timing.last_out.tolist() == [44, 56, 68, 80]
    assert timing.answer_cycles.tolist() == [45, 56, 67, 78]
    assert timing.run_cycles == 81
    apart = answer_cycles(spec, NARROW, [np.zeros((4, 2), int)] * 2)
    assert apart.tolist() == [[45, 45]] * 4  # nothing waits
    with pytest.raises(InputError, match=r"^answer must be step, not sample$"):
        answer_cycles(ONE, NARROW, [np.zeros((4, 2), int)] * 2)
    assert cycles_of(spec, NARROW, nothing) == 81

    # only answered steps wait: the others follow each other by five cycles
    every_third = run_timing(answering_spec(ONE, 3), NARROW, [np.zeros(8, int)] * 2, [8])
    assert every_third.last_in.tolist() == [2, 5]
    assert every_third.last_out.tolist() == [44 + 2 * 5, 44 + 5 * 5]
    with pytest.raises(InputError, match=r"^sample 0 must have at least stride = 3 steps, not 2$"):
        clip_cycles(answering_spec(ONE, 3), NARROW, [np.zeros((4, 1), int)] * 2, [2])


def test_bounds_of_answers_per_step_end_with_the_last_one() -> None:
    spec, events = answering_spec(SHD, 4), [np.ones((11, 2), int)] * 3
    config = HardwareConfig.uniform(SHD, preset="balanced")
    for bound in (lower_bound, dependency_bound, clip_cycles):
        told = bound(spec, config, events, [11, 8]).tolist()
        assert told == bound(spec, config, events, [8, 8]).tolist()
        assert told[0] == told[1]
    assert np.all(dependency_bound(spec, config, events, [8, 8]) < clip_cycles(spec, config, events, [8, 8]))


def test_a_run_of_samples_has_the_answers_of_each() -> None:
    timing = run_timing(answering_spec(ONE, 2), NARROW, [np.zeros(9, int)] * 2, [1, 5, 3])
    assert timing.last_in.tolist() == [2, 4, 7]


@pytest.mark.parametrize(("update_lanes", "distance"), [(16, 16), (32, 8), (64, 5), (256, 5)])
def test_steps_without_events_follow_each_other_by_a_sweep(update_lanes: int, distance: int) -> None:
    """Of 256 / `update_lanes` groups; 5 at least, as a membrane is written four cycles after it is read."""
    config = HardwareConfig(tuple(StageConfig(n, min(update_lanes, n)) for n in (256, 256, 20)))
    cycles = [cycles_of(SHD, config, [np.zeros(steps, dtype=int)] * 3) for steps in (50, 51)]
    assert cycles[1] - cycles[0] == distance


def test_the_busiest_stage_sets_the_pace() -> None:
    """More work than any sweep in every step: one more step costs its words and its marker."""
    config = HardwareConfig.uniform(SHD, lanes=64, update_lanes=16)
    events = [np.full(60, 10), np.full(60, 40), np.full(60, 12)]
    cycles = [cycles_of(SHD, config, [count[:steps] for count in events]) for steps in (50, 60)]
    assert cycles[1] - cycles[0] == 10 * (4 * 40 + 1)
    assert bound_of(SHD, config, events) == 60 * (4 * 40 + 1)


def test_two_events_a_cycle_by_hand() -> None:
    """A pair costs as much as an event, and so does a single one left over.

    Alone on a core of one group, one more step takes its items and its marker, if that exceeds a sweep.
    """
    config = HardwareConfig(tuple(StageConfig(n, n, 2) for n in (256, 256, 20)))

    def more(*events: int) -> tuple[int, int]:
        counts = [np.full(60, own) for own in events]
        cycles = [cycles_of(SHD, config, [count[:steps] for count in counts]) for steps in (50, 60)]
        bounds = [bound_of(SHD, config, [count[:steps] for count in counts]) for steps in (50, 60)]
        return (cycles[1] - cycles[0]) // 10, (bounds[1] - bounds[0]) // 10

    assert more(31, 0, 0) == more(32, 0, 0) == (16 + 1, 16 + 1)
    assert more(0, 31, 0) == more(0, 32, 0) == (16 + 1, 16 + 1)
    assert more(4, 6, 17) == (9 + 1, 9 + 1)


def test_what_dependencies_force_by_hand() -> None:
    """Two steps, of 4 and 2 pairs into layer0, 1 and 6 into layer1, 3 and 1 into the readout; 20 scores.

    Markers are taken after 5 and 8 cycles by layer0, 5+2 and 8+7 by layer1, 7+4 and 15+2 by the readout.
    """
    config = HardwareConfig(tuple(StageConfig(n, n, 2) for n in (256, 256, 20)))
    events = [np.array(own)[:, np.newaxis] for own in ([8, 4], [2, 11], [5, 2])]
    assert dependency_bound(SHD, config, events, [2]) == 17 + 20
    assert dependency_bound(SHD, config, events, [1]) == 11 + 20


def test_a_dense_recurrence_forces_a_loop() -> None:
    """One event of one word in every step of one layer, and one delayed spike from the second step on.

    The array has taken step t after 2 (t + 1) cycles, the recurrence 2 cycles after the update before.
    """
    spec = network_spec(1, 1, 1, recurrence=RecurrenceSpec(RecurrenceKind.DENSE, BYTE, max_delay=0))
    ones, more = np.ones((9, 1), dtype=int), np.full((9, 1), 3)
    assert dependency_bound(spec, NARROW, [ones, 0 * ones, ones], [9]) == 18 + 1 + 1
    assert dependency_bound(spec, NARROW, [ones, 0 * ones, more], [9]) == 2 + 8 * 4 + 1 + 1


@pytest.mark.parametrize("seed", range(30))
def test_no_core_is_faster_than_its_dependencies_allow(seed: int) -> None:
    """Networks of every kind."""
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    config = random_hardware(network, seed)
    counts = random_counts(rng, network.spec, steps=12, samples=3)
    events = event_counts(network, run(network, counts), counts)
    bounds = dependency_bound(network.spec, config, events, [12] * 3)
    assert np.all(lower_bound(network.spec, config, events, [12] * 3) < bounds)
    assert np.all(bounds < clip_cycles(network.spec, config, events, [12] * 3))


@pytest.mark.parametrize("seed", range(30))
def test_a_run_is_above_its_bound_and_grows_with_its_events(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = HardwareConfig.uniform(SHD, int(rng.integers(1, 257)), events_per_cycle=seed % 2 + 1)
    events = [rng.integers(0, 30, 40) for _ in range(3)]
    lengths = [1, 9, 2, 28]
    timing = run_timing(SHD, config, events, lengths)
    assert timing.run_cycles > bound_of(SHD, config, events)
    assert np.all(np.diff(timing.last_out) > SHD.n_out)
    assert np.all(timing.first_in[1:] > timing.last_in[:-1])
    assert timing.last_out[0] + 1 == cycles_of(SHD, config, [count[:1] for count in events])

    events[rng.integers(3)][rng.integers(40)] += 1
    later = run_timing(SHD, config, events, lengths)
    assert np.all(later.last_out >= timing.last_out)


def test_clips_side_by_side_take_the_cycles_that_each_takes_alone() -> None:
    rng = np.random.default_rng(3)
    config = HardwareConfig.uniform(SHD, 100)
    lengths = [1, 40, 7, 33]
    events = [rng.integers(0, 90, (40, 4)) for _ in range(3)]
    cycles = clip_cycles(SHD, config, events, lengths)
    for clip, length in enumerate(lengths):
        own = [count[:length, clip] for count in events]
        assert cycles[clip] == run_timing(SHD, config, own, [length]).run_cycles
    padded = [np.where(np.arange(40)[:, None] < lengths, count, 0) for count in events]
    alone = dependency_bound(SHD, config, padded, lengths)
    assert np.all(lower_bound(SHD, config, padded, lengths) < alone)
    assert np.all(alone < cycles)
    with pytest.raises(
        InputError, match=r"^lengths of samples must be 4 numbers of 1..40, not \[1, 41, 7, 33\]$"
    ):
        clip_cycles(SHD, config, events, [1, 41, 7, 33])


def test_the_interval_is_that_of_a_clip_behind_itself() -> None:
    rng = np.random.default_rng(4)
    config = HardwareConfig.uniform(SHD, preset="fast")
    lengths = [40, 3, 17]
    events = [rng.integers(0, 90, (40, 3)) for _ in range(3)]
    intervals = clip_intervals(SHD, config, events, lengths)
    for clip, length in enumerate(lengths):
        own = [np.tile(count[:length, clip], 3) for count in events]
        answers = run_timing(SHD, config, own, [length] * 3).last_out
        assert intervals[clip] == answers[2] - answers[1]
    assert np.all(intervals < clip_cycles(SHD, config, events, lengths))


@pytest.mark.parametrize("seed", range(12))
def test_event_counts_are_those_of_the_trace(seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = random_network(rng)
    counts = random_counts(rng, network.spec, steps=25, samples=2)
    trace = run(network, counts)
    into = list(event_counts(network, trace, counts))
    inputs = [counts, *(layer.spikes.astype(int) for layer in trace.layers)]
    for params, x in zip(network.params, inputs, strict=True):
        assert np.array_equal(into.pop(0), (delayed_inputs(params, x) > 0).sum(axis=2))
    for params, x in zip(network.params, inputs[1:], strict=False):
        if params.recurrent is not None and params.recurrent.ndim == 2:
            late = delayed_inputs(replace(params, input_delay_steps=params.delay_steps + 1), x)
            assert np.array_equal(into.pop(0), late.sum(axis=2))
    if network.spec.layers[0].max_input_delay is not None:
        assert np.array_equal(into.pop(0), (counts > 0).sum(axis=2))
    assert not into


def test_input_delays_by_hand() -> None:
    """As a sample without events, with a block before its first array.

    s_axis 0 | the marker is taken 1, its channels are in the queue 1+2 = 3, and offered 3+3 = 6 | it enters
    the buffer 6+3 = 9, 9 later than without delays.
    """
    spec = replace(ONE, layers=(replace(ONE.layers[0], max_input_delay=5),))
    nothing = [np.array([0])] * 3
    timing = run_timing(spec, NARROW, nothing, [1])
    assert (timing.first_in[0], timing.last_in[0], timing.first_out[0], timing.last_out[0]) == (0, 0, 49, 50)
    with pytest.raises(InputError, match=r"for each of layer0, readout, the input delays, not 2 arrays$"):
        run_timing(spec, NARROW, nothing[:2], [1])


def test_forward_delays_take_two_cycles_between_stages() -> None:
    """From a sweep to its queue; nothing else changes."""
    late = replace(ONE, readout=replace(ONE.readout, max_input_delay=1023))
    events = [np.full(30, 1)] * 2
    assert cycles_of(late, NARROW, events) == cycles_of(ONE, NARROW, events) + 2


def test_counts_come_one_by_one_into_input_delays() -> None:
    """In pairs they would take half of these cycles, as spikes do; the array behind takes pairs of either."""
    bits = {kind: replace(SHD.layers[0], input_bits=kind, max_input_delay=9) for kind in (1, 4)}
    config = HardwareConfig.uniform(SHD, lanes=256, update_lanes=256, events_per_cycle=2)
    idle, busy = np.zeros(40, dtype=int), np.full(40, 120)
    cycles = {
        kind: cycles_of(replace(SHD, layers=(first, *SHD.layers[1:])), config, [idle, idle, idle, busy])
        for kind, first in bits.items()
    }
    assert cycles[4] - cycles[1] == 40 * 60 + 2  # its products


EVENTS = [np.zeros(4, dtype=int)] * 3


@pytest.mark.parametrize(
    ("events", "lengths", "message"),
    [
        (EVENTS[:2], [4], "events must be one array for each of layer0, layer1, readout, not 2 arrays"),
        ([*EVENTS[:2], np.zeros(4)], [4], "events into readout must be integers .*, not float64 .*"),
        (
            [*EVENTS[:2], np.zeros((4, 2), dtype=int)],
            [4],
            r"events into readout must be .* of one shape \(T,\) .*, not int64 of shape \(4, 2\)",
        ),
        (
            [*EVENTS[:2], np.array([0, -2, 0, 0])],
            [4],
            "events into readout must be 0 or more, not -2",
        ),
        (EVENTS, [3], r"lengths of samples must be positive and sum to 4, not \[3\]"),
        (EVENTS, [4, 0], r"lengths of samples must be positive and sum to 4, not \[4, 0\]"),
    ],
)
def test_counts_that_do_not_fit_are_refused(events: list, lengths: list[int], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        run_timing(SHD, HardwareConfig.uniform(SHD), events, lengths)
