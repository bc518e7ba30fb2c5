"""Dependencies go one way, and the base needs no optional back-end (read from the sources by `ast`)."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.paths import ROOT

MAY_IMPORT = {
    "fxp_model": {"fxp_model"},
    "hw": {"fxp_model", "hw"},
    "tb": {"fxp_model", "hw", "tb"},
    "scripts": {"fxp_model", "hw", "tb", "scripts", "tests"},  # the random draws of the oracles
}
"""Which of our own packages each may import; tests may import all."""

ONLY_UNDER = {
    "torch": ("fxp_model/qat/", "fxp_model/exchange/state_dict.py"),
    "nir": ("fxp_model/exchange/nir_write.py",),
    "optuna": ("fxp_model/qat/",),
    "matplotlib": ("fxp_model/results/style.py",),
    "jinja2": ("hw/report/",),
    "markupsafe": ("hw/report/",),
    "hls4ml": ("hw/hls/",),
    "amaranth": ("hw/", "tb/"),
    "amaranth_boards": ("hw/boards/",),
    "cocotb": ("tb/",),
    "pyosys": ("tb/formal/",),
}
"""Third-party packages, and the only folders that may import them."""

BASE = (
    "fxp_model/*.py",
    "hw/*.py",
    "hw/rtl/*.py",
    "hw/estimates/*.py",
    "hw/report/*.py",
    "scripts/gen_hw.py",
    "scripts/compare.py",
)
"""Files that a base install runs, with only these packages:"""
BASE_NEEDS = {"numpy", "filelock", "lazy_loader", "psutil", "amaranth", "matplotlib", "jinja2", "markupsafe"}
NOT_BASE = ("fxp_model/compiled.py", "fxp_model/engine.py", "fxp_model/engine_kernels.py")
"""Files of the extra ``engine``, which compile code; no other base file may import them."""
OPTIONAL = "hw/flows/"
"""Files of the extra ``flow``, whose tools are needed only when run; no base file may import them."""


@cache
def imports(root: Path, file: Path) -> tuple[tuple[str, int, bool], ...]:
    """(module, line, whether at import time) of every import in `file`; `from a import b` gives a and a.b."""
    return tuple(_imports(root, file))


def _imports(root: Path, file: Path) -> Iterator[tuple[str, int, bool]]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    later = set()
    for node in ast.walk(tree):
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if lazy or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)):
            later.update(ast.walk(node))
    package = file.relative_to(root).with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        for name in names:
            yield name, node.lineno, node not in later


def own_file(root: Path, module: str) -> Path | None:
    """The file of a module of ours, if it is one."""
    place = root.joinpath(*module.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


def sources(root: Path) -> list[Path]:
    return sorted(file for package in MAY_IMPORT for file in (root / package).rglob("*.py"))


def wrong_directions(root: Path) -> set[str]:
    """``file:line: module`` of every import, at any time, that no rule allows."""
    ours = {*MAY_IMPORT, "tests"}
    found = set()
    for file in sources(root):
        place = file.relative_to(root).as_posix()
        for module, line, _ in imports(root, file):
            top = module.partition(".")[0]
            homeless = top in ONLY_UNDER and not place.startswith(ONLY_UNDER[top])
            if homeless or (top in ours and top not in MAY_IMPORT[place.partition("/")[0]]):
                found.add(f"{place}:{line}: {top}")
    return found


def unmet_needs(root: Path) -> set[str]:
    """``base file -> file: package`` of what importing a base file would import of others."""
    found = set()
    started = {file for pattern in BASE for file in root.glob(pattern)} - {root / place for place in NOT_BASE}
    for start in sorted(started):
        seen, queue = {start}, [start]
        while queue:
            file = queue.pop()
            for module, _, at_import in imports(root, file):
                top = module.partition(".")[0]
                if not at_import or top in sys.stdlib_module_names or top in BASE_NEEDS:
                    continue
                parts = module.split(".")
                own = [own_file(root, ".".join(parts[:n])) for n in range(1, len(parts) + 1)]
                reached = {path for path in own if path is not None} - seen
                if top not in MAY_IMPORT:
                    found.add(
                        f"{start.relative_to(root).as_posix()} -> {file.relative_to(root).as_posix()}: {top}"
                    )
                found |= {
                    f"{start.relative_to(root).as_posix()} -> {path.relative_to(root).as_posix()}"
                    for path in reached
                    if path.relative_to(root).as_posix().startswith(OPTIONAL)
                }
                seen |= reached
                queue += reached
    return found


def test_imports_point_one_way():
    assert len(sources(ROOT)) > 20
    assert wrong_directions(ROOT) == set()


def test_the_base_needs_what_it_is_given_only():
    assert unmet_needs(ROOT) == set()


@pytest.mark.parametrize(
    ("place", "text", "found"),
    [
        ("fxp_model/planted.py", "import hw.config", "fxp_model/planted.py:1: hw"),
        ("fxp_model/planted.py", "def f():\n    from tb import runner", "fxp_model/planted.py:2: tb"),
        ("fxp_model/planted.py", "from tests.oracles import equations", "fxp_model/planted.py:1: tests"),
        ("fxp_model/data/planted.py", "import torch", "fxp_model/data/planted.py:1: torch"),
        ("fxp_model/planted.py", "import amaranth", "fxp_model/planted.py:1: amaranth"),
        ("hw/planted.py", "from tb.harness.runner import run", "hw/planted.py:1: tb"),
        ("hw/planted.py", "from scripts import gen_hw", "hw/planted.py:1: scripts"),
        ("hw/rtl/planted.py", "import numpy, torch.nn", "hw/rtl/planted.py:1: torch"),
        ("hw/rtl/planted.py", "from ...tb import runner", "hw/rtl/planted.py:1: tb"),
        ("hw/planted.py", "if True:\n    from hls4ml.model import graph", "hw/planted.py:2: hls4ml"),
        ("hw/planted.py", "import cocotb", "hw/planted.py:1: cocotb"),
        ("tb/planted.py", "import scripts.gen_hw", "tb/planted.py:1: scripts"),
        ("scripts/planted.py", "import torch", "scripts/planted.py:1: torch"),
    ],
)
def test_a_planted_wrong_direction_is_found(tmp_path, place, text, found):
    plant(tmp_path, {place: text})
    assert wrong_directions(tmp_path) == {found}


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("fxp_model/qat/planted.py", "import torch\nfrom fxp_model import fixed\nfrom . import layer"),
        ("hw/hls/planted.py", "import hls4ml\nfrom fxp_model.fixed import QFormat\nfrom ..config import x"),
        ("tb/planted.py", "import cocotb, hw.config, fxp_model, amaranth"),
        ("fxp_model/planted.py", "import torchlike"),
    ],
)
def test_right_directions_are_not_found(tmp_path, place, text):
    plant(tmp_path, {place: text})
    assert wrong_directions(tmp_path) == set()


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"fxp_model/fast.py": "import numba"}, {"fxp_model/fast.py -> fxp_model/fast.py: numba"}),
        ({"fxp_model/fast.py": "def f():\n    import numba"}, set()),
        (
            {"fxp_model/fast.py": "class A:\n    import numba"},
            {"fxp_model/fast.py -> fxp_model/fast.py: numba"},
        ),
        ({"fxp_model/engine.py": "import numba"}, set()),
        (
            {"fxp_model/engine.py": "import numba", "fxp_model/a.py": "from fxp_model.engine import run"},
            {"fxp_model/a.py -> fxp_model/engine.py: numba"},
        ),
        (
            {"fxp_model/engine.py": "import numba", "scripts/gen_hw.py": "from fxp_model import engine"},
            {"scripts/gen_hw.py -> fxp_model/engine.py: numba"},
        ),
        ({"fxp_model/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numba"}, set()),
        (
            {"fxp_model/a.py": "try:\n    import numba\nexcept ImportError:\n    pass"},
            {"fxp_model/a.py -> fxp_model/a.py: numba"},
        ),
        ({"hw/a.py": "import json, numpy.typing, amaranth.hdl\nimport os.path"}, set()),
        (
            {
                "hw/a.py": "from hw.flow import tool",
                "hw/flow/tool.py": "import yaml",
                "hw/flow/__init__.py": "",
            },
            {"hw/a.py -> hw/flow/tool.py: yaml"},
        ),
        (
            {"hw/a.py": "import hw.flow.tool", "hw/flow/tool.py": "", "hw/flow/__init__.py": "import yaml"},
            {"hw/a.py -> hw/flow/__init__.py: yaml"},
        ),
        (
            {
                "scripts/gen_hw.py": "from fxp_model.qat import layer",
                "fxp_model/qat/__init__.py": "",
                "fxp_model/qat/layer.py": "from fxp_model.qat import kernels",
                "fxp_model/qat/kernels.py": "import torch",
            },
            {"scripts/gen_hw.py -> fxp_model/qat/kernels.py: torch"},
        ),
        ({"fxp_model/data/audio.py": "import scipy"}, set()),
        (
            {"hw/a.py": "import hw.b", "hw/b.py": "import hw.flows.yosys", "hw/flows/yosys.py": ""},
            {"hw/a.py -> hw/flows/yosys.py", "hw/b.py -> hw/flows/yosys.py"},
        ),
        ({"scripts/synth.py": "import hw.flows.yosys", "hw/flows/yosys.py": ""}, set()),
    ],
)
def test_a_planted_need_is_found_through_any_chain(tmp_path, files, found):
    plant(tmp_path, files)
    assert unmet_needs(tmp_path) == found


def plant(root: Path, files: dict[str, str]) -> None:
    for place, text in files.items():
        file = root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
