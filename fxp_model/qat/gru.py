"""A GRU on the frames of a spiking network: the baseline of the comparison."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fxp_model.errors import InputError, shown
from fxp_model.evaluation import NOT_COUNTED, at_answers
from fxp_model.qat import checkpoint
from fxp_model.qat.augment import augment
from fxp_model.qat.checkpoint import Arrays
from fxp_model.qat.train import MAX_GRADIENT_NORM, Frames, Recipe, frames_sha256, labels_of, learning_rate
from fxp_model.spec import Answer, NetworkSpec
from fxp_model.tables import array_of, check_fields, number
from fxp_model.trace import Answers

_BEST = "best/"
"""Before the names of the best epoch's tensors in a file."""


class Gru(nn.Module):
    """A GRU of the network's widths and a linear readout.

    With an answer per sample its scores are averaged over time. With answers per step it takes the sums of
    the frames between two answers, as many steps fewer. In training, `dropout` is the share of the outputs
    of each layer that is dropped.
    """

    def __init__(self, spec: NetworkSpec, dropout: float = 0.0) -> None:
        super().__init__()
        widths = {layer.n_out for layer in spec.layers}
        if len(widths) > 1:
            raise InputError(f"hidden layers must have equal widths for the GRU, not {sorted(widths)}")
        self.stride = spec.readout.stride if spec.readout.answer is Answer.STEP else None
        between = dropout if len(spec.layers) > 1 else 0.0
        self.recurrent = nn.GRU(spec.n_in, widths.pop(), num_layers=len(spec.layers), dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(spec.layers[-1].n_out, spec.n_out)

    def forward(self, counts: Tensor) -> Tensor:
        """Scores (B, classes), or (A, B, classes), of `counts` (T, B, n_in)."""
        scores: Tensor
        if self.stride is None:
            scores = self.readout(self.dropout(self.recurrent(counts)[0])).mean(0)
        else:
            scores, _ = self.answered(counts, None)
        return scores

    def answered(self, counts: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Scores (A, B, classes) of further `counts` (A * stride, B, n_in), and the state after them."""
        _, samples, channels = counts.shape
        whole = counts.reshape(-1, self.stride or 1, samples, channels).sum(1)
        course, state = self.recurrent(whole, state)
        return self.readout(self.dropout(course)), state


def train_gru(
    spec: NetworkSpec,
    recipe: Recipe,
    train: Frames,
    val: Frames,
    progress: Callable[[float], object] = lambda accuracy: None,
    kept: Path | None = None,
) -> tuple[Gru, list[float]]:
    """The module of the best epoch, and the accuracies on `val` after each.

    Batches, copies, augmentation, dropout (of outputs, as of spikes there), labels and the course of the
    learning rate are those of `Training`; clips count as long as the longest. `progress` gets each accuracy.
    The file `kept` is written after each epoch; a training goes on from the one that is there.

    Raises
    ------
    InputError
        A clip has no label, or `kept` is no file of this training.
    """
    _, asked = labels_of(spec.readout, train), labels_of(spec.readout, val)
    torch.manual_seed(recipe.seed)
    module = Gru(spec, recipe.noise.dropout)
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=recipe.weight_decay)
    own = {"recipe": asdict(recipe), "frames_sha256": frames_sha256(train, val), "stride": module.stride}
    of = json.loads(json.dumps(own))
    curve: list[float] = []
    best = dict(module.state_dict())
    if kept is not None and kept.exists():
        state, description = checkpoint.load(kept)
        check_fields(str(kept), description, {"curve": array_of(number(0, 1), 1)})
        curve = description.pop("curve")
        if description != of:
            raise InputError(f"{kept}: must be of this training, not of another; name another file")
        best = _best(module, kept, state)
        try:
            checkpoint.restore(state, module, optimizer)
        except (KeyError, ValueError, RuntimeError) as error:
            raise InputError(f"{kept}: not a GRU of this network: {' '.join(str(error).split())}") from None
        for accuracy in curve:
            progress(accuracy)
    for epoch in range(len(curve), recipe.epochs):
        rng = np.random.default_rng([recipe.seed, epoch])
        order = rng.permutation(len(train))
        column = np.arange(len(train)) + len(train) * rng.integers(train.copies, size=len(train))
        batches = np.split(order, range(recipe.batch, len(order), recipe.batch))
        module.train()
        for index, batch in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(recipe, epoch + index / len(batches))
            target = train.labels[batch], train.lengths[batch]
            counts, labels = augment(
                train.counts[:, column[batch]], target[0], recipe.augmentation, rng, target[1]
            )
            labels = at_answers(spec.readout, labels)
            counted = max(int(np.count_nonzero(labels != NOT_COUNTED)), 1)
            loss = F.cross_entropy(
                module(_scaled(counts)).flatten(0, -2),
                torch.from_numpy(np.ascontiguousarray(labels.T).ravel()),
                label_smoothing=recipe.label_smoothing,
                ignore_index=NOT_COUNTED,
                reduction="sum",
            )
            loss = loss / counted
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
        curve.append(_accuracy(module.eval(), val, asked))
        if curve[-1] == max(curve):
            best = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        if kept is not None:
            state = checkpoint.state_of(module, optimizer)
            state |= {_BEST + name: tensor for name, tensor in best.items()}
            checkpoint.save(kept, state, of | {"curve": curve})
        progress(curve[-1])
    module.load_state_dict(best)
    return module, curve


def load_gru(spec: NetworkSpec, kept: Path) -> Gru:
    """The best GRU in a file of `train_gru`, for the inputs, widths, classes and answers of `spec`.

    Raises
    ------
    InputError
        The file is damaged, or its GRU has other shapes or another stride.
    """
    module = Gru(spec)
    state, description = checkpoint.load(kept)
    if description.get("stride") != module.stride:
        asked, found = (shown(own or "none") for own in (module.stride, description.get("stride")))
        raise InputError(f"{kept}: stride of the answers must be {asked}, as in the network, not {found}")
    module.load_state_dict(_best(module, kept, state))
    return module


def _best(module: Gru, kept: Path, state: Arrays) -> Arrays:
    """Tensors of the best epoch in the file `kept`; `InputError` unless they fit `module`."""
    best, wanted = checkpoint.under(_BEST, state), module.state_dict()
    if differing := wanted.keys() ^ best.keys():
        raise InputError(f"{kept}: not a GRU of this network, as layers differ: {shown(min(differing))}")
    for name, tensor in wanted.items():
        shape, found = tuple(tensor.shape), tuple(best[name].shape)
        if found != shape:
            raise InputError(f"{kept}: {name} must be of shape {shape}, not {found}")
    return best


@torch.no_grad()
def _accuracy(module: Gru, frames: Frames, labels: NDArray[np.int64], batch: int = 64) -> float:
    parts = np.split(np.arange(len(frames)), range(batch, len(frames), batch))
    chosen = [module(_scaled(frames.counts[:, part])).argmax(-1).numpy().T for part in parts]
    return int(np.sum(np.concatenate(chosen) == labels)) / int(np.count_nonzero(labels != NOT_COUNTED))


class GruListener:
    """A GRU on an endless stream, as `fxp_model.spotting.answers.Listener`.

    Its scores are the logits in 1/256, rounded.
    """

    def __init__(self, module: Gru) -> None:
        if module.stride is None:
            raise InputError("a GRU must answer per step to listen to a stream")
        self._module, self._stride = module.eval(), module.stride
        self._state: Tensor | None = None
        self._rest: NDArray[np.uint8] | None = None
        self._answers = 0

    @torch.no_grad()
    def hear(
        self, counts: NDArray[np.uint8], loudness: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Answers]:
        """See `Listener`."""
        if self._rest is not None:
            counts = np.concatenate([self._rest, counts])
        number = len(counts) // self._stride
        if number == 0:
            self._rest = counts
            none = np.zeros((0, 1, self._module.readout.out_features), np.int64)
            return np.zeros(0, np.int64), Answers.of(none)
        used, self._rest = np.split(counts, [number * self._stride])
        scores, self._state = self._module.answered(_scaled(used[:, np.newaxis]), self._state)
        first, self._answers = self._answers + 1, self._answers + number
        times = self._stride * np.arange(first, self._answers + 1)
        return times, Answers.of(np.rint(256 * scores.numpy()).astype(np.int64))


def _scaled(counts: NDArray[np.uint8]) -> Tensor:
    """Counts as floats of about one."""
    return torch.from_numpy(np.ascontiguousarray(counts)).float() / 4
