"""Each property is proven, and is false with its bug."""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.formal.engine import export, prove, search
from tb.formal.properties import PROPERTIES
from tb.harness.depth import FULL
from tb.harness.planted import plant, run_with

CHOSEN = [name for name, own in PROPERTIES.items() if own.quick or FULL]


@pytest.mark.parametrize("name", CHOSEN)
def test_property_is_proven(name: str, tmp_path: Path) -> None:
    own = PROPERTIES[name]
    export(own.build(), tmp_path)
    verdict = prove(tmp_path, own.bound)
    print(f"{name}: {verdict}")
    assert verdict.broken is None


@pytest.mark.parametrize("name", CHOSEN)
def test_property_is_false_with_its_bug(name: str, tmp_path: Path) -> None:
    plant(tmp_path / "sources", PROPERTIES[name].bug)
    run_with(tmp_path / "sources", _EXPORT, name, str(tmp_path))
    verdict = search(tmp_path)
    print(f"{name}: {verdict}")
    assert verdict.broken is not None


_EXPORT = """\
from tb.formal.engine import export
from tb.formal.properties import PROPERTIES

name, result = sys.argv[2:]
export(PROPERTIES[name].build(), Path(result))
"""
