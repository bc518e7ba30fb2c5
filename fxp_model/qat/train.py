"""The training loop: reproducible, resumable, selected on validation clips."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch.nn.parallel import DistributedDataParallel

from fxp_model.errors import InputError
from fxp_model.evaluation import NOT_COUNTED, answered_labels, at_answers
from fxp_model.files import read_text, replacing, write_text
from fxp_model.folders import owned
from fxp_model.network import Network
from fxp_model.qat import checkpoint, kernels, parallel
from fxp_model.qat.augment import Augmentation, augment
from fxp_model.qat.delays import sigma_at
from fxp_model.qat.layer import HiddenLayer, Numbers
from fxp_model.qat.limits import LIMITS, check_limits
from fxp_model.qat.network import Regularization, SpikingNetwork, from_network
from fxp_model.qat.start import adopt
from fxp_model.spec import Answer, NetworkSpec, ReadoutMode, ReadoutSpec
from fxp_model.tables import COUNT, OBJECT, SIZE, TEXT, array_of, check_fields, number

CHECKPOINT = "checkpoint.npz"
LOG = "log.csv"
MAX_GRADIENT_NORM = 5.0
LEAKS = ("beta", "alpha")
"""Parameters of a stage that say what is kept of its states per step."""
MAX_PARAMETER = 2.0**32
"""A larger parameter, which no format of the hardware can hold, means that the training diverged."""


@dataclass(frozen=True)
class Frames:
    """Labelled clips of equal or different length.

    counts : (T, copies * B, channels) uint8, shorter clips padded with zeros at the end; copy k of clip b is
        column k * B + b, and the first copies are what is measured
    labels : (B,) int64, or (B, T) of each step, -1 where none is counted
    lengths : (B,) int64
    """

    counts: NDArray[np.uint8]
    labels: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def copies(self) -> int:
        """Of each clip, encoded under different conditions."""
        return self.counts.shape[1] // len(self)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    epochs, batch, seed
    learning_rate : peak of the schedule, for all but the delays
    delay_rate : factor of it for the delays, which count steps
    warmup : share of the training in which the rate rises
    weight_decay, label_smoothing
    quantized : train with the formats of the network; False: a float network
    learn_beta : train the leaks too
    learn_delays : False: they keep their initial values, forward ones too
    start_delay : initial delay in steps, of each layer with recurrence; None: random for each neuron
    start_delays : least and largest of random initial delays
    line_delay : delay in steps of the delay line that the first hidden layer is, see
        `HiddenLayer.become_line`; None: it is trained as the others
    spike_cost : added to the loss per mean spike of a neuron and step, summed over layers
    sigma : initial width of the delay's triangle
    rounds_at : share of the training after which delays are integers
    taught : share of the distillation loss, if there is a teacher
    temperature : what logits are divided by before student and teacher are compared
    truncate : steps of a window of truncated back-propagation, see `fxp_model.qat.neuron.simulate`; None: all

    Raises
    ------
    InputError
        If a value is outside its limits.
    """

    epochs: int = 40
    batch: int = 64
    seed: int = 0
    learning_rate: float = 4e-3
    delay_rate: float = 15.0
    warmup: float = 0.3
    weight_decay: float = 1e-5
    label_smoothing: float = 0.1
    quantized: bool = True
    learn_beta: bool = False
    learn_delays: bool = True
    start_delay: tuple[float, ...] | None = None
    start_delays: tuple[float, float] = HiddenLayer.START_DELAYS
    line_delay: int | None = None
    spike_cost: float = 0.0
    sigma: float = 5.0
    rounds_at: float = 0.8
    taught: float = 0.8
    temperature: float = 2.0
    truncate: int | None = None
    noise: Regularization = field(default_factory=Regularization)
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        numbers = {name: value for name, value in vars(self).items() if name in LIMITS and value is not None}
        delays = (*numbers.pop("start_delay", ()), *self.start_delays)
        for name, value in (*numbers.items(), *(("start_delay", delay) for delay in delays)):
            check_limits(name, value)
        low, high = self.start_delays
        if low > high:
            raise InputError(f"start_delays must be the least first, not {low} and {high}")


@dataclass(frozen=True)
class Epoch:
    """A row of the log; `rate` is spikes per neuron and step, mean over hidden layers, in training."""

    epoch: int
    loss: float
    train_accuracy: float
    val_accuracy: float
    rate: float
    sigma: float | None
    learning_rate: float


_ROW = {
    "epoch": COUNT,
    "loss": number(-1e300, 1e300),
    "train_accuracy": number(0, 1),
    "val_accuracy": number(0, 1),
    "rate": SIZE,
    "sigma": SIZE.or_null(),
    "learning_rate": SIZE,
}
"""What a checkpoint has of each epoch."""


class Training:
    """A training that can stop after any epoch and resume exactly.

    An epoch takes one copy of each clip, drawn at random. Every random number of an epoch comes from
    the seed and the number of the epoch. Equal to the last bit on the same machine with the same number
    of threads. Under `torchrun` the processes share the clips of each batch and sum gradients and
    statistics, which then differ by the order of floating-point additions only; process 0 writes the
    files.

    Parameters
    ----------
    spec : NetworkSpec
        What to train; scales of weights follow their values.
    recipe : Recipe
    folder : Path
        Where the checkpoint and the log go.
    classes : tuple of str
        Names of the labels; a checkpoint with other names is not resumed.
    teacher : SpikingNetwork, optional
        In eval mode; its logits are learned beside the labels.
    start : Network, optional
        The integers that training starts from, of `spec`; default: random numbers.
    parent : Path, optional
        Folder of a training of the same shape, with whose best parameters this one starts; its leaks are
        those of `spec`.

    Raises
    ------
    InputError
        The checkpoint in `parent` is missing, damaged, or of another shape; or `spec` answers each step, and
        its readout, the augmentation or a teacher is one that is for an answer per sample.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        recipe: Recipe,
        folder: Path,
        classes: tuple[str, ...] = (),
        teacher: SpikingNetwork | None = None,
        start: Network | None = None,
        parent: Path | None = None,
    ) -> None:
        if spec.readout.answer is Answer.STEP:
            _check_steps(spec.readout, recipe, teacher)
        self.spec = spec
        self.start = start
        self.recipe = recipe
        self.folder = folder
        self.classes = classes
        self.teacher = teacher
        self.frames_sha256: str | None = None
        kernels.match_threads()
        torch.manual_seed(recipe.seed)
        self.numbers = Numbers(quantized=recipe.quantized)
        self.module = SpikingNetwork(spec, self.numbers)
        _prepare(self.module, recipe)
        if parent is not None:
            _start_with(self.module, parent / CHECKPOINT)
        self.parent_sha256 = None if parent is None else _sha256(self.module)
        self.rank, self.processes = parallel.shares()
        self.step_module: torch.nn.Module = self.module
        if self.processes > 1:
            # statistics are equal already, and fixed delays have no gradient
            self.step_module = DistributedDataParallel(
                self.module, broadcast_buffers=False, find_unused_parameters=True
            )
        self.optimizer = _optimizer(self.module, recipe)
        self.rows: list[Epoch] = []
        self.best: checkpoint.Arrays = {}

    @property
    def best_row(self) -> Epoch:
        """The epoch of the highest validation accuracy, the last of several; after one epoch or more."""
        return max(self.rows, key=lambda row: (row.val_accuracy, row.epoch))

    def save(self) -> None:
        """Write checkpoint and log, each completely or not at all."""
        if self.rank > 0:
            return
        now = checkpoint.state_of(self.module, self.optimizer)
        arrays = {f"now/{name}": array for name, array in now.items()}
        arrays |= {f"best/{name}": array for name, array in self.best.items()}
        rows = [asdict(row) for row in self.rows]
        checkpoint.save(
            self.folder / CHECKPOINT,
            arrays,
            self._identity() | {"frames_sha256": self.frames_sha256, "rows": rows},
        )
        with replacing(self.folder / LOG) as path:
            write_text(path, _log(self.rows))

    def resume(self) -> None:
        """Load the checkpoint in the folder; `run` then requires the same frames.

        Raises
        ------
        InputError
            If it is missing, damaged, or of another network, recipe or classes; or the log does not belong to
            it.
        """
        path = self.folder / CHECKPOINT
        arrays, description = checkpoint.load(path)
        for name, value in self._identity().items():
            if description.get(name) != value:
                raise InputError(f"{path}: {_difference(name, description.get(name), value)}")
        check_fields(str(path), description, {"rows": array_of(OBJECT, 1), "frames_sha256": TEXT.or_null()})
        for index, row in enumerate(description["rows"]):
            check_fields(f"{path}: rows[{index}]", row, _ROW)
        try:
            self.rows = [Epoch(**row) for row in description["rows"]]
            self.frames_sha256 = description["frames_sha256"]
            self.best = checkpoint.under("best/", arrays)
            checkpoint.restore(checkpoint.under("now/", arrays), self.module, self.optimizer)
            self.selected()
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: not a checkpoint of this network: {reason}") from None
        log = self.folder / LOG
        # the log follows the checkpoint, and may be an epoch behind
        if log.exists() and read_text(log) not in (_log(self.rows), _log(self.rows[:-1])):
            raise InputError(f"{log} is not the log of {path}; move it away, or name another folder")

    def check_data(self, train: Frames, val: Frames) -> None:
        """`InputError` if the loaded checkpoint was trained on other frames, or they have other labels."""
        for frames in (train, val):
            labels_of(self.spec.readout, frames)
        digest = frames_sha256(train, val)
        if self.frames_sha256 not in (None, digest):
            difference = _difference("frames_sha256", self.frames_sha256, digest)
            raise InputError(f"{self.folder / CHECKPOINT}: {difference}: it belongs to other data")
        self.frames_sha256 = digest

    def run(
        self,
        train: Frames,
        val: Frames,
        progress: Callable[[Epoch | None], object] = lambda epoch: None,
    ) -> SpikingNetwork:
        """Train the remaining epochs and return the best network.

        Parameters
        ----------
        train, val : Frames
            `val` selects the epoch and does nothing else.
        progress : callable
            Called with None after each batch and with the log's row after each epoch.

        Raises
        ------
        InputError
            If the checkpoint belongs to other frames, or the loss diverges.
        """
        self.check_data(train, val)
        last_batch = (len(train) - 1) % self.recipe.batch + 1
        if last_batch < self.processes:
            raise InputError(
                f"each of {self.processes} processes needs a clip, the last batch has {last_batch}"
            )
        if self.start is not None and not self.rows:
            few = train.counts[:, : len(train)]  # copies come behind
            adopt(self.module, self.start, few, train.lengths)
            self.module.constrain()
        for epoch in range(len(self.rows), self.recipe.epochs):
            row = self._epoch(epoch, train, val, progress)
            self.rows.append(row)
            if self.best_row is row:
                self.best = checkpoint.under("module/", checkpoint.state_of(self.module, self.optimizer))
            self.save()
            progress(row)
        return self.selected()

    def selected(self) -> SpikingNetwork:
        """The network of the best epoch so far, in eval mode."""
        best = SpikingNetwork(self.spec, self.numbers)
        best.load_state_dict(self.best)
        return best.eval()

    def _epoch(
        self, epoch: int, train: Frames, val: Frames, progress: Callable[[Epoch | None], object]
    ) -> Epoch:
        recipe = self.recipe
        rng = np.random.default_rng([recipe.seed, epoch])
        torch.manual_seed(int(rng.integers(2**63)))
        sigma = None
        if recipe.learn_delays:
            sigma = sigma_at(epoch / recipe.epochs, recipe.sigma, recipe.rounds_at)
        order = rng.permutation(len(train))
        column = np.arange(len(train)) + len(train) * rng.integers(train.copies, size=len(train))
        batches = np.split(order, range(recipe.batch, len(order), recipe.batch))
        sums = torch.zeros(3, dtype=torch.float64)
        size = 0
        stepped = False
        self.module.train()
        for index, batch in enumerate(batches):
            rate = learning_rate(recipe, epoch + index / len(batches))
            own = train.labels[batch], train.lengths[batch]
            moved, answers = augment(train.counts[:, column[batch]], own[0], recipe.augmentation, rng, own[1])
            answers = at_answers(self.spec.readout, answers)
            counted = int(np.count_nonzero(answers != NOT_COUNTED))
            size += counted
            share = slice(self.rank, None, self.processes)
            # the kernels are compiled for arrays in one piece; labels are in the order of the logits
            arrays = tuple(map(np.ascontiguousarray, (moved[:, share], answers[share].T, own[1][share])))
            counts, labels, lengths = (torch.from_numpy(array) for array in arrays)
            output = self.step_module(counts, lengths, sigma, recipe.noise, recipe.truncate)
            smoothing = recipe.label_smoothing
            logits, labels = output.logits.flatten(0, -2), labels.flatten()
            loss = F.cross_entropy(
                logits, labels, label_smoothing=smoothing, reduction="sum", ignore_index=NOT_COUNTED
            )
            if self.teacher is not None:
                told = torch.from_numpy(self.teacher.logits(arrays[0], arrays[2]))
                loss = (1 - recipe.taught) * loss + recipe.taught * distillation(
                    output.logits, told, recipe.temperature
                )
            # gradients are averaged over the processes
            total = loss * (self.processes / max(counted, 1))
            if recipe.spike_cost > 0:
                total = total + recipe.spike_cost * self.processes * output.rates.sum()
            if not total.isfinite():
                raise self._diverged(epoch)
            stepped |= self._step(total, rate)
            right = (logits.argmax(1) == labels).sum()
            sums += torch.stack([loss.detach(), right, output.rates.detach().mean() * len(batch)])
            progress(None)
        sizes = torch.tensor([max(size, 1), max(size, 1), len(train)])
        loss_mean, right_share, rate_mean = (parallel.all_sum(sums) / sizes).tolist()
        if not stepped or not all(
            (parameter.abs() < MAX_PARAMETER).all() for parameter in self.module.parameters()
        ):
            raise self._diverged(epoch)
        self.module.eval()
        return Epoch(
            epoch=epoch,
            loss=loss_mean,
            train_accuracy=right_share,
            val_accuracy=accuracy(self.module, val),
            rate=rate_mean,
            sigma=sigma,
            learning_rate=rate,
        )

    def _step(self, loss: torch.Tensor, rate: float) -> bool:
        """One optimiser step, and True; none if the gradient is not finite, as happens in long clips."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"]
        self.optimizer.zero_grad()
        loss.backward()
        finite = bool(torch.nn.utils.clip_grad_norm_(self.module.parameters(), MAX_GRADIENT_NORM).isfinite())
        if finite:
            self.optimizer.step()
            self.module.constrain()
        return finite

    def _diverged(self, epoch: int) -> InputError:
        now = self.recipe.learning_rate
        what = "loss or every gradient"
        return InputError(f"{what} is not finite in epoch {epoch}: lower the learning rate (now {now:g})")

    def _identity(self) -> dict[str, Any]:
        """Settings in which a checkpoint must agree with the training that resumes it."""
        identity = {
            "network": self.spec.to_dict(),
            "recipe": asdict(self.recipe),
            "classes": self.classes,
            "teacher_sha256": None if self.teacher is None else _sha256(self.teacher),
            "start_sha256": None if self.start is None else _sha256(from_network(self.start)),
            "parent_sha256": self.parent_sha256,
        }
        plain: dict[str, Any] = json.loads(json.dumps(identity))
        return plain


@contextmanager
def training_folder(folder: Path) -> Iterator[bool]:
    """Lock the folder of a training; yields whether it holds a checkpoint to resume.

    Raises
    ------
    InputError
        If another process has the lock, or it holds files of something else.
    """
    with owned(folder):
        begun = (folder / CHECKPOINT).exists()
        if not begun and any(folder.iterdir()):
            raise InputError(f"{folder} holds files and is not an earlier training; name another folder")
        yield begun


def distillation(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Sum over the batch of T**2 times the cross-entropy of softmax(student / T) to softmax(teacher / T).

    Logits (B, classes). Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network",
    1503.02531.
    """
    told = F.softmax(teacher.to(student.dtype) / temperature, 1)
    return temperature**2 * F.cross_entropy(student / temperature, told, reduction="sum")


def frames_sha256(*splits: Frames) -> str:
    """Digest of the counts, labels and lengths that a training saw."""
    digest = hashlib.sha256()
    for split in splits:
        digest.update(np.ascontiguousarray(split.counts).tobytes())
        for array in (split.labels, split.lengths):
            digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return digest.hexdigest()


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Rate at the fractional `epoch`: up from 1/25 along a cosine, then down to 0 along another."""
    peak = recipe.learning_rate
    progress, top = epoch / recipe.epochs, recipe.warmup
    if progress < top:
        return peak / 25 + (peak - peak / 25) * (1 - math.cos(math.pi * progress / top)) / 2
    return peak * (1 + math.cos(math.pi * (progress - top) / (1 - top))) / 2


def accuracy(module: SpikingNetwork, frames: Frames, batch: int = 64) -> float:
    """Share of the labels, of clips over their own lengths, that the eval-mode integers get right."""
    rank, processes = parallel.shares()
    readout = module.spec.readout
    labels = labels_of(readout, frames)
    right = 0
    for length in np.unique(frames.lengths):
        group = np.flatnonzero(frames.lengths == length)[rank::processes]
        for part in np.split(group, range(batch, len(group), batch)):
            if len(part):
                counts = frames.counts[:length, part]
                if readout.answer is Answer.STEP:
                    classes = module.answered(counts).argmax(axis=2).T
                    right += int(np.sum(classes == labels[part, : classes.shape[1]]))
                else:
                    right += int(np.sum(module.scores(counts).argmax(axis=1) == labels[part]))
    return int(parallel.all_sum(torch.tensor(right))) / int(np.count_nonzero(labels >= 0))


def labels_of(readout: ReadoutSpec, frames: Frames) -> NDArray[np.int64]:
    """Labels of the answers to the first copies: (B,), or (B, A) with answers per step."""
    return answered_labels(readout, frames.labels, (len(frames.counts), len(frames)))


def _check_steps(readout: ReadoutSpec, recipe: Recipe, teacher: SpikingNetwork | None) -> None:
    """`InputError` for what is trained with an answer per sample only."""
    if readout.mode is not ReadoutMode.LAST:
        raise InputError(f"readout must be last to be trained with an answer per step, not {readout.mode}")
    if recipe.augmentation.blend != 0:
        raise InputError(f"blend must be 0 with an answer per step, not {recipe.augmentation.blend}")
    if teacher is not None:
        raise InputError("a teacher must not be given with an answer per step")


def _prepare(module: SpikingNetwork, recipe: Recipe) -> None:
    """Set the initial delays, and freeze what is not learned."""
    for stage in module.stages:
        for name, share in stage.named_parameters():
            if name in LEAKS:
                share.requires_grad_(recipe.learn_beta)
        if stage.spec.max_input_delay is not None:
            stage.input_delay.requires_grad_(recipe.learn_delays)
    if recipe.line_delay is not None:
        module.layers[0].become_line(recipe.line_delay)
    own = module.layers if recipe.line_delay is None else module.layers[1:]
    recurrent = [layer for layer in own if layer.spec.recurrence is not None]
    start = recipe.start_delay
    if start is not None and len(start) != len(recurrent):
        raise InputError(f"start_delay must be of {len(recurrent)} recurrent layers, not {len(start)}")
    for index, layer in enumerate(recurrent):
        if start is not None:
            layer.delay.data.fill_(start[index])
        elif recipe.start_delays != HiddenLayer.START_DELAYS:
            layer.delay.data.uniform_(*recipe.start_delays)
        layer.delay.requires_grad_(recipe.learn_delays)
    module.constrain()


def _start_with(module: SpikingNetwork, path: Path) -> None:
    """Load the best parameters of the checkpoint `path`, but not its leaks."""
    arrays, _ = checkpoint.load(path)
    own = module.state_dict()
    best = checkpoint.under("best/", arrays)
    for name, tensor in own.items():
        if name not in best or best[name].shape != tensor.shape:
            raise InputError(
                f"{path}: {name} must be of shape {tuple(tensor.shape)}, as in the network to train"
            )
    module.load_state_dict({name: own[name] if name.endswith(LEAKS) else best[name] for name in own})


def _optimizer(module: SpikingNetwork, recipe: Recipe) -> torch.optim.Optimizer:
    learned = {name: p for name, p in module.named_parameters() if p.requires_grad}
    delays = [p for name, p in learned.items() if name.endswith("delay")]
    others = [p for name, p in learned.items() if not name.endswith("delay")]
    groups: list[dict[str, Any]] = [
        {"params": others, "factor": 1.0, "weight_decay": recipe.weight_decay},
        {"params": delays, "factor": recipe.delay_rate, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]])


def _sha256(module: SpikingNetwork) -> str:
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


def _log(rows: list[Epoch]) -> str:
    """The log as CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(Epoch.__dataclass_fields__))
    writer.writeheader()
    writer.writerows(map(asdict, rows))
    return text.getvalue()


def _difference(name: str, stored: Any, asked: Any) -> str:
    """The first field in which two JSON values differ, in words."""
    if isinstance(stored, dict) and isinstance(asked, dict):
        for key in asked:
            if key not in stored:
                return f"{name}.{key} is not in the checkpoint, which another version wrote"
            if stored[key] != asked[key]:
                return _difference(f"{name}.{key}", stored[key], asked[key])
    return f"{name} of the checkpoint is {stored!r}, not {asked!r} as requested"
