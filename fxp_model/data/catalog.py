"""The one entry point to data sets, by name or by folder."""

from __future__ import annotations

import os
from pathlib import Path

from fxp_model.checks import path_of
from fxp_model.data.arrays import ArrayDataset, arrays_in, open_arrays
from fxp_model.data.dataset import SpeechDataset
from fxp_model.data.folders import open_folder, speech_in
from fxp_model.data.spikes import SpikeDataset, open_published, published_in
from fxp_model.data.synthetic import synthetic_dataset
from fxp_model.errors import InputError
from fxp_model.tables import TEXT

Dataset = SpeechDataset | SpikeDataset | ArrayDataset


def open_dataset(source: Path | str, seed: int = 0) -> Dataset:
    """The data set ``"synthetic"``, or the one in a folder.

    Parameters
    ----------
    source : path or str
        A folder with ``train.npz``, ``val.npz`` or ``test.npz``, see `fxp_model.data.arrays`, with the
        HDF5 files of SHD or of SSC, or one as `open_folder` takes it, or
        ``synthetic``; ``./synthetic`` is a folder.
    seed : int
        Seed of the synthetic voices, or of a split that the folder does not define; at least 0.

    Raises
    ------
    InputError
        The path is not UTF-8; the folder holds data of two of these kinds; or as `open_folder`,
        `published_in`, `open_published` and `synthetic_dataset` do.
    """
    if source == "synthetic":
        return synthetic_dataset(seed)
    folder = path_of("source", source)
    for name in (str(folder), Path(os.path.realpath(folder)).name):  # both are stored in artifacts
        TEXT.check("path of a data set", name)
    files = arrays_in(folder)
    known = published_in(folder)
    if not files and known is None:
        return open_folder(folder, seed)
    kinds = (
        next((path.name for path in files.values()), None),
        None if known is None else f"files of {known.name}",
        speech_in(folder),
    )
    one, *others = (kind for kind in kinds if kind is not None)
    if others:
        raise InputError(
            f"{folder}: must hold one data set, not {one} and {others[0]}: give each its own folder"
        )
    return open_arrays(folder, files) if known is None else open_published(folder, known, seed)
