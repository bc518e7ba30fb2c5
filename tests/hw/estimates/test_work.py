"""A core's operations for a sample, counted by hand, and their energy."""

from dataclasses import replace

import numpy as np
import pytest

from fxp_model.fixed import QFormat
from fxp_model.spec import NetworkSpec, RecurrenceKind, RecurrenceSpec, ResetMode, SynapseSpec
from hw.config import HardwareConfig, StageConfig
from hw.estimates.clips import Clips
from hw.estimates.energy import energy
from hw.estimates.work import Work, work
from tests.oracles.plain_networks import BYTE, network_spec

CONFIG = HardwareConfig((StageConfig(4, 2), StageConfig(3, 3)))
EVENTS = (np.array([[3], [0]]), np.array([[1], [4]]))
"""Two steps of one sample: 3 events into the layer, 5 into the readout."""
CLIPS = Clips(EVENTS, np.array([2]), (np.array([12]),))


def test_events_add_weights_and_steps_update_neurons() -> None:
    spec = network_spec(5, 7, 3)
    layer, readout = work(spec, CONFIG, CLIPS).values()
    assert (layer.events.tolist(), readout.events.tolist()) == ([3], [5])
    # 7 neurons in 2 words of 4 lanes and 4 groups of 2; 2 additions an update, 3 with the score
    assert layer.additions.tolist() == [3 * 7 + 2 * 7 * 2]
    assert layer.weight_bits.tolist() == [3 * 2 * 4 * 8]
    assert readout.additions.tolist() == [5 * 3 + 2 * 3 * 3]
    assert readout.weight_bits.tolist() == [5 * 3 * 8]
    assert (layer.toggles.tolist(), readout.toggles.tolist()) == ([12], [0])


def test_sums_of_several_words_lie_in_a_memory_and_others_in_registers() -> None:
    spec = network_spec(5, 7, 3)
    layer, readout = work(spec, CONFIG, CLIPS).values()
    sums = spec.layers[0].accumulator_bits
    opened = 3 * 2 * 4 * sums  # every event adds to all sums
    swept = 2 * 4 * 2
    assert layer.state_bits_read.tolist() == [opened + swept * (8 + 8 + sums) + 2 * 7]
    assert layer.state_bits_written.tolist() == [opened + swept * 8 + 2 * 7]
    assert layer.bits_read.tolist() == (layer.weight_bits + layer.state_bits_read).tolist()
    sums = spec.readout.accumulator_bits  # of one word: copied once a step
    assert readout.state_bits_read.tolist() == [2 * 3 * (8 + 8 + sums) + 2 * 3 * 32]
    assert readout.state_bits_written.tolist() == [2 * 3 * (8 + sums) + 2 * 3 * 32]


def test_adders_are_as_wide_as_sums_and_products_as_both_factors() -> None:
    spec = network_spec(5, 7, 3)
    stage = spec.layers[0]
    leak = 2 * 7 * 8 * stage.beta_format.width
    plain = 3 * 7 * stage.accumulator_bits + 2 * 7 * 2 * stage.sum_bits + leak
    assert work(spec, CONFIG, CLIPS)["layer0"].adder_bits.tolist() == [plain]
    counted = replace(spec, layers=(replace(stage, input_bits=4),))
    wider = counted.layers[0]
    with_counts = 3 * 7 * wider.accumulator_bits + 2 * 7 * 2 * wider.sum_bits + leak + 3 * 7 * 8 * 4
    assert work(counted, CONFIG, CLIPS)["layer0"].adder_bits.tolist() == [with_counts]


def test_a_kernel_adds_its_taps_and_a_dense_recurrence_its_spikes() -> None:
    spec = network_spec(5, 7, 3)
    conv = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=3, kernel_size=3)
    dense = RecurrenceSpec(RecurrenceKind.DENSE, BYTE, max_delay=3, kernel_size=0)

    def layer(recurrence: RecurrenceSpec, clips: Clips) -> Work:
        layers = (replace(spec.layers[0], recurrence=recurrence),)
        return work(replace(spec, layers=layers), CONFIG, clips)["layer0"]

    plain = 3 * 7 + 2 * 7 * 2
    assert layer(conv, CLIPS).additions.tolist() == [plain + 2 * 7 * 3]
    delayed = replace(CLIPS, events=(*EVENTS, np.array([[0], [4]])))
    assert layer(dense, delayed).additions.tolist() == [plain + 2 * 7 + 4 * 7]
    assert layer(dense, delayed).weight_bits.tolist() == [(3 + 4) * 2 * 4 * 8]


def test_a_synaptic_current_takes_the_inputs_and_the_membrane_the_rest() -> None:
    """A delayed reset and a score are additions to the membrane, whose sum is narrower than the current's."""
    spec = network_spec(5, 7, 3)
    synapse = SynapseSpec(current=QFormat(True, 8, 6), alpha=200)
    conv = RecurrenceSpec(RecurrenceKind.CONV, BYTE, max_delay=3, kernel_size=3)
    layer = replace(spec.layers[0], synapse=synapse, recurrence=conv, reset_mode=ResetMode.DELAYED)
    readout = replace(spec.readout, synapse=synapse)
    found = work(NetworkSpec((layer,), readout), CONFIG, CLIPS)
    for stage, own, events, inputs, membrane in (
        (layer, found["layer0"], 3, 2 + 3, 1 + 1),  # bias, current, kernel; current, reset
        (readout, found["readout"], 5, 2, 1 + 1),  # current, score
    ):
        assert stage.input_sum.bits != stage.sum_bits
        n = stage.n_out
        assert own.additions.tolist() == [events * n + 2 * n * (inputs + membrane)]
        leaks = 2 * n * (8 * stage.beta_format.width + 14 * synapse.alpha_format.width)
        exact = 2 * n * (inputs * stage.input_sum.bits + membrane * stage.sum_bits)
        assert own.adder_bits.tolist() == [events * n * stage.accumulator_bits + exact + leaks]


def test_a_current_is_a_state_and_codes_of_each_neuron_are_read() -> None:
    spec = network_spec(5, 7, 3)
    synapse = SynapseSpec(current=QFormat(True, 8, 6), alpha=None)
    plain = work(spec, CONFIG, CLIPS)["layer0"]
    layer = replace(spec.layers[0], synapse=synapse, beta=None, v_th=None)
    own = work(replace(spec, layers=(layer,)), CONFIG, CLIPS)["layer0"]
    swept = 2 * 4 * 2
    codes = layer.beta_format.width + synapse.alpha_format.width + 8
    assert (own.state_bits_read - plain.state_bits_read).tolist() == [swept * (14 + codes)]
    assert (own.state_bits_written - plain.state_bits_written).tolist() == [swept * 14]


@pytest.mark.parametrize("input_bits", [1, 4])
def test_delays_of_the_inputs_have_a_queue_and_counts_a_ring(input_bits: int) -> None:
    spec = network_spec(5, 7, 3)
    layer = replace(spec.layers[0], input_bits=input_bits, max_input_delay=3)
    plain = work(replace(spec, layers=(replace(layer, max_input_delay=None),)), CONFIG, CLIPS)
    delayed = replace(CLIPS, events=(*EVENTS, np.array([[2], [2]])))
    found = work(replace(spec, layers=(layer,)), CONFIG, delayed)
    # in two steps, 4 channels active before their delays, 3 after; 32 steps in the ring
    read, written = 2 * 5, 4 + 2 * 5
    if input_bits > 1:
        read, written = read + 4 * 4 + 3 * (5 + 4), written + 4 * (4 + 4)
    assert found["layer0"] == replace(
        plain["layer0"],
        state_bits_read=plain["layer0"].state_bits_read + read,
        state_bits_written=plain["layer0"].state_bits_written + written,
    )
    assert found["readout"] == plain["readout"]


def test_energy_is_work_times_published_prices() -> None:
    """32-bit addition 0.1 pJ, 64 bits of a memory 10 pJ, 96 bits of registers 6 pJ (Horowitz, ISSCC 2014)."""
    ones = np.array([1000])
    done = Work(ones, ones, 32 * ones, 64 * ones, 48 * ones, 48 * ones, 96 * ones)
    own = energy({"layer0": done})["layer0"]
    parts = (own.adders_nj, own.weights_nj, own.state_nj, own.delays_nj)
    assert [float(part[0]) for part in parts] == pytest.approx([0.1, 10, 6, 6])
    assert own.total_nj.tolist() == pytest.approx([22.1])
