"""Run a tool of a flow in its own process, in a folder, with a time limit; its output can be kept."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from fxp_model.caches import tool_environment
from fxp_model.errors import CheckFailed, InputError
from fxp_model.files import parse_json, read_bytes, replacing

OUTPUT = "<output>"
"""Stands for the tool's output file in the arguments of `made_by`."""
MADE_BYTES = 1 << 32
"""Size limit of a tool's output file, in bytes."""


class FlowError(CheckFailed):
    """A tool failed or took too long."""


class TooSlow(FlowError):
    """A tool took too long."""


def version_of(package: str) -> str:
    """Version of a tool's package; if it is missing, `InputError` with the command to install it."""
    try:
        return version(package)
    except PackageNotFoundError:
        raise InputError(
            f"{package} is missing; install it with: python -m pip install -c constraints.txt {package}"
        ) from None


def run_tool(
    package: str, arguments: list[str], folder: Path, timeout_s: float, tool: str | None = None
) -> None:
    """Run the tool of the YoWASP `package`, or another `tool` that is in it, in `folder`.

    The tools are WebAssembly and cannot access the system's folder for temporary files: `arguments`
    name files relative to `folder`, which also holds all files that they leave.

    Raises
    ------
    InputError
        If the tool is not installed.
    FlowError
        With the tool's own message if it fails; `TooSlow` after `timeout_s` seconds.
    """
    version_of(package)
    module = package.replace("-", "_")
    function = f"{module}.run_{tool or module.removeprefix('yowasp_')}"
    run = f"import sys, {module}; sys.exit({function}(sys.argv[1:]))"
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
        message = f"{tool or package} took more than {timeout_s:g} s; raise the limit with --timeout"
        raise TooSlow(message) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise FlowError(f"{tool or package}: {next((line for line in lines if 'ERROR' in line), lines[-1])}")


def made_by(
    package: str, arguments: Sequence[str], inputs: Sequence[Path], timeout_s: float, kept: Path | None = None
) -> dict[str, Any]:
    """The JSON object that the tool writes to `OUTPUT`, or that of an earlier run if `kept` has it.

    Parameters
    ----------
    package, arguments, timeout_s
        As in `run_tool`.
    inputs : sequence of Path
        Files that the tool reads, in the folder that it runs in.
    kept : Path, optional
        Folder that keeps results. The name of a file there has two digests: of the tool's version,
        `arguments` and the content of `inputs`, so that a result is reused only for the same inputs; and of
        its own content, so that only complete files are reused. Files of other names are left alone.

    Raises
    ------
    InputError, FlowError
        As `run_tool`; also if the tool writes something else.
    """
    known = hashlib.sha256("\0".join([version_of(package), *arguments]).encode())
    for file in inputs:
        known.update(hashlib.sha256(file.read_bytes()).digest())
    start = f"{package}-{known.hexdigest()[:16]}-"
    for file in () if kept is None else sorted(kept.glob(f"{start}*.json")):
        content = read_bytes(file, MADE_BYTES)
        if file.name == _name(start, content):
            return parse_json(content, str(file), dict)
    folder = inputs[0].parent
    made = folder / f"{package}-{uuid4().hex}.json"
    run_tool(package, [own.replace(OUTPUT, made.name) for own in arguments], folder, timeout_s)
    try:
        content = read_bytes(made, MADE_BYTES)
        result = parse_json(content, made.name, dict)
    except InputError as error:
        raise FlowError(f"{package} wrote a result that cannot be read: {error}") from None
    if kept is not None:
        with replacing(kept / _name(start, content)) as part:
            part.write_bytes(content)
    return result


def _name(start: str, content: bytes) -> str:
    """Name of the file that keeps `content`."""
    return f"{start}{hashlib.sha256(content).hexdigest()[:16]}.json"
