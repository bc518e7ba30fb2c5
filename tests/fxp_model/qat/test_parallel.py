"""Two processes that share each batch train as one process does, up to the order of additions."""

import socket

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from fxp_model.errors import InputError
from fxp_model.qat import parallel
from fxp_model.qat.augment import Augmentation
from fxp_model.qat.network import Regularization
from fxp_model.qat.template import Shape, network_spec
from fxp_model.qat.train import CHECKPOINT, Frames, Recipe, Training
from fxp_model.spec import RecurrenceKind
from tb.harness.depth import depth

pytestmark = pytest.mark.slow

CHANNELS, CLASSES, STEPS = 10, 3, 14
# real numbers in float64: rounding would turn the last bit of a sum into a whole lsb of a membrane
RECIPE = Recipe(
    epochs=2,
    batch=8,
    quantized=False,
    spike_cost=0.1,
    noise=Regularization(0.3, 0.2),
    augmentation=Augmentation(2, 1, 0.1, 3, 2, 0.1),
)


def frames(seed, clips):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(STEPS // 2, STEPS + 1, clips)
    counts = rng.poisson(0.7, (STEPS, clips, CHANNELS)).astype(np.uint8)
    counts[np.arange(STEPS)[:, None] >= lengths] = 0
    return Frames(counts, rng.integers(0, CLASSES, clips), lengths)


def train(folder, kind):
    """Rows and parameters of a short training in float64; the last batch is incomplete."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    spec = network_spec(Shape(hidden=(9, 8), recurrence=kind, max_delay=9), CHANNELS, CLASSES)
    training = Training(spec, RECIPE, folder)
    training.run(frames(1, 21), frames(2, 9))
    return training


def one_of_two(rank, port, folder, kind):
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    training = train(folder, kind)
    arrays = {name: p.detach().numpy() for name, p in training.module.state_dict().items()}
    rows = [(row.loss, row.train_accuracy, row.val_accuracy, row.rate) for row in training.rows]
    np.savez(folder / f"rank{rank}.npz", rows=rows, **arrays)
    dist.destroy_process_group()


@pytest.mark.parametrize("kind", [RecurrenceKind.CONV, RecurrenceKind.DENSE][: depth(1, 2)])
def test_two_processes_train_as_one(tmp_path, kind):
    dtype = torch.get_default_dtype()
    try:
        alone = train(tmp_path / "one", kind)  # first, so that the other two find the kernels compiled
    finally:
        torch.set_default_dtype(dtype)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "two").mkdir()
    mp.spawn(one_of_two, (port, tmp_path / "two", kind), nprocs=2)
    loaded = [np.load(tmp_path / "two" / f"rank{rank}.npz", allow_pickle=False) for rank in range(2)]
    rows = [(row.loss, row.train_accuracy, row.val_accuracy, row.rate) for row in alone.rows]
    for archive in loaded:
        assert archive["rows"] == pytest.approx(np.array(rows), rel=1e-9)
        for name, parameter in alone.module.state_dict().items():
            # a few thousand additions of float64 per gradient, in another order, over six steps of Adam
            assert archive[name] == pytest.approx(parameter.numpy(), rel=1e-7, abs=1e-9), name
    moved = np.abs(loaded[0]["layers.0.weight"] - initial(kind)).max()
    assert moved > 1e-4
    assert (tmp_path / "two" / CHECKPOINT).exists()


def initial(kind):
    torch.manual_seed(RECIPE.seed)
    spec = network_spec(Shape(hidden=(9, 8), recurrence=kind, max_delay=9), CHANNELS, CLASSES)
    return Training(spec, RECIPE, None).module.layers[0].weight.detach().numpy()


def test_more_processes_than_clips_in_a_batch_are_refused(tmp_path, monkeypatch):
    training = Training(network_spec(Shape(hidden=(4,)), CHANNELS, CLASSES), RECIPE, tmp_path)
    training.processes = 6
    with pytest.raises(InputError, match=r"^each of 6 processes needs a clip, the last batch has 5$"):
        training.run(frames(1, 21), frames(2, 9))


def test_one_process_alone_sums_to_itself():
    assert parallel.shares() == (0, 1)
    assert torch.equal(parallel.all_sum(torch.arange(3)), torch.arange(3))
