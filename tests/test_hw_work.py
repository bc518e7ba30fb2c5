"""What a core does for a sample, counted by hand."""

from dataclasses import replace

import numpy as np

from fxp_model.spec import RecurrenceKind, RecurrenceSpec
from hw.config import HardwareConfig, StageConfig
from hw.estimate.work import work
from tests.oracles.plain_networks import BYTE, network_spec

CONFIG = HardwareConfig((StageConfig(4, 2), StageConfig(3, 3)))
EVENTS = [np.array([[[2, 1]], [[0, 0]]]), np.array([[[1, 0]], [[3, 1]]])]
"""Two steps of one sample: 3 events into the layer, 5 into the readout."""


def state_bits(stage) -> int:
    return stage.membrane.width + stage.bias.width + stage.accumulator_bits


def test_events_add_weights_and_steps_update_neurons() -> None:
    spec = network_spec(5, 7, 3)
    layer, readout = work(spec, CONFIG, EVENTS, [2]).values()
    assert (layer.events.tolist(), readout.events.tolist()) == ([3], [5])
    # 7 neurons in 2 words of 4 lanes and 4 groups of 2; 2 additions an update, 3 with the score
    assert layer.additions.tolist() == [3 * 7 + 2 * 7 * 2]
    assert layer.bits_read.tolist() == [3 * 2 * 4 * 8 + 2 * 4 * 2 * state_bits(spec.layers[0])]
    assert readout.additions.tolist() == [5 * 3 + 2 * 3 * 3]
    assert readout.bits_read.tolist() == [5 * 3 * 8 + 2 * 3 * state_bits(spec.readout)]


def test_a_kernel_adds_its_taps_and_a_dense_recurrence_its_spikes() -> None:
    spec = network_spec(5, 7, 3)
    conv = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=3, kernel_size=3)
    dense = RecurrenceSpec(RecurrenceKind.DENSE, BYTE, max_delay=3, kernel_size=0)

    def additions(recurrence: RecurrenceSpec, events: list) -> int:
        layers = (replace(spec.layers[0], recurrence=recurrence),)
        return int(work(replace(spec, layers=layers), CONFIG, events, [2])["layer0"].additions[0])

    plain = 3 * 7 + 2 * 7 * 2
    assert additions(conv, EVENTS) == plain + 2 * 7 * 3
    delayed = np.array([[[0, 0]], [[2, 2]]])
    assert additions(dense, [*EVENTS, delayed]) == plain + 2 * 7 + 4 * 7
