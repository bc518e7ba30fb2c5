"""One LIF neuron of NIR's paper, and what nine simulators made of it (nir/LICENSE).

Each trace has the input, the membrane and the output spikes of 1000 steps of 0.1 ms. All of them call it the
same network.
"""

from pathlib import Path

import numpy as np
import pytest

from fxp_model.archives import Archive
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import run_float
from fxp_model.exchange.quantize import Widths, quantized, ranges_of
from fxp_model.exchange.read import read_network
from fxp_model.network import run
from fxp_model.spec import ResetMode
from tests.foreign import dense_net

NIR = Path(__file__).parent / "nir"
OURS = [460, 510, 710, 760]
LEAK, GAIN, THRESHOLD = 1 - 1e-4 / 0.0025, 1e-4 / 0.0025, 0.1
EXACT = np.exp(-1e-4 / 0.0025)


def traces():
    archive = Archive((NIR / "lif_traces.npz").read_bytes(), "lif_traces.npz")
    return {name: archive.read(name).astype(np.float64) for name in archive.headers}


TRACES = traces()
INPUT = (TRACES["norse"][:, 0] > 0).astype(int)


def imported(reset=ResetMode.ZERO):
    return read_network(NIR / "lif_norse.nir", Asked(dt=1e-4, reset=reset))


def simulated(leak, gain, reset):
    """Membranes before and after the reset, and spikes, of a neuron written out."""
    v, y, before, after, spikes = 0.0, 0.0, [], [], []
    for x in INPUT:
        v = leak * v + gain * x - (THRESHOLD * y if reset == "delayed" else 0)
        y = float(v > THRESHOLD)
        before.append(v)
        v = v * (1 - y) if reset == "zero" else v - THRESHOLD * y if reset == "subtract" else v
        after.append(v)
        spikes.append(y)
    return np.array(before), np.array(after), np.flatnonzero(spikes).tolist()


def test_the_network_is_euler_of_the_equation():
    layer, counter = imported().stages
    assert layer.beta == pytest.approx(LEAK)
    assert layer.weight == pytest.approx(GAIN)
    assert layer.v_th == pytest.approx(THRESHOLD)
    assert (counter.name, counter.beta.item(), counter.weight.item(), counter.v_th.item()) == (
        "counter",
        0,
        1,
        1,
    )


def test_it_equals_norse():
    course = run_float(imported(), INPUT[:, None, None]).stages[0]
    spikes = course.spikes[:, 0, 0]
    assert np.flatnonzero(spikes).tolist() == OURS == np.flatnonzero(TRACES["norse"][:, 2]).tolist()
    after = course.v_mem[:, 0, 0] * (1 - spikes)  # Norse writes what is left after the reset
    assert np.abs(after - TRACES["norse"][:, 1]).max() < 3e-8  # float32


def test_the_integers_equal_norse():
    counts = INPUT[:, None, None]
    network = quantized(
        imported(), Widths(weight=16, membrane=24, share=16), ranges_of(run_float(imported(), counts))
    )
    layer = network.spec.layers[0]
    trace = run(network, counts)
    spikes = trace.layers[0].spikes[:, 0, 0]
    assert np.flatnonzero(spikes).tolist() == OURS
    assert trace.scores.item() == 4
    after = layer.membrane.to_real(trace.layers[0].v_mem[:, 0, 0] * (1 - spikes))
    leak_error = 0.1 * 2.0**-17 + layer.membrane.lsb / 2  # of a step: beta's code, and Q
    bound = (leak_error + layer.weight.lsb / 2) / (1 - LEAK) + 3e-8
    assert np.abs(after - TRACES["norse"][:, 1]).max() < bound < 1e-4


def test_the_same_network_at_another_scale_is_snntorch_s_and_spinnaker_s():
    """snnTorch's import divides the threshold by the gain: the same neuron, 25 times as large."""
    _, after, spikes = simulated(LEAK, GAIN, "zero")
    for name, off in (("snntorch", 2e-6), ("spinnaker2", 1e-3)):  # float32, fixed point
        assert np.flatnonzero(TRACES[name][:, 2]).tolist() == spikes == OURS
        assert np.abs(after / GAIN - TRACES[name][:, 1]).max() < off


def test_nengo_and_the_exact_solution_decay_exactly():
    """exp(-dt/tau) in the place of 1 - dt/tau: other membranes, by chance the same spikes."""
    _, after, spikes = simulated(EXACT, 1 - EXACT, "zero")
    assert np.flatnonzero(TRACES["nengo"][:, 2]).tolist() == spikes == OURS
    assert np.abs(after / THRESHOLD - TRACES["nengo"][:, 1]).max() < 1e-7
    _, after, spikes = simulated(EXACT, 1 - EXACT, "subtract")
    assert np.flatnonzero(TRACES["exact"][:, 2]).tolist() == spikes == OURS
    assert np.abs(after - TRACES["exact"][:, 1]).max() < 1e-3


@pytest.mark.parametrize("name", ["rockpool", "sinabs"])
def test_two_decay_exactly_but_keep_euler_s_gain_and_subtract(name):
    """So an input counts 2 % more, and two of four spikes come ten steps earlier."""
    _, after, spikes = simulated(EXACT, GAIN, "subtract")
    assert np.flatnonzero(TRACES[name][:, 2]).tolist() == spikes == [450, 500, 710, 760]
    assert np.abs(after - TRACES[name][:, 1]).max() < 2e-8


def test_spyx_subtracts_in_the_next_step_and_sends_a_step_later():
    course = run_float(imported(ResetMode.DELAYED), INPUT[:, None, None]).stages[0]
    assert np.abs(course.v_mem[:, 0, 0] - TRACES["spyx"][:, 1]).max() < 6e-8
    assert np.flatnonzero(TRACES["spyx"][:, 2]).tolist() == [
        step + 1 for step in np.flatnonzero(course.spikes)
    ]
    assert np.flatnonzero(course.spikes).tolist() == OURS


def test_lava_is_a_step_later():
    """Lava's process takes its input a step later."""
    _, after, spikes = simulated(LEAK, GAIN, "zero")
    assert np.flatnonzero(TRACES["lava_cpu_float"][:, 2]).tolist() == [step + 1 for step in spikes]
    assert np.abs(after[:-1] - TRACES["lava_cpu_float"][1:, 1]).max() < 5e-8  # float32


def test_lava_s_integers_are_ours(tmp_path):
    """Its authors took w 10, vDecay 163 and vThMant 25 for this neuron: equal, a step later."""
    file = dense_net(tmp_path / "lif.net", [{"weight": [[10]], "vDecay": 163, "vThMant": 25}])
    trace = run(read_network(file, Asked()), INPUT[:, None, None]).layers[0]
    spikes = trace.spikes[:, 0, 0]
    after = trace.v_mem[:, 0, 0] * (1 - spikes)
    assert after[:-1].tolist() == TRACES["lava_cpu_fixed"][1:, 1].tolist()
    loihi = TRACES["lava_loihi_fixed"][1:, 1]
    assert (after[:-1] + 128 * spikes[:-1]).tolist() == loihi.tolist()  # Loihi marks a refractory step by 128
    for name in ("lava_cpu_fixed", "lava_loihi_fixed"):
        assert (
            np.flatnonzero(TRACES[name][:, 2]).tolist()
            == [step + 1 for step in OURS]
            == (np.flatnonzero(spikes) + 1).tolist()
        )
