"""A small build, made here and by the script in another environment."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from fxp_model.artifact import load_artifact, save_artifact
from hw.build import build_core
from hw.config import HardwareConfig
from tb.harness.stimulus import random_network

ROOT = Path(__file__).parents[2]


def save(folder: Path) -> None:
    """Write an artifact whose labels fit no single 8-bit encoding."""
    network = random_network(3, max_neurons=12)
    layer = network.spec.layers[0]
    stimulus = np.random.default_rng(1).integers(0, layer.max_input + 1, (6, 3, layer.n_in), dtype=np.uint8)
    labels = tuple(f"žluť Ж {i}" for i in range(network.spec.n_out))
    parts = {"encoder": None, "provenance": {}, "metrics": {}, "stimulus": stimulus}
    save_artifact(folder, network=network, labels=labels, **parts)


def built(small: Path, folder: Path) -> dict[str, bytes]:
    """The files of a build made in this process."""
    artifact = load_artifact(small)
    build_core(
        artifact, HardwareConfig.uniform(artifact.network.spec, preset="tiny"), "a_core", folder / "here"
    )
    return _files(folder / "here")


def generated(small: Path, folder: Path, environment: dict[str, str]) -> tuple[dict[str, bytes], str]:
    """The files of a build by ``gen_hw.py`` under `environment`, in `folder`, and its stderr."""
    script = [sys.executable, ROOT / "scripts" / "gen_hw.py", "--artifact", small, "--preset", "tiny"]
    done = subprocess.run(
        [*script, "--name", "a_core", "--out", folder / "there"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return _files(folder / "there"), done.stderr


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
