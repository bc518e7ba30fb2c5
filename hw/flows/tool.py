"""A tool of a flow as a process of its own, in a folder, with a time limit; what it wrote is kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fxp_model.caches import tool_environment
from fxp_model.errors import InputError

OUTPUT = "<output>"
"""In the arguments of `made_by`, the file that the tool is to write."""


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
        with tool_environment() as environment:
            done = subprocess.run(
                [sys.executable, "-c", run, *arguments],
                cwd=folder,
                env={**environment, "TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                timeout=timeout_s,
            )
    except subprocess.TimeoutExpired:
        raise FlowError(f"{package} took more than {timeout_s:g} s; allow it more with --timeout") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FlowError(f"{package}: {next((line for line in lines if 'ERROR' in line), lines[-1])}")


def made_by(package: str, arguments: Sequence[str], inputs: Sequence[Path], timeout_s: float) -> Path:
    """What the tool writes to `OUTPUT`: from an earlier run in the folder of `inputs`, if it was the same.

    The file's name has a digest of the tool's version, `arguments` and the content of `inputs`, so that only
    what was made of the same is taken; and it gets this name when it is whole.

    Raises
    ------
    InputError, FlowError
        As `run_tool`.
    """
    known = hashlib.sha256("\0".join([version_of(package), *arguments]).encode())
    for file in inputs:
        known.update(hashlib.sha256(file.read_bytes()).digest())
    folder = inputs[0].parent
    made = folder / f"{package}-{known.hexdigest()[:16]}.json"
    if not made.exists():
        part = made.with_suffix(".part")
        run_tool(package, [own.replace(OUTPUT, part.name) for own in arguments], folder, timeout_s)
        part.replace(made)
    return made
