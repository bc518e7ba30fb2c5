"""How a training starts: leaks, delays, and a first layer that is a delay line."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fxp_model.errors import InputError
from fxp_model.qat.layer import HiddenLayer, Numbers, Readout, Stage
from fxp_model.qat.network import Regularization, SpikingNetwork
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import CHECKPOINT, Frames, Recipe, Training
from fxp_model.spec import RecurrenceKind, ResetMode

pytestmark = pytest.mark.slow


def network(n_in=1, seed=0, **shape):
    torch.manual_seed(seed)
    return SpikingNetwork(network_spec(Shape(**{"hidden": (12, 9), "kernel_size": 3} | shape), n_in, 3))


def trained(tmp_path, shape, recipe, n_in=1):
    return Training(network_spec(shape, n_in, 3), recipe, tmp_path).module


@pytest.mark.parametrize("reset", [ResetMode.ZERO, ResetMode.SUBTRACT])
@pytest.mark.parametrize("beta", [0.0, 0.25, 0.5, 0.75, 0.9375])
@pytest.mark.parametrize(("n_in", "steps"), [(1, 0), (1, 2), (3, 1)])
def test_a_line_holds_its_input_unchanged(n_in, steps, beta, reset):
    module = network(n_in, beta=(beta,), reset_mode=reset).eval()
    module.layers[0].become_line(steps)
    x = np.random.default_rng(1).integers(0, 2, (40, 8, n_in))
    spikes = module.trace(x).layers[0].spikes
    length = 12 // n_in
    for channel in range(n_in):
        for place in range(length):
            delay = place * (1 + steps)
            neuron = channel * length + place
            end = len(x) if n_in == 1 else length * (1 + steps)  # then the line of the next channel begins
            np.testing.assert_array_equal(spikes[delay:end, :, neuron], x[: end - delay, :, channel])
            assert place > 0 or not spikes[:delay, :, neuron].any()


def test_a_line_stays_one_in_training_with_noise_and_width():
    module = network(beta=(0.5,))
    module.layers[0].become_line(2)
    counts = torch.from_numpy(np.random.default_rng(1).integers(0, 2, (40, 8, 1), dtype=np.uint8))
    seen = []
    module.layers[0].register_forward_hook(lambda layer, given, output: seen.append(output[0].events))
    module(counts, torch.full((8,), 40), 5.0, Regularization(0.0, 0.5))
    spikes = seen[0].numpy()
    assert spikes[:, :, 0].any()
    for place in range(12):
        np.testing.assert_array_equal(spikes[3 * place :, :, place], spikes[: 40 - 3 * place, :, 0])


def test_a_line_is_fixed_and_the_rest_is_learned(tmp_path):
    shape = Shape(hidden=(12, 9), max_delay=50)
    recipe = Recipe(line_delay=4, start_delays=(40.0, 50.0), epochs=1, batch=4, learn_beta=True)
    training = Training(network_spec(shape, 1, 3), recipe, tmp_path)
    line, other = training.module.layers
    assert (line.delay == 4).all()
    assert other.delay.min() >= 40
    assert other.delay.max() <= 50
    assert other.delay.max() - other.delay.min() > 2
    before = {name: p.detach().clone() for name, p in training.module.named_parameters()}
    counts = np.random.default_rng(1).integers(0, 2, (60, 8, 1), dtype=np.uint8)
    frames = Frames(counts, np.arange(8) % 3, np.full(8, 60))
    training.run(frames, frames)
    for name, parameter in training.module.named_parameters():
        assert torch.equal(parameter, before[name]) == name.startswith("layers.0."), name


def test_a_leak_is_that_of_its_stage_and_scales_what_starts_with_it():
    plain, leaky = network(), network(beta=(0.75, 0.96875), readout_beta=0.984375)
    assert [stage.beta.item() for stage in leaky.stages] == [0.75, 0.96875, 0.984375]
    for one, other in zip(plain.layers[:1], leaky.layers[:1], strict=True):
        assert all(torch.equal(one.state_dict()[name], other.state_dict()[name]) for name in one.state_dict())
    torch.testing.assert_close(leaky.layers[1].recurrent, plain.layers[1].recurrent * (1 - 0.96875) / 0.25)
    wide = math.sqrt((1 - 0.96875**2) / (1 - 0.75**2))
    torch.testing.assert_close(leaky.layers[1].gamma, torch.full((9,), wide))
    # the default leak of the readout is 230 / 256
    torch.testing.assert_close(leaky.readout.weight * (1 - 230 / 256), plain.readout.weight * (1 - 0.984375))


def test_a_synaptic_current_scales_the_kernel_and_is_of_its_layer():
    plain, slow = network(), network(alpha=(0.0, 0.75))
    assert [layer.alpha.item() for layer in slow.layers] == [0.0, 0.75]
    assert slow.readout.spec.synapse is None
    for one, other, factor in zip(plain.layers, slow.layers, (1.0, 0.25), strict=True):
        torch.testing.assert_close(other.recurrent, one.recurrent * factor)


@pytest.mark.parametrize("learned", [True, False])
def test_alpha_is_learned_as_the_other_leaks_are(tmp_path, learned):
    recipe = Recipe(epochs=1, batch=4, learn_beta=learned)
    training = Training(network_spec(Shape(hidden=(12, 9), alpha=(0.5,)), 1, 3), recipe, tmp_path)
    training.run(counted(0), counted(1))
    for layer in training.module.layers:
        assert (layer.alpha.item() != 0.5) == learned
        assert (layer.beta.item() != 0.75) == learned


def test_the_default_leak_scales_nothing():
    spec = network_spec(Shape(hidden=(9,)), 4, 3)
    weights = []
    for kind in (Stage, Readout):
        torch.manual_seed(0)
        weights.append(kind(spec.readout, Numbers(normalized=False)).weight)
    assert torch.equal(*weights)
    torch.manual_seed(0)
    layer = HiddenLayer(spec.layers[0], Numbers())
    assert (layer.gamma == 1).all()
    torch.manual_seed(0)
    Stage(spec.layers[0], Numbers())
    assert torch.equal(layer.recurrent, torch.empty(5).uniform_(-1 / math.sqrt(5), 1 / math.sqrt(5)))


def test_the_membrane_is_as_wide_with_any_leak():
    """Of neurons that never fire, to white input; the law that scales `gamma`."""
    noise = np.random.default_rng(0).normal(size=(20_000,))
    for alpha, beta in ((0.0, 0.0), (0.0, 0.75), (0.0, 0.96875), (0.875, 0.75), (0.5, 0.9375)):
        layer = network(alpha=(alpha,) if alpha else (), beta=(beta,)).layers[0]
        v, c, course = 0.0, 0.0, []
        for current in noise * float(layer.gamma[0].detach()):
            c = alpha * c + current
            v = beta * v + c
            course.append(v)
        assert np.std(course) == pytest.approx(1 / math.sqrt(1 - 0.75**2), rel=0.1)


@pytest.mark.parametrize(
    ("shape", "line", "message"),
    [
        (
            {"recurrence": None},
            1,
            "a delay line needs conv recurrence of 3 taps or more in the first hidden layer",
        ),
        (
            {"kernel_size": 1},
            1,
            "a delay line needs conv recurrence of 3 taps or more in the first hidden layer",
        ),
        (
            {"recurrence": RecurrenceKind.DENSE},
            1,
            "a delay line needs conv recurrence of 3 taps or more in the first hidden layer",
        ),
        (
            {"reset_mode": ResetMode.DELAYED},
            1,
            "a delay line needs a reset in the step of the spike, not a delayed one",
        ),
        ({"alpha": (0.5, 0.0)}, 1, "a delay line needs neurons without a synaptic current"),
        ({}, 64, "line_delay must be at most max_delay 63, not 64"),
        ({"hidden": (2,)}, 1, "a delay line of 3 channels needs as many neurons, not 2"),
    ],
)
def test_what_cannot_be_a_line_is_refused(tmp_path, shape, line, message):
    with pytest.raises(InputError) as caught:
        trained(tmp_path, Shape(**shape), Recipe(line_delay=line), n_in=3)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Shape(beta=(0.5, 0.5, 0.5)),
            "beta must be one value, or one for each of 2 hidden layers, not 3",
        ),
        (
            lambda: Shape(alpha=(0.5, 0.5, 0.5)),
            "alpha must be one value, or one for each of 2 hidden layers, not 3",
        ),
        (lambda: Shape(alpha=(1.0,)), "alpha must be 0..0.996094, not 1.0"),
        (lambda: Shape(beta=(1.0,)), "beta must be 0..0.996094, not 1.0"),
        (lambda: Shape(readout_beta=-0.1), "beta must be 0..0.996094, not -0.1"),
        (lambda: Recipe(start_delays=(0.0, 2000.0)), "start_delay must be 0..1023, not 2000.0"),
        (
            lambda: Recipe(start_delays=(30.0, 10.0)),
            "start_delays must be the least first, not 30.0 and 10.0",
        ),
        (lambda: Recipe(line_delay=-1), "line_delay must be 0..1023, not -1"),
    ],
)
def test_limits(make, message):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == message


def test_delays_start_as_before_unless_asked(tmp_path):
    module = trained(tmp_path, Shape(), Recipe())
    for layer in module.layers:
        assert isinstance(layer, HiddenLayer)
        assert layer.delay.min() >= 10
        assert layer.delay.max() <= 30


def counted(seed, clips=12):
    counts = np.random.default_rng(seed).integers(0, 2, (30, clips, 1), dtype=np.uint8)
    return Frames(counts, np.arange(clips) % 3, np.full(clips, 30))


def test_a_training_starts_with_the_best_of_another_but_for_its_leaks(tmp_path):
    shape = Shape(hidden=(12, 9), alpha=(0.25,))
    first = Training(network_spec(shape, 1, 3), Recipe(epochs=2, batch=4), tmp_path / "first")
    first.run(counted(0), counted(1))
    shape = replace(shape, alpha=(0.375, 0.75), beta=(0.5, 0.625), readout_beta=0.875)
    spec = network_spec(shape, 1, 3)
    second = Training(spec, Recipe(epochs=1, batch=4, seed=3), tmp_path / "second", parent=tmp_path / "first")
    for name, value in second.module.state_dict().items():
        if name.endswith(("alpha", "beta")):
            assert value in (0.375, 0.75, 0.5, 0.625, 0.875)
        else:
            assert torch.equal(value, first.best[name]), name
    second.run(counted(0), counted(1))
    again = Training(spec, Recipe(epochs=1, batch=4, seed=3), tmp_path / "second", parent=tmp_path / "first")
    again.resume()
    other = Training(spec, Recipe(epochs=1, batch=4, seed=3), tmp_path / "second")
    with pytest.raises(
        InputError, match=r"parent_sha256 of the checkpoint is '\w{64}', not None as requested$"
    ):
        other.resume()


def test_a_training_of_another_shape_is_no_start(tmp_path):
    Training(network_spec(Shape(hidden=(12,)), 1, 3), Recipe(epochs=1), tmp_path / "first").run(
        counted(0), counted(1)
    )
    path = tmp_path / "first" / CHECKPOINT
    for hidden, name, shape in (
        ((12, 9), r"layers\.1\.weight", r"\(9, 12\)"),
        ((11,), r"layers\.0\.weight", r"\(11, 1\)"),
    ):
        spec = network_spec(Shape(hidden=hidden), 1, 3)
        message = rf"^{path}: {name} must be of shape {shape}, as in the network to train$"
        with pytest.raises(InputError, match=message):
            Training(spec, Recipe(epochs=1), tmp_path / "second", parent=tmp_path / "first")
    with pytest.raises(InputError, match=rf"^{tmp_path}/none/{CHECKPOINT}: No such file or directory$"):
        Training(spec, Recipe(epochs=1), tmp_path / "second", parent=tmp_path / "none")
