"""Clips of a user's data set: what ranges, losses and accuracies are measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.files import read_bytes
from fxp_model.spec import MAX_INPUT_BITS

CLIPS = 128
"""Clips that are used, spread over the split."""
TRACE = 1 << 25
"""Most steps x clips x (channels and neurons) of their run in real numbers."""
SPLIT = "train"
COUNT_BITS = 4
"""Of the counts of sound and of SHD, as in training (`qat.template`)."""


@dataclass(frozen=True)
class Calibration:
    """Clips and, where they are known, their classes.

    counts : (T, B, n_in) of integers, shorter clips padded with zeros at the end
    lengths : (B,) steps of each clip
    labels : (B,), or None, also where each step has one
    classes : names of the labels, or None
    encoder : `to_dict` of what made the counts, or None
    """

    counts: NDArray[np.integer]
    lengths: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] | None = None
    encoder: dict[str, Any] | None = None

    @property
    def input_bits(self) -> int:
        """Bits of the largest count."""
        return max(1, int(self.counts.max()).bit_length())


def read_calibration(source: str, sizes: Sequence[int], input_bits: int | None = None) -> Calibration:
    """At most `CLIPS` clips, and no more than `TRACE` allows, of an npz file or of split ``train`` of a data
    set.

    Parameters
    ----------
    source : str
        An npz file as of a split (`fxp_model.data.arrays`), in which `labels` may be missing; or what
        `open_dataset` takes.
    sizes : sequence of int
        Channels of the network, and neurons of each stage.
    input_bits : int, optional
        Of a count; default: those that the counts need, or `COUNT_BITS` of sound and SHD.

    Raises
    ------
    InputError
        Where the data cannot be read, are of other channels or classes, a count needs more bits, or a clip is
        too long.
    """
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        return _from_npz(path, sizes, input_bits)
    return _from_dataset(source, sizes, input_bits)


def _from_npz(path: Path, sizes: Sequence[int], input_bits: int | None) -> Calibration:
    from fxp_model.data.arrays import MAX_FILE_BYTES, CountArrays, clips_of

    counts, lengths, labels = clips_of(read_bytes(path, MAX_FILE_BYTES), path)
    _check_channels(path, counts.shape[2], sizes[0])
    if labels is not None and labels.max() >= sizes[-1]:
        raise _other_classes(path, int(labels.max()) + 1, sizes[-1])
    CountArrays(channels=sizes[0], count_bits=input_bits or MAX_INPUT_BITS).check(counts, path)
    return _some(path, counts, lengths, labels, sizes)


def _from_dataset(source: str, sizes: Sequence[int], input_bits: int | None) -> Calibration:
    from fxp_model.data import encoder_for, load_frames, open_dataset

    dataset = open_dataset(source)
    if len(dataset.classes) != sizes[-1]:
        raise _other_classes(source, len(dataset.classes), sizes[-1])
    ear = {"channels": sizes[0]} if dataset.holds == "sound" else None
    encoder = encoder_for(dataset, input_bits or COUNT_BITS, ear)
    _check_channels(source, encoder.channels, sizes[0])
    if input_bits is not None:
        encoder = replace(encoder, count_bits=input_bits)
    split = load_frames(dataset, SPLIT, encoder)
    found = _some(source, split.counts, split.lengths, split.labels, sizes)
    return replace(found, classes=dataset.classes, encoder=encoder.to_dict())


def _check_channels(source: object, channels: int, n_in: int) -> None:
    if channels != n_in:
        raise InputError(f"{source}: channels must be {n_in} (inputs of the network), not {channels}")


def _other_classes(source: object, classes: int, n_out: int) -> InputError:
    return InputError(f"{source}: classes must be {n_out} (outputs of the network), not {classes}")


def _some(
    source: object,
    counts: NDArray[np.uint8],
    lengths: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    sizes: Sequence[int],
) -> Calibration:
    """Some of the clips, spread over all, without steps that all of them lack."""
    size = len(counts) * sum(sizes)
    if size > TRACE:
        raise InputError(f"{source}: steps x (channels + neurons) must be at most {TRACE}, not {size}")
    clips = np.linspace(0, len(lengths) - 1, min(CLIPS, len(lengths), TRACE // size)).astype(int)
    used = lengths[clips]
    classes = None if labels is None or labels.ndim == 2 else labels[clips]  # a class for every step is none
    return Calibration(counts[: used.max(), clips], used, classes)
