"""Training that starts from integers begins as they are, and gets back what quantisation took."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fxp_model.artifact import Artifact
from fxp_model.errors import InputError
from fxp_model.exchange.calibration import Calibration
from fxp_model.exchange.comparison import losses
from fxp_model.exchange.description import FloatNetwork, FloatStage, run_float
from fxp_model.exchange.quantize import Widths, quantized, ranges_of
from fxp_model.network import run
from fxp_model.qat.augment import Augmentation
from fxp_model.qat.network import Regularization, SpikingNetwork
from fxp_model.qat.start import adopt, answering
from fxp_model.qat.template import BETA, Shape, network_spec
from fxp_model.qat.train import Recipe, Training, accuracy
from fxp_model.spec import Answer, ReadoutMode, ResetMode
from tests.fxp_model.qat.clips import CHANNELS, CLASSES, labelled

pytestmark = pytest.mark.slow

RECIPE = Recipe(
    epochs=8,
    batch=8,
    seed=1,
    learning_rate=5e-3,
    augmentation=Augmentation(0, 0, 0, 0, 0),
    learn_delays=False,
    noise=Regularization(0, 0),
)


def frames(seed, clips=48):
    return labelled(seed, clips, 0.8, 0.4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    spec = network_spec(Shape(hidden=(16, 16), max_delay=15), CHANNELS, CLASSES)
    module = Training(spec, RECIPE, tmp_path_factory.mktemp("whole")).run(frames(1), frames(2))
    return module.export()


def test_it_begins_with_the_same_integers(trained):
    module = SpikingNetwork(trained.spec)
    own = frames(3)
    adopt(module, trained, own.counts, own.lengths)
    module.eval()
    begun = module.export()
    assert begun.spec == trained.spec
    for one, other in zip(begun.params, trained.params, strict=True):
        assert [(key, a.tolist()) for key, a in one.arrays()] == [
            (key, a.tolist()) for key, a in other.arrays()
        ]
    assert run(begun, own.counts).first_mismatch(run(trained, own.counts)) is None


def test_a_step_of_training_begins_as_evaluation_ends(trained):
    """With the statistics of the batch itself, training mode computes what eval mode does."""
    module = SpikingNetwork(trained.spec)
    own = frames(3)
    adopt(module, trained, own.counts, own.lengths)
    module.train()
    arrays = (torch.from_numpy(own.counts), torch.from_numpy(own.lengths))
    output = module(*arrays, None, Regularization(0, 0)).logits.detach().numpy()
    expected = module.eval().logits(own.counts, own.lengths)
    assert (output.argmax(1) == expected.argmax(1)).mean() > 0.9
    assert np.corrcoef(output.ravel(), expected.ravel())[0, 1] > 0.98


def test_it_gets_back_what_two_bits_took(trained, tmp_path):
    train, val = frames(1), frames(2)
    stages = [
        FloatStage(
            name=name,
            weight=spec.weight.to_real(params.weight),
            bias=spec.bias.to_real(params.bias),
            beta=np.full(spec.n_out, float(spec.beta_format.to_real(spec.beta))),
            v_th=None if name == "readout" else np.full(spec.n_out, float(spec.membrane.to_real(spec.v_th))),
            reset=ResetMode.SUBTRACT,
            recurrent=None if params.recurrent is None else spec.recurrence.weight.to_real(params.recurrent),
            delay_steps=params.delay_steps,
        )
        for name, spec, params in zip(
            trained.spec.stage_names, trained.spec.stages, trained.params, strict=True
        )
    ]
    network = FloatNetwork(tuple(stages), ReadoutMode.SUM)
    clips = Calibration(val.counts, val.lengths, val.labels)
    trace = run_float(network, val.counts)
    poor = quantized(network, Widths(weight=2), ranges_of(trace), input_bits=4)
    table = losses(network, poor, clips, trace)
    assert table.accuracy < table.float_accuracy - 0.1
    tuned = Training(poor.spec, RECIPE, tmp_path / "tuned", start=poor)
    module = tuned.run(train, val)
    assert accuracy(module, val) > table.accuracy + 0.1
    assert {stage.weight.width for stage in module.export().spec.stages} == {2}
    found = module.export().params
    assert [own.delay_steps.tolist() for own in found[:2]] == [
        own.delay_steps.tolist() for own in poor.params[:2]
    ]


def artifact_of(network, labels=("a", "b", "c")):
    return Artifact("own", network, labels, None, {}, {}, np.ones((1, 1, CHANNELS), np.uint8), "")


def test_a_network_of_samples_answers_each_step(trained):
    """Without a leak both readouts are the same sum, but for the scale."""
    assert len({"a", "b", "c"}) == CLASSES
    readout = trained.spec.readout
    whole = replace(readout, beta=int(BETA.from_real(0.5)), mode=ReadoutMode.LAST)
    own = replace(trained, spec=replace(trained.spec, readout=whole))
    found = answering(artifact_of(own), ("a", "b", "c", "none"), 4, 0.9)
    spec, params = found.network.spec.readout, found.network.params[-1]
    assert (found.labels, found.encoder) == (("a", "b", "c", "none"), None)
    assert (spec.mode, spec.answer, spec.stride, spec.n_out) == (ReadoutMode.LAST, Answer.STEP, 4, 4)
    assert spec.beta == int(BETA.from_real(0.9))
    # 0.5 and 0.9: a membrane is five times as large, and the nearest power of two is 4
    assert spec.weight == replace(
        whole.weight, int_bits=whole.weight.int_bits - 2, frac_bits=whole.weight.frac_bits + 2
    )
    assert params.weight[:3].tolist() == trained.params[-1].weight.tolist()
    assert params.bias[:3].tolist() == np.floor(trained.params[-1].bias / 4 + 0.5).tolist()
    assert not params.weight[3].any()
    assert params.bias[3] == 0
    assert found.network.params[:-1] == trained.params[:-1]
    # what the hidden layers do stays as it was
    counts = frames(3).counts
    before, after = run(trained, counts), run(found.network, counts)
    for one, other in zip(before.layers, after.layers, strict=True):
        assert one.spikes.tolist() == other.spikes.tolist()
    assert after.readout.answered.shape == (len(counts) // 4, counts.shape[1], 4)


def test_each_neuron_of_the_readout_may_have_had_its_own_leak(trained):
    each = BETA.from_real(np.array([0.4, 0.5, 0.6]))
    own = replace(
        trained,
        spec=replace(trained.spec, readout=replace(trained.spec.readout, beta=None)),
        params=(*trained.params[:-1], replace(trained.params[-1], beta=each)),
    )
    found = answering(artifact_of(own), ("a", "b", "c"), 1, 0.9).network
    assert found.params[-1].beta is None
    assert found.spec.readout.weight.frac_bits == trained.spec.readout.weight.frac_bits + 2


def test_what_cannot_answer_each_step_is_refused(trained):
    own = artifact_of(trained)
    steps = answering(own, own.labels, 2, 0.9)
    with pytest.raises(InputError, match=r"^artifact own answers per step, must answer per sample$"):
        answering(steps, own.labels, 2, 0.9)
    with pytest.raises(InputError, match=r"^classes must begin with those of own \(a, b, c\), not a, c, b$"):
        answering(own, ("a", "c", "b"), 2, 0.9)
    firing = replace(trained.spec.readout, mode=ReadoutMode.SPIKE_COUNT, v_th=256)
    fires = replace(trained, spec=replace(trained.spec, readout=firing))
    with pytest.raises(InputError, match=r"^readout of own must be sum, last or max, not spike_count$"):
        answering(artifact_of(fires), own.labels, 2, 0.9)


def test_it_is_resumed_from_the_same_start_only(trained, tmp_path):
    short = Recipe(**(vars(RECIPE) | {"epochs": 1}))
    Training(trained.spec, short, tmp_path, start=trained).run(frames(1), frames(2))
    again = Training(trained.spec, short, tmp_path, start=trained)
    again.resume()
    other = Training(trained.spec, short, tmp_path)
    with pytest.raises(InputError, match="start_sha256"):
        other.resume()
