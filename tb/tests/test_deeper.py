"""What the long run leaves out after the short one: nothing that only the long one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tb.harness import deeper
from tb.harness.deeper import reads_depth

ROOT = Path(__file__).parents[2]
FILES = ("tb/tests/test_blocks.py", "tests/fxp_model/ear/test_gain.py")
PLUGIN = ("-p", "tb.harness.deeper")


def collected(depth: str, *options: str) -> tuple[int, set[str]]:
    """Status of pytest, and names of the tests that it would run."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *options, *FILES]
    environment = os.environ | {"SPIKELINE_TESTS": depth}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, encoding="utf-8")
    return done.returncode, {line for line in done.stdout.splitlines() if "::" in line}


def test_both_runs_together_are_the_long_one() -> None:
    (_, short), (_, more), (_, full) = collected("reduced"), collected("full", *PLUGIN), collected("full")
    assert short | more == full
    assert "tb/tests/test_blocks.py::test_block[verilator-resampler-from_96000]" in more - short
    left_out = full - more
    assert left_out <= short
    assert len([test for test in more if "test_gain" in test]) == 1, "it draws examples"
    blocks = [test for test in left_out if "test_block[" in test]
    assert any("-skid_buffer-" in test for test in blocks)
    assert not any("-mailbox-" in test for test in blocks), "its bench reads the depth"


def test_it_is_for_the_long_run_only() -> None:
    assert collected("reduced", *PLUGIN) == (pytest.ExitCode.USAGE_ERROR, set())


def test_the_depth_is_found_by_way_of_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeper, "_ROOT", tmp_path)
    (tmp_path / "tb" / "benches").mkdir(parents=True)
    files = {
        "tb/benches/none.py": "from tb.benches import other\nimport numpy\n",
        "tb/benches/other.py": "from tb.benches import none, package\n",
        "tb/benches/direct.py": "from tb.harness.depth import ears\n",
        "tb/benches/package.py": "from tb.harness import runner\n",
        "tb/benches/within.py": "def late():\n    from tb.harness import depth\n",
        "tb/benches/named.py": "BENCH = 'tb.benches.direct'\n",
        "tb/benches/sentence.py": "'tb.benches.direct is not read here'\n",
        "tb/benches/far.py": "from tb.benches.named import BENCH\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "tb" / "harness").mkdir()
    (tmp_path / "tb" / "harness" / "depth.py").touch()
    monkeypatch.setattr(deeper.depth, "__file__", str(tmp_path / "tb" / "harness" / "depth.py"))
    found = {Path(name).stem for name in files if reads_depth(tmp_path / name)}
    assert found == {"direct", "within", "named", "far"}


def test_every_test_that_imports_the_depth_is_kept() -> None:
    files = [own for folder in ("tb", "tests") for own in (ROOT / folder).rglob("test_*.py")]
    direct = {own for own in files if "from tb.harness.depth import" in own.read_text(encoding="utf-8")}
    assert len(direct) > 15
    assert all(reads_depth(own) for own in direct)
    assert sum(map(reads_depth, files)) < len(files) / 2
