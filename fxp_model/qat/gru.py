"""A GRU on the frames of a spiking network: the baseline of the comparison."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fxp_model.errors import InputError
from fxp_model.qat.augment import augment
from fxp_model.qat.train import MAX_GRADIENT_NORM, Frames, Recipe, labels_of, learning_rate
from fxp_model.spec import NetworkSpec


class Gru(nn.Module):
    """A GRU of the network's widths and a linear readout, averaged over time."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        widths = {layer.n_out for layer in spec.layers}
        if len(widths) > 1:
            raise InputError(f"hidden layers must have equal widths for the GRU, not {sorted(widths)}")
        self.recurrent = nn.GRU(spec.n_in, widths.pop(), num_layers=len(spec.layers))
        self.readout = nn.Linear(spec.layers[-1].n_out, spec.n_out)

    def forward(self, counts: Tensor) -> Tensor:
        """Scores (B, classes) of `counts` (T, B, n_in)."""
        mean: Tensor = self.readout(self.recurrent(counts)[0]).mean(0)
        return mean


def train_gru(
    spec: NetworkSpec,
    recipe: Recipe,
    train: Frames,
    val: Frames,
    progress: Callable[[float], object] = lambda accuracy: None,
) -> list[float]:
    """Accuracies on `val` after each epoch.

    Batches, copies, augmentation, labels and the course of the learning rate are those of `Training`; clips
    count as long as the longest. `progress` gets each accuracy. `InputError` unless each clip has a label.
    """
    for frames in (train, val):
        labels_of(spec.readout, frames)
    torch.manual_seed(recipe.seed)
    module = Gru(spec)
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=recipe.weight_decay)
    curve = []
    for epoch in range(recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        order = rng.permutation(len(train))
        column = np.arange(len(train)) + len(train) * rng.integers(train.copies, size=len(train))
        batches = np.split(order, range(recipe.batch, len(order), recipe.batch))
        module.train()
        for index, batch in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch + index / len(batches))
            labels = train.labels[batch]
            counts = augment(
                train.counts[:, column[batch]], labels, recipe.augmentation, rng, train.lengths[batch]
            )
            scores = module(_scaled(counts))
            loss = F.cross_entropy(scores, torch.from_numpy(labels), label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
        curve.append(_accuracy(module.eval(), val))
        progress(curve[-1])
    return curve


@torch.no_grad()
def _accuracy(module: Gru, frames: Frames, batch: int = 64) -> float:
    parts = np.split(np.arange(len(frames)), range(batch, len(frames), batch))
    chosen = [module(_scaled(frames.counts[:, part])).argmax(1).numpy() for part in parts]
    return float(np.mean(np.concatenate(chosen) == frames.labels))


def _scaled(counts: NDArray[np.uint8]) -> Tensor:
    """Counts as floats of about one."""
    return torch.from_numpy(np.ascontiguousarray(counts)).float() / 4
