"""Clips of a user's data set: what ranges, losses and accuracies are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.archives import Archive
from fxp_model.errors import InputError
from fxp_model.files import read_bytes
from fxp_model.spec import MAX_INPUT_BITS

CLIPS = 128
"""Clips that are used, spread over the split."""
MAX_BYTES = 1 << 30
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


def read_calibration(source: str, n_in: int, n_out: int, input_bits: int | None = None) -> Calibration:
    """At most `CLIPS` clips of an npz file, or of split ``train`` of a data set.

    Parameters
    ----------
    source : str
        An npz file with `counts` (clips, steps, channels) and, where they are known, `labels` and `lengths`;
        or what `open_dataset` takes.
    n_in, n_out : int
        Channels and classes of the network.
    input_bits : int, optional
        Of a count, of data that are encoded.

    Raises
    ------
    InputError
        Where the data cannot be read, or are of other channels or classes.
    """
    path = Path(source)
    found = (
        _from_npz(path)
        if path.suffix == ".npz" and path.is_file()
        else _from_dataset(source, n_in, input_bits)
    )
    channels, highest = found.counts.shape[2], 0 if found.labels is None else int(found.labels.max())
    if channels != n_in:
        raise InputError(f"{source}: channels must be {n_in} (inputs of the network), not {channels}")
    classes = highest + 1 if found.classes is None else len(found.classes)
    if found.labels is not None and (classes > n_out or (found.classes is not None and classes != n_out)):
        raise InputError(f"{source}: classes must be {n_out} (outputs of the network), not {classes}")
    return found


def _from_npz(path: Path) -> Calibration:
    archive = Archive(read_bytes(path, MAX_BYTES), str(path))
    if archive.bytes > MAX_BYTES:
        raise InputError(f"{path}: must unpack to at most {MAX_BYTES} bytes, not {archive.bytes}")
    for key in archive.headers:
        if key not in ("counts", "labels", "lengths") or archive.headers[key].dtype.kind not in "biu":
            raise InputError(f"{path}: must hold counts, labels and lengths, integers, not {key}")
    if "counts" not in archive.headers:
        raise InputError(f"{path}: counts is missing")
    shape = archive.headers["counts"].shape
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"{path}: counts must have shape (clips, steps, channels), not {shape}")
    counts = archive.read("counts").astype(np.int64)
    limit = (1 << MAX_INPUT_BITS) - 1
    if counts.min() < 0 or counts.max() > limit:
        worst = counts.max() if counts.max() > limit else counts.min()
        raise InputError(f"{path}: counts must be 0..{limit}, not {worst}")
    vectors: dict[str, NDArray[np.int64]] = {}
    for key, low, high in (("labels", 0, 1 << 16), ("lengths", 1, shape[1])):
        if key in archive.headers:
            if archive.headers[key].shape != (shape[0],):
                raise InputError(
                    f"{path}: {key} must have shape ({shape[0]},), not {archive.headers[key].shape}"
                )
            vectors[key] = archive.read(key).astype(np.int64)
            if vectors[key].min() < low or vectors[key].max() > high:
                worst = vectors[key].max() if vectors[key].max() > high else vectors[key].min()
                raise InputError(f"{path}: {key} must be {low}..{high}, not {worst}")
    lengths = vectors.get("lengths", np.full(shape[0], shape[1]))
    return _some(counts.transpose(1, 0, 2), lengths, vectors.get("labels"))


def _from_dataset(source: str, n_in: int, input_bits: int | None) -> Calibration:
    from fxp_model.data import encoder_for, load_frames, open_dataset

    dataset = open_dataset(source)
    ear = {"channels": n_in} if dataset.holds == "sound" else None
    encoder = encoder_for(dataset, input_bits or COUNT_BITS, ear)
    if encoder.channels != n_in:
        raise InputError(f"{source}: channels must be {n_in} (inputs of the network), not {encoder.channels}")
    split = load_frames(dataset, SPLIT, encoder)
    labels = split.labels if split.labels.ndim == 1 else None
    return _some(split.counts, split.lengths, labels, dataset.classes, encoder.to_dict())


def _some(
    counts: NDArray[np.integer], lengths: NDArray[np.int64], labels: NDArray[np.int64] | None, *more: Any
) -> Calibration:
    """At most `CLIPS` of the clips, without steps that all of them lack."""
    clips = np.linspace(0, len(lengths) - 1, min(CLIPS, len(lengths))).astype(int)
    used = lengths[clips]
    inside = np.arange(int(used.max()))[:, None] < used
    chosen = counts[: used.max(), clips] * inside[:, :, None]
    return Calibration(chosen, used, None if labels is None else labels[clips], *more)
