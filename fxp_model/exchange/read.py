"""Any network file of another framework, by its content."""

from __future__ import annotations

import zipfile
from pathlib import Path

from fxp_model.checks import path_of
from fxp_model.errors import InputError
from fxp_model.exchange.arrays_read import read_arrays
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.description import FloatNetwork
from fxp_model.network import Network
from fxp_model.printable import printable

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"


def read_network(path: Path | str, asked: Asked, input_bits: int | None = None) -> FloatNetwork | Network:
    """The network of a NIR, Lava, snnTorch, DelRec or numpy file.

    Parameters
    ----------
    path : path
    asked : Asked
        What the file does not say.
    input_bits : int, optional
        Of an input count, where the file holds integers; default: those that it names, or 1.

    Returns
    -------
    FloatNetwork or Network
        Integers where the file holds the integers of the network: Lava's, and a NIR file of `nir_graph`.

    Raises
    ------
    InputError
        For a file of another kind, a damaged one, a network that cannot be the same, naming layer or node,
        or what must be asked for, naming the option.
    """
    file = path_of("path", path)
    try:
        return _read(file, asked, input_bits)
    except InputError as error:  # names in a file may be of several lines
        message = str(error)
        where = "" if message.startswith(str(file)) else f"{file}: "
        raise InputError(printable(where + message)) from None


def _read(file: Path, asked: Asked, input_bits: int | None) -> FloatNetwork | Network:
    try:
        with file.open("rb") as opened:
            start = opened.read(len(HDF5))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    if start == HDF5:
        return _hdf5(file, asked, input_bits)
    if start.startswith(ZIP):
        return _zip(file, asked)
    raise InputError(
        f"{file}: must be a NIR or Lava file (HDF5), a state dict of torch.save, or an npz of numpy"
    )


def _hdf5(file: Path, asked: Asked, input_bits: int | None) -> FloatNetwork | Network:
    from fxp_model.exchange import lava_read, nir_integers, nir_read
    from fxp_model.exchange.hdf5 import read_hdf5
    from fxp_model.exchange.nir_file import graph_of

    table = read_hdf5(file)
    if "layer" in table:
        return lava_read.network_of(file, table, input_bits or 1)
    graph = graph_of(file, table)
    try:
        if nir_integers.MARK in graph.metadata:
            return nir_integers.network_of(graph, asked, input_bits)
        return nir_read.network_of(graph, asked)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _zip(file: Path, asked: Asked) -> FloatNetwork:
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{file}: not a readable archive: {error}") from None
    if all(name.endswith(".npy") for name in names):
        return read_arrays(file, asked)
    from fxp_model.exchange import delrec_read, snntorch_read
    from fxp_model.exchange.state_dict import read_state_dict

    arrays = read_state_dict(file)
    if any(name.endswith(snntorch_read.MARK) for name in arrays):
        return snntorch_read.network_of(file, arrays, asked)
    if delrec_read.holds(arrays):
        return delrec_read.network_of(file, arrays, asked)
    raise InputError(
        f"{file}: must have neurons of snnTorch, or be named layers.0.weight, ... as DelRec names them"
    )
