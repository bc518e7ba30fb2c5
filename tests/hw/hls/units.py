"""Random networks as C++ units of one program, to compile many at once."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.network import Network
from hw.hls.emulation import Unit, write_firmware
from hw.hls.graph import IO_TYPES, model_graph
from tests.paths import ROOT


def missing_tool() -> str | None:
    if importlib.util.find_spec("hls4ml") is None:
        return "hls4ml is not installed"
    return None if shutil.which("g++") else "g++ is not installed"


def includes(ours: Path = ROOT / "hw" / "hls") -> list[Path]:
    """Folders of the headers: hls4ml's, and the folder above our ``nnet_utils``."""
    found = importlib.util.find_spec("hls4ml")
    assert found is not None
    assert found.origin is not None
    vivado = Path(found.origin).parent / "templates" / "vivado"
    return [vivado / "ap_types", vivado, vivado / "nnet_utils", ours]


def unit(network: Network, steps: int, folder: Path, name: str, seed: int = 0) -> Unit:
    """`network` in the namespace `name`, with an io type and lanes that depend on `seed`."""
    widest = max(stage.n_out for stage in network.spec.stages)
    graph = model_graph(
        network,
        steps,
        folder / name,
        io_type=IO_TYPES[seed % 2],
        lanes=(None, 1, 2, 3, 5, widest)[seed % 6],
        namespace=name,
        write_weights_txt=False,
    )
    return Unit(network, steps, write_firmware(graph), f"{name}::network")


def same_length(samples: list[NDArray[np.int64]], steps: int) -> NDArray[np.int64]:
    """`samples` (T, n_in) cut or filled with silence to `steps`, as a batch (steps, B, n_in)."""
    filled = [np.pad(x[:steps], ((0, steps - len(x[:steps])), (0, 0))) for x in samples]
    return np.stack(filled, axis=1)
