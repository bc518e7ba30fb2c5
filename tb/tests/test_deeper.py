"""What the long run leaves out after the short one: nothing that only the long one does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tb.harness import deeper
from tb.harness.deeper import Name, reads_depth

ROOT = Path(__file__).parents[2]
FILES = ("tb/tests/test_blocks.py", "tests/fxp_model/ear/test_gain.py")
PLUGIN = ("-p", "tb.harness.deeper")


def collected(depth: str, *options: str) -> tuple[int, set[str]]:
    """Status of pytest, and names of the tests that it would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *options, *FILES]
    environment = os.environ | {"SPIKELINE_TESTS": depth}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")
    return done.returncode, {line for line in done.stdout.splitlines() if "::" in line}


def cases(tests: set[str]) -> set[str]:
    """Names without their simulator."""
    return {re.sub(r"(icarus|verilator)-?", "", test) for test in tests}


def test_both_runs_together_have_every_case_of_the_long_one() -> None:
    (_, short), (_, more), (_, full) = collected("reduced"), collected("full", *PLUGIN), collected("full")
    assert short | more <= full
    assert cases(short | more) == cases(full)
    assert len([test for test in more if "test_gain" in test]) == 1, "it draws examples"
    skid_buffer, mailbox = (
        {test for test in full if f"-{block}-" in test} for block in ("skid_buffer", "mailbox")
    )
    assert skid_buffer
    assert not skid_buffer & more, "it has just passed"
    assert cases(mailbox & short)
    assert cases(mailbox) <= cases(more), "its bench reads the depth"
    assert "tb/tests/test_blocks.py::test_block[resampler-from_96000]" in cases(more)


def test_it_is_for_the_long_run_only() -> None:
    assert collected("reduced", *PLUGIN) == (pytest.ExitCode.USAGE_ERROR, set())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project in the place of this one."""
    monkeypatch.setattr(deeper, "_ROOT", tmp_path)
    for folder in ("benches", "harness"):
        (tmp_path / "tb" / folder).mkdir(parents=True)
    depth = tmp_path / "tb" / "harness" / "depth.py"
    depth.touch()
    monkeypatch.setattr(deeper.depth, "__file__", str(depth))
    return tmp_path


def test_the_depth_is_found_by_way_of_other_files(project: Path) -> None:
    files = {
        "none": "from tb.benches import other\nimport numpy\n",
        "other": "from tb.benches import none, package\n",
        "direct": "from tb.harness.depth import ears\n",
        "package": "from tb.harness import runner\n",
        "within": "def late():\n    from tb.harness import depth\n",
        "named": "BENCH = 'tb.benches.direct'\n",
        "sentence": "'tb.benches.direct is not read here'\n",
        "far": "from tb.benches.named import BENCH\n",
    }
    for name, text in files.items():
        (project / "tb" / "benches" / f"{name}.py").write_text(text, encoding="utf-8")
    found = {name for name in files if reads_depth(Name(project / "tb" / "benches" / f"{name}.py", ""))}
    assert found == {"direct", "within", "named", "far"}


def test_parameters_are_no_knowledge_of_the_depth_and_constants_are(project: Path) -> None:
    file = project / "tb" / "benches" / "mixed.py"
    file.write_text(
        """
from tb.harness.depth import FULL, depth

CASES = depth(1, 2)
if FULL:
    MORE = 3

def helper():
    return MORE

@pytest.mark.parametrize("case", range(CASES))
def test_by_parameters(case): assert case

def test_by_a_constant(): assert CASES

@pytest.fixture
def given(): return helper()

def test_by_a_fixture(given): pass

class Bench:
    def run(self): return helper()

async def test_by_a_class(): Bench()
""",
        encoding="utf-8",
    )
    names = ("parameters", "a_constant", "a_fixture", "a_class")
    found = [name for name in names if reads_depth(Name(file, f"test_by_{name}"))]
    assert found == ["a_constant", "a_fixture", "a_class"]
