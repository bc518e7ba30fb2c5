"""Cores as boards, with golden answers and what a build holds for them."""

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
from tb.harness.ears import hearing_artifact
from tb.harness.stimulus import retrained
from tests.hw.driver.board_model import Board

VLNV = "spikeline:core:net_01234567:0.1"
CONFIG = planted.hardware(reload=True)


@dataclass(frozen=True)
class Case:
    """A core, perhaps with an ear, another network if it can be reloaded, and the folder ``driver``."""

    own: Artifact
    other: Artifact | None
    config: HardwareConfig
    ear: bool
    driver: Path

    def board(self, **settings: int) -> Board:
        others = () if self.other is None else (self.other,)
        return Board(self.own, self.config, others, ear=self.ear, **settings)

    @cached_property
    def description(self) -> dict:
        return description_of(self.own, self.config, "net", self.ear, VLNV)

    @cached_property
    def image(self) -> Image:
        """Of the other network."""
        return image(self.own.network, self.config, self.other.network, self.other.sha256)

    @cached_property
    def samples(self) -> tuple[np.ndarray, ...]:
        """With steps and channels that are silent, and the largest counts."""
        rng, layer = np.random.default_rng(5), self.own.network.spec.layers[0]
        found = []
        for steps in (1, 3, 9, 20):
            counts = rng.integers(0, layer.max_input + 1, (steps, layer.n_in))
            found.append((counts * (rng.random((steps, 1)) < 0.8)).astype(np.uint8))
        return tuple(found)

    def scores(self, counts: np.ndarray, artifact: Artifact | None = None) -> list[int]:
        """The golden ones."""
        return run((artifact or self.own).network, counts[:, np.newaxis]).scores[0].tolist()


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A core that can be reloaded."""
    folder, network = tmp_path_factory.mktemp("driver"), planted.network()
    own = load_artifact(save_network(folder / "own", network))
    other = load_artifact(save_network(folder / "other", retrained(network, 1, True)))
    write_driver(folder / "files", own, CONFIG, "net", False, VLNV)
    return Case(own, other, CONFIG, False, folder / "files")


@pytest.fixture(scope="session")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A core with an ear."""
    folder = tmp_path_factory.mktemp("hearing")
    own = hearing_artifact(folder / "own", 27)
    config = HardwareConfig.uniform(own.network.spec, 4)
    write_driver(folder / "files", own, config, "net", True, VLNV)
    return Case(own, None, config, True, folder / "files")


@pytest.fixture(scope="session")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A core with an ear, and an answer after every second step."""
    folder = tmp_path_factory.mktemp("stepping")
    own = hearing_artifact(folder / "own", 86, stride=2)
    config = HardwareConfig.uniform(own.network.spec, 4)
    write_driver(folder / "files", own, config, "net", True, VLNV)
    return Case(own, None, config, True, folder / "files")
