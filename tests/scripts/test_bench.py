"""The published algorithms compute the golden model's network, and the benchmark measures correctly."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from fxp_model import network as golden
from fxp_model.artifact import load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.network import Network, StageParams
from fxp_model.pretrained import DEFAULT
from fxp_model.qat import bench, delays
from fxp_model.qat.layer import neuron_of, simulate
from fxp_model.qat.network import from_network
from fxp_model.qat.neuron import Recurrence
from fxp_model.qat.published import PublishedLayer, PublishedNetwork
from fxp_model.spec import (
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
)
from tests.paths import ROOT

pytestmark = pytest.mark.slow

WEIGHT = QFormat(True, 1, 4)
STEPS = 20
UNROUNDED = {
    "weight": WEIGHT,
    "bias": WEIGHT,
    "membrane": QFormat(True, 8, 24),
    "beta": 1,
    "beta_format": QFormat(False, 0, 1),
}
"""beta = 1/2 adds a fraction bit a step to the 4 of weights: 24 hold `STEPS` steps: nothing is rounded."""


def random_network(kind, reset=ResetMode.ZERO, widths=(5, 9, 9, 4), seed=0, common=UNROUNDED):
    """An active network whose delays exceed one round of the circular buffer."""
    rng = np.random.default_rng(seed)
    size = 3 if kind is RecurrenceKind.CONV else 0
    recurrence = None if kind is None else RecurrenceSpec(kind, WEIGHT, 5, size)
    v_th = common["membrane"].from_real(1.0)
    layers, params = [], []
    for n_in, n_out in pairwise(widths[:-1]):
        layers.append(
            LayerSpec(
                n_in=n_in,
                n_out=n_out,
                input_bits=1 if layers else 2,
                v_th=int(v_th),
                reset_mode=reset,
                recurrence=recurrence,
                **common,
            )
        )
        recurrent = None if kind is None else rng.integers(-16, 16, (size,) if size else (n_out, n_out))
        delay = None if kind is None else rng.integers(0, 6, n_out)
        params.append(
            StageParams(rng.integers(-14, 14, (n_out, n_in)), rng.integers(0, 8, n_out), recurrent, delay)
        )
    readout = ReadoutSpec(n_in=widths[-2], n_out=widths[-1], **common)
    params.append(StageParams(rng.integers(-16, 16, (widths[-1], widths[-2])), np.zeros(widths[-1], int)))
    return Network(NetworkSpec(tuple(layers), readout), tuple(params))


def random_counts(network, samples=20, steps=STEPS):
    return np.random.default_rng(1).integers(0, 4, (steps, samples, network.spec.n_in), np.uint8)


@pytest.mark.parametrize("commuted", [False, True])
@pytest.mark.parametrize("reset", [ResetMode.ZERO, ResetMode.SUBTRACT])
@pytest.mark.parametrize("kind", RecurrenceKind)
def test_published_is_the_golden_model_where_nothing_is_rounded(kind, reset, commuted):
    network = random_network(kind, reset)
    counts = random_counts(network)
    expected = golden.run(network, counts)
    published = PublishedNetwork(from_network(network), commuted=commuted)
    with torch.inference_mode():
        output = published(torch.from_numpy(counts).double())
    for layer, spikes in zip(expected.layers, output.spikes, strict=True):
        assert 0.1 < layer.spikes.mean() < 0.9
        assert np.any(layer.i_rec != 0)
        np.testing.assert_array_equal(spikes.numpy(), layer.spikes)
    mean = network.spec.readout.membrane.to_real(expected.readout.v_mem.sum(0)) / STEPS
    np.testing.assert_array_equal(output.logits.numpy(), mean)


def test_neurons_that_the_published_code_does_not_have_are_refused():
    network = random_network(RecurrenceKind.CONV, ResetMode.DELAYED)
    with pytest.raises(
        InputError, match=r"^neurons of a published layer must have one exact leak and one thr"
    ):
        PublishedNetwork(from_network(network))


@pytest.mark.parametrize("kind", RecurrenceKind)
def test_published_training_has_the_spikes_and_gradients_of_ours(kind):
    """Real delays, a triangle over many taps and a gate: the same function by another algorithm."""
    torch.manual_seed(0)
    layer = list(from_network(random_network(kind)).layers)[-1]
    with torch.no_grad():
        layer.delay.uniform_(0, 5)
    published = PublishedLayer(layer)
    current = torch.randn(30, 4, 9, dtype=torch.float64)
    gate = torch.rand(4, 9, dtype=torch.float64)
    cost = torch.randn(30, 4, 9, dtype=torch.float64)

    spikes = published(current, 2.5, gate)
    (spikes * cost).sum().backward()
    recurrence = Recurrence(layer.recurrent, delays.spread(layer.delay, 2.5), gate)
    ours = simulate(current, layer.beta.detach(), neuron_of(layer.spec, quantized=True), recurrence)[1]
    (ours * cost).sum().backward()

    assert 0.05 < spikes.mean() < 0.8
    assert torch.equal(spikes, ours)
    for name in ("recurrent", "delay"):
        mine, other = layer.get_parameter(name).grad, published.get_parameter(name).grad
        assert mine.abs().min() > 0
        # float64 sums in another order, and a membrane rounded to 2**-24
        torch.testing.assert_close(other, mine, rtol=1e-5, atol=1e-7)


def test_published_refuses_what_it_is_not_the_algorithm_of():
    with pytest.raises(InputError, match=r"^a published layer must have a recurrence: this one has none$"):
        PublishedNetwork(from_network(random_network(None)))
    network = random_network(RecurrenceKind.CONV)
    last = replace(network.spec, readout=replace(network.spec.readout, mode=ReadoutMode.LAST))
    with pytest.raises(InputError, match=r"^the readout of a published network must be sum, not last$"):
        PublishedNetwork(from_network(Network(last, network.params)))


class Clock:
    """Time that passes only in calls, each of which takes the next of its seconds."""

    def __init__(self):
        self.now, self.order = 0.0, []

    def call(self, name, *seconds):
        left = iter(seconds)

        def spend():
            self.order.append(name)
            self.now += next(left)

        return spend


def test_a_time_is_the_median_of_rounds_in_turn_without_the_first_call():
    clock = Clock()
    calls = {"a": clock.call("a", 100, 1, 9, 2), "b": clock.call("b", 100, 5, 5, 6)}
    assert bench.medians(calls, 3, 0.0, lambda: clock.now) == {"a": 2, "b": 5}
    assert "".join(clock.order) == "abababab"


def test_a_turn_of_short_calls_is_their_mean():
    clock = Clock()
    calls = {"a": clock.call("a", 100, 1, 2, 3, 4, 2)}
    assert bench.medians(calls, 2, 5.0, lambda: clock.now) == {"a": 2.5}  # (1 + 2 + 3) / 3 and (4 + 2) / 2


def test_clips_are_repeated_to_the_batch_and_padded_to_the_steps():
    counts = np.arange(1, 7, dtype=np.uint8).reshape(1, 3, 2)
    clips = bench.clips(counts)
    assert clips.shape == (bench.STEPS, bench.BATCH, 2)
    np.testing.assert_array_equal(clips[0, :4], [[1, 2], [3, 4], [5, 6], [1, 2]])
    assert not clips[1:].any()


def test_the_dense_twin_of_the_bundled_network_fires_about_as_often():
    artifact = load_artifact(DEFAULT)
    twin = bench.dense_twin(artifact.network)
    rates = [
        [layer.spikes.mean() for layer in golden.run(network, artifact.stimulus).layers]
        for network in (artifact.network, twin)
    ]
    np.testing.assert_allclose(rates[1], rates[0], atol=0.04)
    for conv, dense in zip(artifact.network.params[:-1], twin.params[:-1], strict=True):
        np.testing.assert_array_equal(conv.delay_steps, dense.delay_steps)


def test_the_check_finds_another_network():
    network = random_network(RecurrenceKind.CONV)
    counts = random_counts(network)
    conv = bench.Subject.of(network, counts)
    dense = bench.Subject.of(bench.dense_twin(network), counts)
    found = bench.check(conv, dense)
    assert found["conv"]["published"]["unrounded_spikes_equal"] == 1
    assert found["dense"]["commuted"]["spikes_shared"] == [1, 1]
    params = replace(network.params[1], recurrent=network.params[1].recurrent[::-1])
    mirrored = from_network(Network(network.spec, (network.params[0], params, network.params[2])))
    other = replace(conv, published=PublishedNetwork(mirrored).float())
    with pytest.raises(
        bench.NotEqual, match=r"^spikes of published conv equal the unrounded .* in 0\.\d+ only$"
    ):
        bench.check(other, dense)


def test_an_artifact_of_another_kind_is_refused():
    artifact = load_artifact(DEFAULT)
    for network, message in (
        (random_network(None), r"^recurrence of layer0 must be conv to be compared, not None$"),
        (
            random_network(RecurrenceKind.DENSE),
            r"^recurrence of layer0 must be conv to be compared, not dense$",
        ),
        (
            random_network(RecurrenceKind.CONV, widths=(5, 9, 8, 4)),
            r"^hidden layers must have equal widths for the GRU, not \[8, 9\]$",
        ),
    ):
        with pytest.raises(InputError, match=message):
            bench.measure(replace(artifact, network=network), random_counts(network), quick=True)


TIMES = {f"{system}_s" for system in ("published_dense", "published_conv", "gru", "torch_eval", "engine")}


def test_the_script_writes_the_shape_that_others_rely_on(tmp_path):
    membrane = QFormat(True, 6, 10)
    network = random_network(
        RecurrenceKind.CONV, common=UNROUNDED | {"membrane": membrane}, widths=(5, 8, 8, 4)
    )
    save_artifact(
        tmp_path / "tiny",
        network=network,
        labels=tuple("abcd"),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=random_counts(network, samples=3),
    )
    arguments = ("--artifact", str(tmp_path / "tiny"), "--quick", "--json", str(tmp_path / "out.json"))
    done = subprocess.run(
        [sys.executable, "scripts/bench.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    for part in ("inference", "recurrent_layer"):
        assert set(result[part]) == {"batch1_1thread", "batch64_1thread", "batch64_all"}
        for times in result[part].values():
            assert times.keys() >= TIMES
            assert all(seconds > 0 for seconds in times.values())
    assert set(result["ear"]["times_real_time"]) == {"140x4", "140x2", "64x2"}
    assert all(times > 0 for times in result["ear"]["times_real_time"].values())
    assert "ear, times real time" in done.stdout
    training = result["training"]
    assert training["published_s_per_epoch"] > 0
    assert training["ours_s_per_epoch"] > 0
    assert training["batches_measured"] == 1
    assert {"cpu", "cores", "versions"} <= result["machine"].keys()
    assert "recurrent layer alone" in done.stdout
    assert f"{result['inference']['batch1_1thread']['gru_s'] * 1e3:.3f} ms" in done.stdout
