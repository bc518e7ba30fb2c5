"""The cycles of a run, exactly, from its event counts.

The cycles of a sample are the clock cycles from the one that transfers its first beat at
``s_axis`` to the one that transfers its TLAST beat at ``m_axis``, both included. They are
predicted for a core that comes out of reset, an input that is never idle between the first beat of the
run and the last, has one word per event, no malformed words and every step in its own beats, and an
output that is always ready. With answers per step they end with the last one to the sample, and each answer
has its own (`run_timing`). The timing depends only on how many events each stage gets in each step:
not on their addresses, nor on any weight.

The formula follows each step through the core (ARCHITECTURE.md, "Cycles"); every
constant comes from the component that causes it. It equals simulation, or a bench fails.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxp_model.checks import check_type, integers
from fxp_model.errors import InputError
from fxp_model.network import Network
from fxp_model.spec import Answer, NetworkSpec
from fxp_model.trace import Trace
from hw.config import HardwareConfig, StageConfig
from hw.estimates.cores import Cores, Cycles, RunTiming, delays_inputs, dense_layers, input_config
from hw.rtl.answer_unit import unit_of
from hw.rtl.recurrent_synapses import recurrent_config

Counts = NDArray[np.integer]


def event_counts(network: Network, trace: Trace, counts: Counts) -> tuple[Cycles, ...]:
    """Events of the run of `trace` on the input `counts` (T, B, n_in), (T, B) for each synapse array.

    First the events into each stage, which forward delays have delayed; then, in the order of the layers,
    the delayed spikes of each dense recurrence; then, where the input channels have delays, their events
    before these.
    """
    check_type("network", network, Network)
    check_type("trace", trace, Trace)
    shape = (*trace.layers[0].spikes.shape[:2], network.spec.n_in)
    counts = integers("counts", counts)
    if counts.shape != shape:
        raise InputError(f"counts must have shape {shape}, as the trace has, not {counts.shape}")
    inputs = [counts, *(layer.spikes for layer in trace.layers)]
    own = [_active(x, params.input_delay_steps) for x, params in zip(inputs, network.params, strict=True)]
    for index in dense_layers(network.spec):
        spikes, delay_steps = trace.layers[index].spikes, network.params[index].delay_steps
        assert delay_steps is not None
        own.append(_active(spikes, 1 + delay_steps))
    if delays_inputs(network.spec):
        own.append(_active(counts, None))
    return tuple(own)


def _active(x: Counts, delay_steps: Counts | None) -> Cycles:
    """How many of the inputs x[j](t - d[j]) of NUMERICS.md section 5 are active, (T, B); None: d = 0."""
    active = x != 0
    if delay_steps is not None:
        active, undelayed = np.zeros_like(active), active
        for delay in np.unique(delay_steps[delay_steps < len(x)]):
            alike = delay_steps == delay
            active[delay:, :, alike] = undelayed[: len(x) - delay, :, alike]
    return np.count_nonzero(active, axis=2)


def lower_bound(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Least cycles (B,) of any core of these widths: words and markers through its busiest stage.

    `events` (T, B) and `lengths` (B,) as in `clip_cycles`.
    """
    words = _words(spec, config, _checked(spec, [config], events, 2))
    last = answered_steps(spec, np.asarray(lengths))
    answered = np.arange(words.shape[1])[:, np.newaxis] < last
    busiest: Cycles = (words * answered).sum(axis=1).max(axis=0)
    return busiest + last


def dependency_bound(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Least cycles (B,) of any core of these widths for a single sample, however it is pipelined.

    As `lower_bound`, but no stage has the events of a step, delayed ones among them, before the previous
    stage has summed its own, nor a recurrence before its layer has; the answer follows its step.
    Everything else takes no time.
    """
    counts = _checked(spec, [config], events, 2)
    busy, stages = _words(spec, config, counts) + 1, len(spec.stages)
    last = answered_steps(spec, np.asarray(lengths))
    told = unit_of(spec.readout).beats(spec.n_out) - 1
    recurrent = {layer: stages + place for place, layer in enumerate(dense_layers(spec))}
    taken = np.zeros((len(busy), len(last)), dtype=np.int64)  # cycles until each array has taken its marker
    updated, answered = taken[:stages].copy(), taken[0].copy()
    for step in range(busy.shape[1]):
        there = np.zeros_like(answered)
        if delays_inputs(spec):
            taken[-1] += busy[-1, step]
            there = taken[-1]
        for stage in range(stages):
            taken[stage] = np.maximum(taken[stage], there) + busy[stage, step]
            there = taken[stage]
            if stage in recurrent and step:
                array = recurrent[stage]
                taken[array] = np.maximum(taken[array], updated[stage]) + busy[array, step]
                there = np.maximum(there, taken[array])
            updated[stage] = there
        answered = np.where(step + 1 == last, there + told, answered)
    return answered


def _words(spec: NetworkSpec, config: HardwareConfig, counts: Cycles) -> Cycles:
    """Words that each synapse array reads for the `counts` (arrays, T, B) of its events; of their shape."""
    arrays = zip(counts, _arrays(spec, config), strict=True)
    return np.stack([own.event_words(n_out, count) for count, (own, n_out) in arrays])


def _arrays(spec: NetworkSpec, config: HardwareConfig) -> list[tuple[StageConfig, int]]:
    """Widths and neurons of every synapse array, in the order of `event_counts`; input delays are as one."""
    own = [(widths, stage.n_out) for stage, widths in zip(spec.stages, config.stages, strict=True)]
    dense = [(recurrent_config(spec.layers[i], config.stages[i]), own[i][1]) for i in dense_layers(spec)]
    before: list[tuple[StageConfig, int]] = []
    if delays_inputs(spec):
        before.append((input_config(spec, config), 1))
    return own + dense + before


def clip_cycles(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Cycles of each of several samples (B,), each on an idle core.

    Parameters
    ----------
    spec : NetworkSpec
    config : HardwareConfig
    events : (T, B) integers for each synapse array
        As `event_counts` gives them.
    lengths : (B,) integers
        Steps of each sample, 1 .. T; with answers per step, at least its stride.

    Raises
    ------
    InputError
        If the shapes do not agree.
    """
    return _answers(spec, [config], events, lengths, 1)[0] + 1


CHUNK = 512
"""Configurations that are followed in parallel, so that their arrays stay in a cache."""


def sweep_cycles(
    spec: NetworkSpec,
    configs: Sequence[HardwareConfig],
    events: Sequence[Counts],
    lengths: Sequence[int] | Cycles,
) -> Cycles:
    """`clip_cycles` of the same samples for each of `configs`, (C, B), followed in parallel."""
    parts = [
        _answers(spec, configs[low : low + CHUNK], events, lengths, 1)[0] + 1
        for low in range(0, len(configs), CHUNK)
    ]
    return np.concatenate(parts).reshape(len(configs), -1)


def clip_intervals(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int] | Cycles
) -> Cycles:
    """Initiation interval of each of several samples (B,), when it follows itself without a pause.

    Of three copies in a row, the cycles from the answer to the second to that of the third.
    Arguments and errors as in `clip_cycles`.
    """
    answers = _answers(spec, [config], events, lengths, 3)
    return answers[2] - answers[1]


def _answers(
    spec: NetworkSpec,
    configs: Sequence[HardwareConfig],
    events: Sequence[Counts],
    lengths: Sequence[int] | Cycles,
    times: int,
) -> list[Cycles]:
    """Cycle of the last answer to each sample, sent `times` times to its own core, from its first beat.

    For (C * B,) cores: those of the first of `configs`, then those of the next.
    """
    counts = _checked(spec, configs, events, 2)
    steps, samples = counts.shape[1:]
    own = np.asarray(lengths, dtype=np.int64)
    stride = spec.readout.stride
    if np.any(own < stride):
        first = int(np.argmax(own < stride))
        raise InputError(f"sample {first} must have at least stride = {stride} steps, not {own[first]}")
    if own.shape != (samples,) or np.any(own > steps):
        raise InputError(
            f"lengths of samples must be {samples} numbers of {stride}..{steps}, not {own.tolist()}"
        )
    cores = Cores(spec, [config for config in configs for _ in range(samples)])
    every, own = np.tile(np.arange(samples), len(configs)), np.tile(own, len(configs))
    answers = [np.zeros(len(own), np.int64) for _ in range(times)]
    for step in range(times * int(own.max(initial=0))):
        beats = cores.step(counts[:, step % own, every], (step + 1) % own == 0)
        if step == 0:
            first_in = beats.first_in
        for turn, answered in enumerate(answers):
            last = turn * own + answered_steps(spec, own)
            answered[:] = np.where(step + 1 == last, beats.last_out - first_in, answered)
    return answers


def answered_steps(spec: NetworkSpec, lengths: Cycles) -> Cycles:
    """Steps of samples of these lengths up to the last one that is answered."""
    return lengths // spec.readout.stride * spec.readout.stride


def run_timing(
    spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts], lengths: Sequence[int]
) -> RunTiming:
    """When each of several samples, sent back to back, enters and leaves the core; or each answer per step.

    Parameters
    ----------
    spec : NetworkSpec
    config : HardwareConfig
    events : (T,) integers for each synapse array
        As in `clip_cycles`, over all samples.
    lengths : sequence of int
        Steps of each sample, 1 or more; their sum is T.

    Raises
    ------
    InputError
        If the shapes do not agree.
    """
    counts = _checked(spec, [config], events, 1)
    if any(length < 1 for length in lengths) or sum(lengths) != counts.shape[1]:
        raise InputError(
            f"lengths of samples must be positive and sum to {counts.shape[1]}, not {list(lengths)}"
        )
    core, per_step = Cores(spec, [config]), spec.readout.answer is Answer.STEP
    beats: list[tuple[int, int, int, int]] = []
    step = 0
    for length in lengths:
        for place in range(length):
            now = core.step(counts[:, step, np.newaxis], np.array([place == length - 1]))
            if place == 0 or per_step:
                first_in = int(now.first_in[0])
            if (place + 1) % spec.readout.stride == 0 if per_step else place == length - 1:
                beats.append((first_in, int(now.last_in[0]), int(now.first_out[0]), int(now.last_out[0])))
            step += 1
    return RunTiming(*np.array(beats, dtype=np.int64).reshape(-1, 4).T)


def answer_cycles(spec: NetworkSpec, config: HardwareConfig, events: Sequence[Counts]) -> Cycles:
    """Cycles of the answer to each step (T, B) that comes to an idle core, from its marker in to its TLAST.

    As of a stream in real time, whose steps are further apart than a step takes; both ends included, and the
    input is not idle within a step. `events` (T, B) as in `clip_cycles`.

    Raises
    ------
    InputError
        If the answer is per sample, or the shapes do not agree.
    """
    if spec.readout.answer is not Answer.STEP:
        raise InputError(f"answer must be step, not {spec.readout.answer}")
    counts = _checked(spec, [config], events, 2)
    alone = counts.reshape(len(counts), -1)
    beats = Cores(spec, [config] * alone.shape[1]).step(alone, np.full(alone.shape[1], True))
    return beats.answer_cycles.reshape(counts.shape[1:])


def _checked(
    spec: NetworkSpec, configs: Sequence[HardwareConfig], events: Sequence[Counts], dimensions: int
) -> NDArray[np.int64]:
    """`events` as one array (synapse arrays, T[, B]); `InputError` unless they and `configs` fit `spec`."""
    for config in configs:
        config.check(spec)
    names = [*spec.stage_names, *(f"the recurrence of {spec.stage_names[i]}" for i in dense_layers(spec))]
    if delays_inputs(spec):
        names.append("the input delays")
    if len(events) != len(names):
        raise InputError(f"events must be one array for each of {', '.join(names)}, not {len(events)} arrays")
    shape = np.shape(events[0])
    wanted = "(T,)" if dimensions == 1 else "(T, B)"
    for name, counts in zip(names, events, strict=True):
        array = np.asarray(counts)
        if array.dtype.kind not in "iu" or array.shape != shape or array.ndim != dimensions:
            raise InputError(
                f"events into {name} must be integers of one shape {wanted} for all stages, "
                f"not {array.dtype} of shape {array.shape}"
            )
        if array.size and array.min() < 0:
            raise InputError(f"events into {name} must be 0 or more, not {array.min()}")
    return np.stack([np.asarray(counts, dtype=np.int64) for counts in events])
