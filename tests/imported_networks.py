"""Networks made elsewhere, NIR's Braille readers, snnTorch's, Lava's, as artifacts with 12 input channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from fxp_model.exchange.asked import Asked
from fxp_model.exchange.importing import Imported, import_network
from fxp_model.exchange.quantize import Widths
from fxp_model.spec import ResetMode
from tests.foreign import dense_net
from tests.paths import ROOT
from tests.snntorch_networks import CASES
from tests.snntorch_networks import network as snntorch_network

FIRST = ("bias_zero", "RSynaptic", "Leaky-own", "lava")
NAMES = (*FIRST, "noBias_subtract", *(name for name in CASES if name not in FIRST))
"""Those that reduced depth takes come first."""
STEPS, CLIPS = 20, 2
COUNTS = (np.random.default_rng(3).random((STEPS, CLIPS, 12)) < 0.3).astype(np.uint8)
_NIR = ROOT / "tests" / "fxp_model" / "exchange" / "nir"


def imported(name: str, folder: Path) -> Imported:
    """The network `name`, its formats calibrated on `COUNTS`; its artifact is ``folder/a``."""
    np.savez(folder / "clips.npz", counts=COUNTS.transpose(1, 0, 2))
    file, asked = _source(name, folder)
    calibrate = str(folder / "clips.npz")
    return import_network(file, folder / "a", asked, widths=Widths(8, 16, 8), calibrate=calibrate)


def _source(name: str, folder: Path) -> tuple[Path, Asked]:
    """The file of a network, and what it does not say."""
    if name in ("bias_zero", "noBias_subtract"):
        reset = ResetMode.ZERO if name == "bias_zero" else ResetMode.DELAYED
        return _NIR / f"braille_noDelay_{name}.nir", Asked(dt=1e-4, reset=reset, cycle_delay=1)
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
