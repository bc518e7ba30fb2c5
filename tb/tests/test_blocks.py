"""Benches of single components."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import pytest
from amaranth.back import rtlil

from hw.verilog import write_verilog
from tb.benches import blocks, board, ear
from tb.harness.runner import Design, Workspace

MODULES = {
    name: import_module(f"{package.__name__}.{name}")
    for package in (blocks, board, ear)
    for _, name, _ in iter_modules(package.__path__)
}
BENCHES = {name: bench for name, bench in MODULES.items() if hasattr(bench, "CASES")}
CASES = [(bench, case) for bench in BENCHES.values() for case in bench.CASES]
IDS = [f"{name}-{case}" for name, bench in BENCHES.items() for case in bench.CASES]


@pytest.mark.parametrize(("bench", "case"), CASES, ids=IDS)
def test_block(bench: ModuleType, case: str, sim: str, workspace: Workspace) -> None:
    parameters = bench.CASES[case]
    rtl = rtlil.convert(bench.component(**parameters), name="block", emit_src=False)
    design = Design("block", write_verilog(rtl), getattr(bench, "VISIBLE", ()))
    workspace.check(design, sim, bench.__name__, {"case": parameters, "seed": 1}, case)
