"""hls4ml's C++ of networks made elsewhere: every current, membrane, spike, score and beat."""

from pathlib import Path

import pytest

from fxp_model import network as golden
from hw.protocol import encode_trace
from tb.harness.depth import depth
from tests.hw.hls import units as hls_units
from tests.imported_networks import COUNTS, NAMES, STEPS, imported

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

from hw.hls.emulation import compile_units

pytestmark = pytest.mark.slow

GROUP = 5


@pytest.mark.parametrize("names", [NAMES[:GROUP], NAMES[GROUP:]][: depth(1, 2)], ids=" ".join)
def test_its_program_equals_the_golden_model(names: tuple[str, ...], tmp_path: Path) -> None:
    units = []
    for index, name in enumerate(names):
        folder = tmp_path / name
        folder.mkdir()
        network = imported(name, folder).artifact.network
        units.append(hls_units.unit(network, STEPS, folder / "hls", f"net{index}", index))
    program = compile_units(units, tmp_path / "networks", hls_units.includes(), ("-O0", "-w"))
    for index, name in enumerate(names):
        expected = golden.run(program.units[index].network, COUNTS)
        assert sum(layer.spikes.sum() for layer in expected.layers) > 5, name
        assert expected.first_mismatch(program.run(COUNTS, index)) is None, name
        assert program.beats(COUNTS, index) == encode_trace(expected), name
