"""Cores of networks made elsewhere, NIR's Braille readers, snnTorch's, Lava's: RTL equal to golden model."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fxp_model.exchange.asked import Asked
from fxp_model.exchange.importing import import_network
from fxp_model.exchange.quantize import Widths
from fxp_model.spec import ResetMode
from hw.config import HardwareConfig
from tb.harness.cosim import cosimulate
from tb.harness.depth import FULL, depth
from tb.harness.runner import SIMULATORS, Workspace
from tests.foreign import dense_net
from tests.paths import ROOT
from tests.snntorch_networks import network as snntorch_network

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

NIR = ROOT / "tests" / "fxp_model" / "exchange" / "nir"
NETWORKS = (
    *("bias_zero", "RSynaptic", "Leaky-own", "RLeaky", "Synaptic", "Leaky", "Leaky-zero", "RLeaky-zero"),
    *("noBias_subtract", "lava"),
)
STEPS, CLIPS = 20, 2


def source(name: str, folder: Path) -> tuple[Path, Asked]:
    """The file of a network, and what it does not say."""
    if name in ("bias_zero", "noBias_subtract"):
        reset = ResetMode.ZERO if name == "bias_zero" else ResetMode.DELAYED
        return NIR / f"braille_noDelay_{name}.nir", Asked(dt=1e-4, reset=reset, cycle_delay=1)
    if name == "lava":
        rng = np.random.default_rng(0)
        sizes = ((16, 12, 700), (8, 16, 200), (4, 8, 0))
        layers = [
            {
                "weight": rng.integers(-90, 128, (n, n_in)),
                "vDecay": rng.integers(0, 2000, n),
                "iDecay": 4096 - kept,
                "vThMant": 150,
                "delay": rng.integers(0, 12, n),
            }
            for n, n_in, kept in sizes
        ]
        return dense_net(folder / "net.net", layers), Asked()
    net, reset = snntorch_network(name)
    torch.save(net.state_dict(), folder / "net.pt")
    return folder / "net.pt", Asked(reset=reset)


@pytest.mark.parametrize("sim", SIMULATORS if FULL else ("icarus",))
@pytest.mark.parametrize("name", NETWORKS[: depth(2, len(NETWORKS))])
def test_its_core_equals_the_golden_model(name: str, sim: str, tmp_path: Path) -> None:
    counts = (np.random.default_rng(3).random((STEPS, CLIPS, 12)) < 0.3).astype(np.uint8)
    np.savez(tmp_path / "clips.npz", counts=counts.transpose(1, 0, 2))
    file, asked = source(name, tmp_path)
    calibrate = str(tmp_path / "clips.npz")
    imported = import_network(file, tmp_path / "a", asked, widths=Widths(8, 16, 8), calibrate=calibrate)
    spec = imported.artifact.network.spec
    with Workspace.of_run(tmp_path / "work") as workspace:
        figures = cosimulate(
            tmp_path / "a",
            HardwareConfig.uniform(spec),
            counts,
            np.full(CLIPS, STEPS),
            CLIPS,
            sim,
            workspace,
        )
    found = figures["all_levels"]
    assert found["samples"] == CLIPS
    assert found["membranes"] > 0
    assert found["spikes_fired"] > 5
