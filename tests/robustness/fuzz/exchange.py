"""Readers of networks of other frameworks: an artifact is written, or nothing is."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import nir
import numpy as np
import torch

from fxp_model.artifact import load_artifact
from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.importing import import_network
from fxp_model.exchange.nir_write import nir_bytes, nir_graph
from fxp_model.random_networks import conv_network
from fxp_model.spec import ReadoutMode, ResetMode
from tests.foreign import dense_net
from tests.robustness.fuzz.archives import archive_of, array_file
from tests.robustness.fuzz.folders import Files
from tests.robustness.fuzz.reader import Maker, Reader
from tests.snntorch_networks import network as snntorch_network

SAID = Asked(dt=1e-4, reset=ResetMode.ZERO, cycle_delay=1)
MEMORY = 256 << 20


def _imported(name: str, content: bytes, asked: Asked, out: Path) -> Reader:
    def use(given: Path) -> None:
        try:
            made = import_network(given / name, out, asked)
        except InputError:
            assert not out.exists()
            raise
        assert load_artifact(out).sha256 == made.artifact.sha256
        shutil.rmtree(out)

    return Reader((Files({name: content}),), use, most_bytes=MEMORY)


def graph(folder: Path) -> Reader:
    own = nir.CubaLIF(*(np.full(2, value) for value in (2e-3, 4e-3, 1.0, 0.0, 1.0, 0.0)), w_in=np.ones(2))
    nodes = {
        "input": nir.Input(np.array([3])),
        "w": nir.Affine(np.ones((2, 3)), np.zeros(2)),
        "lif": own,
        "delay": nir.Delay(np.full(2, 2e-4)),
        "back": nir.Linear(np.ones((2, 2)) / 4),
        "output": nir.Output(np.array([2])),
    }
    edges = [
        ("input", "w"),
        ("w", "lif"),
        ("lif", "delay"),
        ("delay", "back"),
        ("back", "lif"),
        ("lif", "output"),
    ]
    return _imported("net.nir", nir_bytes(nir.NIRGraph(nodes, edges)), SAID, folder / "out")


def integers(folder: Path) -> Reader:
    """A graph that holds the integers of an artifact."""
    return _imported("net.nir", nir_bytes(nir_graph(conv_network(18), 1e-3)), Asked(), folder / "out")


def lava(folder: Path) -> Reader:
    rng = np.random.default_rng(0)
    layer = {"weight": rng.integers(-9, 9, (3, 3)), "vDecay": 100, "vThMant": 5, "delay": [0, 1, 2]}
    file = dense_net(folder / "net.net", [layer, layer | {"iDecay": 1024}])
    return _imported("net.net", file.read_bytes(), Asked(), folder / "out")


def _state(state: dict[str, torch.Tensor], asked: Asked, out: Path) -> Reader:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return _imported("net.pt", buffer.getvalue(), asked, out)


def snntorch(folder: Path) -> Reader:
    return _state(snntorch_network("RSynaptic")[0].state_dict(), Asked(), folder / "out")


def delrec(folder: Path) -> Reader:
    """In its layout: linear, norm, neurons; linear, norm, recurrent neurons; linear."""
    rng = np.random.default_rng(0)
    state = {}
    for index, n_in in ((0, 5), (5, 4)):
        state[f"layers.{index}.weight"] = torch.tensor(rng.normal(size=(4, n_in)))
        state[f"layers.{index}.bias"] = torch.tensor(rng.normal(size=4))
        for key in ("weight", "bias", "running_mean", "running_var"):
            state[f"layers.{index + 1}.{key}"] = torch.tensor(rng.uniform(0.5, 1.5, 4))
        state[f"layers.{index + 1}.num_batches_tracked"] = torch.tensor(3)
    state["layers.7.recurrent_weights"] = torch.tensor(rng.normal(size=(4, 4)))
    state["layers.7.recurrent_delays"] = torch.tensor(rng.uniform(0, 12, 4))
    state["layers.10.weight"] = torch.tensor(rng.normal(size=(3, 4)))
    state["layers.10.bias"] = torch.tensor(rng.normal(size=3))
    asked = Asked(beta=0.8, v_th=1.0, decay_input=True, readout=ReadoutMode.SUM)
    return _state(state, asked, folder / "out")


def arrays(folder: Path) -> Reader:
    stages = {
        "layer0.weight": np.ones((4, 3)),
        "layer0.beta": np.array(0.9),
        "layer0.v_th": np.ones(4),
        "layer0.recurrent": np.ones((4, 4)) / 8,
        "layer0.delay_steps": np.arange(4),
        "readout.weight": np.ones((2, 4)),
        "readout.beta": np.array(0.5),
    }
    content = archive_of([(f"{name}.npy", array_file(array)) for name, array in stages.items()])
    asked = Asked(reset=ResetMode.ZERO, readout=ReadoutMode.SUM)
    return _imported("net.npz", content, asked, folder / "out")


READERS: dict[str, Maker] = {
    "nir": graph,
    "nir of integers": integers,
    "lava": lava,
    "snntorch": snntorch,
    "delrec": delrec,
    "numpy": arrays,
}
