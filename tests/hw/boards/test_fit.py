"""What has room on a board, and what is told where something has not."""

import pytest

from fxp_model.artifact import load_artifact
from fxp_model.pretrained import find
from hw.boards.boards import BOARDS, Board
from hw.boards.fit import advice, lacking, narrower_preset
from hw.config import HardwareConfig
from hw.ear import EarConfig
from hw.parts import PARTS


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_what_is_all_there_fits_and_one_more_does_not(board: Board) -> None:
    capacity = PARTS[board.part].capacity
    assert lacking(board, dict(capacity)) is None
    for kind, has in capacity.items():
        assert lacking(board, {**capacity, kind: has + 1}) == f"{kind}: {has + 1} of {has}"


def test_the_nearest_preset_is_the_widest_that_fits() -> None:
    artifact = load_artifact(find("asc20-64ch-256x256-k5"))
    spec = artifact.network.spec
    large, small = BOARDS["ulx3s-85f"], BOARDS["ulx3s-25f"]
    fast, balanced, tiny = (
        HardwareConfig.uniform(spec, preset=name) for name in ("fast", "balanced", "tiny")
    )
    assert narrower_preset(artifact, fast, large, None) == "balanced"
    assert narrower_preset(artifact, balanced, large, None) == "tiny"
    assert narrower_preset(artifact, fast, small, EarConfig()) == "tiny"
    assert narrower_preset(artifact, tiny, large, EarConfig()) is None
    assert (
        advice(artifact, fast, small, EarConfig()) == "--preset tiny is the nearest that is estimated to fit"
    )
    assert advice(artifact, tiny, small, None) == "no narrower preset is estimated to fit"
