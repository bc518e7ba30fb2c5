"""The one way to a data set, by name or by folder."""

from __future__ import annotations

from pathlib import Path

from fxp_model.data.dataset import SpeechDataset
from fxp_model.data.folders import open_folder
from fxp_model.data.synthetic import synthetic_dataset


def open_dataset(source: Path | str, seed: int = 0) -> SpeechDataset:
    """The data set ``"synthetic"``, or the one in a folder.

    Parameters
    ----------
    source : path or str
        A folder as `open_folder` takes it, or ``synthetic``; ``./synthetic`` is a folder.
    seed : int
        Of the synthetic voices, or of a split that the folder does not tell; at least 0.

    Raises
    ------
    InputError
        As `open_folder` and `synthetic_dataset` do.
    """
    return synthetic_dataset(seed) if source == "synthetic" else open_folder(source, seed)
