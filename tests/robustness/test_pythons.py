"""The supported versions of Python give the same Verilog.

Amaranth reads the name of a signal from the byte code after the call that creates it, which differs between
versions. Here its tracer reads the byte code of `hw.rtl` under every version on this machine.
"""

import ast
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from amaranth import tracer
from packaging.specifiers import SpecifierSet

from tests.paths import ROOT

SUPPORTED = ("3.11", "3.12", "3.13")
REFUSED = ("3.10", "3.14")

# Needs no package, so that a bare interpreter runs it.
NAMES = """
import ast, dis, importlib.util, json, sys
from pathlib import Path
from types import CodeType, SimpleNamespace

spec = importlib.util.spec_from_file_location("tracer", sys.argv[1])
tracer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tracer)

def codes(code):
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)

def name(code, offset):
    frame = SimpleNamespace(f_code=code, f_lasti=offset)
    tracer.sys = SimpleNamespace(_getframe=lambda depth: frame, version_info=sys.version_info)
    return tracer.get_var_name(default="$signal")

found = []
for file in sorted(Path(sys.argv[2]).glob("*.py")):
    text = file.read_text(encoding="utf-8")
    unnamed = {
        (call.lineno, call.end_lineno, call.col_offset, call.end_col_offset)
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("Signal", "Signal.like")
        and "name" not in [keyword.arg for keyword in call.keywords]
    }
    for code in codes(compile(text, str(file), "exec")):
        for instruction in dis.get_instructions(code):
            place = instruction.positions
            if instruction.opname in ("CALL", "CALL_KW") and tuple(place) in unnamed:
                found.append([file.name, place.lineno, place.col_offset, name(code, instruction.offset)])
print(json.dumps(sorted(found)))
"""


def names(interpreter: str) -> list[list[object]]:
    """File, line, column and name of every signal of `hw.rtl` that is not named where it is made."""
    command = [interpreter, "-I", "-c", NAMES, tracer.__file__, str(ROOT / "hw" / "rtl")]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    found: list[list[object]] = json.loads(done.stdout)
    return found


def at_hand(version: str) -> str | None:
    """Path of this version of Python, if one runs."""
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True).returncode:
        return None
    return found


@pytest.mark.parametrize("version", [*SUPPORTED, *REFUSED[1:]])
def test_signals_have_the_same_names_under(version: str) -> None:
    interpreter = at_hand(version)
    if interpreter is None:
        pytest.skip(f"python{version} not found")
    own = names(sys.executable)
    assert len(own) > 80
    assert names(interpreter) == own


def test_the_last_signal_of_a_tuple_is_named() -> None:
    """The first ones get no name from Amaranth, and the last gets one only under Python 3.11 and 3.12."""
    tuples = 0
    for file in sorted((ROOT / "hw" / "rtl").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)):
                continue
            last = node.value.elts[-1]
            if ast.unparse(last).startswith("Signal") and len(node.value.elts) in (2, 3):
                tuples += 1
                assert isinstance(last, ast.Call)
                assert "name" in [keyword.arg for keyword in last.keywords], f"{file.name} {node.lineno}"
    assert tuples > 0


@pytest.mark.parametrize("version", [*SUPPORTED, *REFUSED])
def test_make_and_pip_take_the_supported_ones(version: str, tmp_path: Path) -> None:
    fake = tmp_path / "python"
    known = f"import sys; sys.version_info = ({version.replace('.', ', ')}, 0); exec(sys.argv[1])"
    fake.write_text(
        f'#!/bin/sh\ntest "$1" = -m || exec {sys.executable} -c "{known}" "$2"\n', encoding="utf-8"
    )
    fake.chmod(0o755)
    venv = tmp_path / "venv"
    command = ["make", "-s", f"PYTHON={fake}", f"VENV={venv}", f"{venv}/bin/python"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert (done.returncode == 0) == (version in SUPPORTED)
    assert (version in SpecifierSet(pyproject["project"]["requires-python"])) == (version in SUPPORTED)
    if version in REFUSED:
        line = f"Spikeline needs Python 3.11, 3.12 or 3.13, not {version}; name one: make PYTHON=python3.13"
        assert done.stderr.splitlines()[0] == line
