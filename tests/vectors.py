"""Running the vectors of a build."""

import subprocess
from pathlib import Path


def run_vectors(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in the README.md of `folder` verbatim."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    command = next(line for line in text.splitlines() if line.startswith("    iverilog"))
    return subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, encoding="utf-8", timeout=600
    )
