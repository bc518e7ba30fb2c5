"""A tool of a flow as a process of its own, in a folder, with a time limit."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fxp_model.errors import InputError


class FlowError(Exception):
    """A tool failed or took too long: the design does not go through the flow."""


def version_of(package: str) -> str:
    """Version of a tool's package; if it is missing, `InputError` with the command that installs it."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise InputError(
            f"{package} is missing; install it with: python -m pip install -c constraints.txt {package}"
        ) from None


def run_tool(package: str, arguments: list[str], folder: Path, timeout_s: float) -> None:
    """Run the tool of the YoWASP `package` in `folder`.

    The tools are WebAssembly and see neither the system's folder for temporary files nor paths into
    it: `arguments` name files relative to `folder`, which holds what they leave behind.

    Raises
    ------
    InputError
        If the tool is not installed.
    FlowError
        With the tool's own message if it fails; or after `timeout_s` seconds.
    """
    version_of(package)
    module = package.replace("-", "_")
    run = f"import sys, {module}; sys.exit({module}.run_{module.removeprefix('yowasp_')}(sys.argv[1:]))"
    try:
        done = subprocess.run(
            [sys.executable, "-c", run, *arguments],
            cwd=folder,
            env={**os.environ, "TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise FlowError(f"{package} took more than {timeout_s:g} s; allow it more with --timeout") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FlowError(f"{package}: {next((line for line in lines if 'ERROR' in line), lines[-1])}")
