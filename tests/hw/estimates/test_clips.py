"""Clips in cores: events within their lengths, toggles of delay lines, loads of stages."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from fxp_model.network import Network, run
from fxp_model.random_networks import conv_network, random_counts, random_network
from fxp_model.spec import RecurrenceKind
from fxp_model.variants import with_recurrence
from hw.config import HardwareConfig
from hw.estimates import clips as module
from hw.estimates.bottleneck import loads
from hw.estimates.clips import follow
from hw.estimates.latency import clip_cycles, event_counts
from tb.harness.stimulus import answering

NETWORKS = [conv_network(0), conv_network(1), *(random_network(np.random.default_rng(i)) for i in range(6))]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("batch", [1, 2, 64])
def test_batches_of_padded_clips_are_the_clips_alone(
    monkeypatch: pytest.MonkeyPatch, batch: int, network: Network
) -> None:
    monkeypatch.setattr(module, "BATCH", batch)
    rng = np.random.default_rng(1)
    lengths = [7, 3, 9, 1, 9]
    counts = np.concatenate([random_counts(rng, network.spec, 9, 1) for _ in lengths], axis=1)
    (clips,) = follow([network], counts, lengths, partial(run, network))
    for clip, length in enumerate(lengths):
        alone = counts[:length, clip : clip + 1]
        trace = run(network, alone)
        for padded, own in zip(clips.events, event_counts(network, trace, alone), strict=True):
            assert np.array_equal(padded[:length, clip], own[:, 0])
            assert not padded[length:, clip].any()
        wanted = [
            toggles_of(layer.spikes[:, 0], own.delay_steps, 1)
            + toggles_of(layer.spikes[:, 0], following.input_delay_steps, 0)
            for layer, own, following in zip(trace.layers, network.params, network.params[1:], strict=False)
        ]
        wanted[0] += toggles_of((alone[:, 0] > 0).astype(int), network.params[0].input_delay_steps, 0)
        assert [own[clip] for own in clips.toggles] == wanted


def test_some_of_them_have_forward_delays() -> None:
    kinds = {(i > 0, s.max_input_delay is not None) for n in NETWORKS for i, s in enumerate(n.spec.stages)}
    assert kinds == {(late, own) for late in (False, True) for own in (False, True)}


def toggles_of(spikes: np.ndarray, delay_steps: np.ndarray | None, more: int) -> int:
    """Shift registers of each delay and `more`, until the last spike has left the longest of them."""
    if delay_steps is None:
        return 0
    toggled = 0
    for train, delay in zip(spikes.T.tolist(), delay_steps.tolist(), strict=True):
        line = [0] * (delay + more)
        for bit in [*train, *[0] * (delay + more)]:
            after = [bit, *line][: len(line)]
            toggled += sum(a != b for a, b in zip(line, after, strict=True))
            line = after
    return toggled


@pytest.mark.parametrize("kind", [None, RecurrenceKind.CONV, RecurrenceKind.DENSE])
@pytest.mark.parametrize("events_per_cycle", [1, 2])
@pytest.mark.parametrize("stride", [None, 7])
def test_no_clip_is_shorter_than_a_stage_is_busy(
    kind: RecurrenceKind | None, events_per_cycle: int, stride: int | None
) -> None:
    tight = []
    for seed in range(8):
        network = answering(conv_network(seed), stride)
        core = with_recurrence(network, kind)
        counts = random_counts(np.random.default_rng(seed), network.spec, 200, 3)
        (clips,) = follow([core], counts, [200, 13, 1 if stride is None else 7], partial(run, network))
        config = HardwareConfig.uniform(core.spec, 4, 1, events_per_cycle=events_per_cycle)
        cycles = clip_cycles(core.spec, config, clips.events, clips.lengths)
        busy = np.max(
            [np.maximum(own.synapses, own.update) for own in loads(core.spec, config, clips).values()], 0
        )
        assert (busy <= cycles).all()
        tight.append(busy[0] / cycles[0])
    assert max(tight) > 0.9  # and it explains most of them


def test_a_silent_dense_core_takes_its_loops() -> None:
    """Of two runs, the longer by a step takes a loop more: the load has every cycle of it."""
    core = with_recurrence(conv_network(3), RecurrenceKind.DENSE)
    config = HardwareConfig.uniform(core.spec, 1, 1)
    events = tuple(np.zeros((31, 2), np.int64) for _ in range(len(core.spec.stages) + dense_count(core)))
    clips = module.Clips(events, np.array([30, 31]), tuple(np.zeros(2, np.int64) for _ in core.spec.layers))
    longer = np.diff(clip_cycles(core.spec, config, events, clips.lengths))
    assert longer[0] == max(np.diff(own.update)[0] for own in loads(core.spec, config, clips).values())


def dense_count(core: Network) -> int:
    return sum(own.recurrence is not None for own in core.spec.layers)
