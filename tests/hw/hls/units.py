"""Random networks as C++ units of one program, to compile many at once."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model import network as golden
from fxp_model.network import Network
from fxp_model.random_networks import random_network
from hw.hls.emulation import Unit, write_firmware
from hw.hls.graph import IO_TYPES, model_graph
from tb.harness.stimulus import MAX_RATE, MIN_RATE, answering, random_samples
from tests.paths import ROOT

STEPS = 14
EVERYTHING = 59
"""Seed of an `active_network` whose stages together have all that `hw.hls.optional` knows."""


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


def active_network(seed: int) -> Network:
    """A network of any legal kind whose layers all fire on `counts_of`, and whose scores differ there."""
    for attempt in range(100):
        rng = np.random.default_rng([seed, attempt])
        network = answering(random_network(rng, 7, weight_widths=(2, 3, 8, 16, 24)), None)
        trace = golden.run(network, counts_of(network, seed))
        fires = all(MIN_RATE <= layer.spikes.mean() <= MAX_RATE for layer in trace.layers)
        if fires and len(np.unique(trace.scores, axis=0)) > 1:
            return network
    raise RuntimeError(f"no active network of seed {seed}")


def counts_of(network: Network, seed: int, steps: int = STEPS) -> NDArray[np.int64]:
    """Counts (steps, 6, n_in) of samples of every kind."""
    return same_length(random_samples(np.random.default_rng(seed), network.spec, 6, STEPS), steps)


def same_length(samples: list[NDArray[np.int64]], steps: int) -> NDArray[np.int64]:
    """`samples` (T, n_in) cut or filled with silence to `steps`, as a batch (steps, B, n_in)."""
    filled = [np.pad(x[:steps], ((0, steps - len(x[:steps])), (0, 0))) for x in samples]
    return np.stack(filled, axis=1)
