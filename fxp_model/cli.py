"""Where scripts meet the outside: options, what is written, and how each error becomes one line and a status.

0 all went well; 1 a check failed; 2 input that is not usable, or a machine that has no room for it;
128 + n ended by signal n, as a shell says it: 130 interrupted, 141 nobody reads any more, 143 terminated.
"""

from __future__ import annotations

import argparse
import importlib
import io
import math
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from fxp_model.errors import InputError
from fxp_model.files import json_text, replacing, write_text


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP: everything is put in order as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run_script(file: str) -> NoReturn:
    """`run` the function ``main`` of a script, whose other imports are under the same care.

    Parameters
    ----------
    file : str
        The script; it is imported under its name, and not as ``__main__``.
    """
    folder = str(Path(file).resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    run(lambda: int(importlib.import_module(Path(file).stem).main()))


def run(main: Callable[[], int]) -> NoReturn:
    """Call `main` and exit with its status.

    `InputError`, `OSError`, `MemoryError` and the signals that end a program become one line on stderr and a
    status; any other exception is an error of the program and keeps its traceback.
    """
    program = Path(sys.argv[0]).name
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever the locale, a name can be printed
            stream.reconfigure(errors="backslashreplace")
    status: int
    try:
        try:
            _check_environment()
            status = main()
        except SystemExit as end:  # of argparse, after --help
            status = end.code if isinstance(end.code, int) else 0
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + signal.SIGPIPE
    except (InputError, OSError, MemoryError, KeyboardInterrupt) as error:
        line, status = _told(error)
        with suppress(OSError):
            print(f"{program}: {_printable(line)}", file=sys.stderr)
    _finish_output()
    sys.exit(status)


def write_json(target: str, value: Any) -> None:
    """Write `value` as JSON to the file `target`, or to standard output when it is ``-``."""
    if target == "-":
        print(json_text(value), end="")
    else:
        with replacing(target) as path:
            write_text(path, json_text(value))


class Parser(argparse.ArgumentParser):
    """A parser whose errors are `InputError`, one line; its description is plain text."""

    def error(self, message: str) -> NoReturn:
        """Of ``argument --x: must be ...`` only the option and what it must be is told."""
        raise InputError(re.sub(r"^argument (\S+): must", r"\1 must", message))


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Type of an option: an integer from `low` to `high`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be an integer, not {text!r}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, not {value}")
        if high is not None and value > high:
            raise argparse.ArgumentTypeError(f"must be at most {high}, not {value}")
        return value

    return convert


def real(low: float, high: float) -> Callable[[str], float]:
    """Type of an option: a number from `low` to `high`, both finite."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a number from {low:g} to {high:g}, not {text}")
        return value

    return convert


SEED = whole(0, 2**63 - 1)
"""Type of an option that seeds."""


def _check_environment() -> None:
    """`InputError` for a variable with which numba cannot be imported."""
    name = "NUMBA_NUM_THREADS"
    try:
        if name in os.environ:
            whole(1)(os.environ[name])
    except argparse.ArgumentTypeError as error:
        raise InputError(f"{name} {error}") from None


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated(number)


def _told(error: BaseException) -> tuple[str, int]:
    """Line and status."""
    if isinstance(error, Terminated):
        return f"ended by {signal.Signals(error.number).name}", 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 128 + signal.SIGINT
    if isinstance(error, MemoryError):
        return f"not enough memory{': ' if str(error) else ''}{error}", 2
    if isinstance(error, OSError):
        name = error.filename2 or error.filename
        reason = error.strerror or str(error)
        return reason if name is None else f"{os.fsdecode(name)}: {reason}", 2
    return str(error), 2


def _printable(text: str) -> str:
    """`text` in one line: what controls a terminal is written as Python writes it."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda match: repr(match[0])[1:-1], text)


def _finish_output() -> None:
    """Write what waits to be printed; where that fails, nothing more is tried at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
