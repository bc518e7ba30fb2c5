"""A reloadable core as a board, its golden answers, and what a build holds for it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.network import run
from hw.config import HardwareConfig
from hw.driver.description import description_of
from hw.driver.files import write_driver
from hw.reload import Image, image
from tb.harness import planted
from tb.harness.cores import save_network
from tb.harness.stimulus import retrained
from tests.hw.driver.board_model import Board

VLNV = "spikeline:core:net_01234567:0.1"
CONFIG = planted.hardware(reload=True)


@dataclass(frozen=True)
class Case:
    """Two networks of one core, its description, and samples."""

    own: Artifact
    other: Artifact
    description: dict
    samples: tuple[np.ndarray, ...]
    driver: Path
    config: HardwareConfig = CONFIG

    def board(self, **settings: object) -> Board:
        return Board(self.own, self.config, (self.other,), **settings)

    @cached_property
    def image(self) -> Image:
        """Of the other network."""
        return image(self.own.network, self.config, self.other.network, self.other.sha256)

    def scores(self, counts: np.ndarray, artifact: Artifact | None = None) -> list[int]:
        """The golden ones."""
        return run((artifact or self.own).network, counts[:, np.newaxis]).scores[0].tolist()


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder, network = tmp_path_factory.mktemp("driver"), planted.network()
    own = load_artifact(save_network(folder / "own", network))
    other = load_artifact(save_network(folder / "other", retrained(network, 1, True)))
    rng = np.random.default_rng(5)
    layer = network.spec.layers[0]
    samples = tuple(
        (rng.integers(0, layer.max_input + 1, (steps, layer.n_in)) * (rng.random((steps, 1)) < 0.8)).astype(
            np.uint8
        )
        for steps in (1, 3, 9, 20)
    )
    write_driver(folder / "files", own, CONFIG, "net", False, VLNV)
    description = description_of(own, CONFIG, "net", False, VLNV)
    return Case(own, other, description, samples, folder / "files")
