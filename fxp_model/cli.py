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
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from fxp_model.children import end_children
from fxp_model.errors import InputError
from fxp_model.files import check_file_target, json_text, replacing, write_text
from fxp_model.printable import printable

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that end a program in order."""
ORDER_S = 5.0
"""After such a signal, a second one is not heard for as long, so that everything is put in order."""


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


def console() -> NoReturn:
    """`run` the script that an installed command is: ``spikeline-gen-hw`` is ``gen_hw.py``."""
    name = Path(sys.argv[0]).stem.removeprefix("spikeline-").replace("-", "_")
    run(lambda: int(importlib.import_module(f"spikeline.{name}").main()))


def run(main: Callable[[], int]) -> NoReturn:
    """Call `main` and exit with its status.

    `InputError`, `OSError`, `MemoryError`, the failure of another program and the signals that end one become
    a line on stderr and a status; any other exception is an error of the program and keeps its traceback. A
    signal ends the processes that this one began, too; what is raised after it is its consequence.
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
        if isinstance(stream, io.TextIOWrapper):  # whatever the locale, a name can be printed
            stream.reconfigure(errors="backslashreplace")
    status: int
    try:
        try:
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
        for number in handled:  # the last line is printed whole
            signal.signal(number, signal.SIG_IGN)
        error = received[0] if received else raised
        if not isinstance(error, _OUTSIDE):
            raise
        line, status = _told(error)
        with suppress(OSError):
            print(f"{program}: {_shortened(printable(line), LINE)}", file=sys.stderr)
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

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._dependent: list[tuple[argparse.Action, Sequence[argparse.Action]]] = []

    def only_with(
        self, needed: argparse.Action | Sequence[argparse.Action], *options: argparse.Action
    ) -> None:
        """Refuse `options` where `needed`, or each of several, is not given: they would mean nothing."""
        some = [needed] if isinstance(needed, argparse.Action) else needed
        self._dependent += [(option, some) for option in options]

    def options(self) -> argparse.Namespace:
        """What the command line gives; `InputError` where it gives what is not usable."""
        for own in sys.argv[1:]:
            if re.fullmatch("--[^=]+=--", own):  # which argparse takes for a list before Python 3.13
                self.error(f"{own.partition('=')[0]} must have a value, not '--'")
        unset = object()
        marked = argparse.Namespace(**{option.dest: unset for option, _ in self._dependent})
        values = self.parse_args(namespace=marked)
        for option, needed in self._dependent:
            if getattr(values, option.dest) is unset:
                setattr(values, option.dest, option.default)
            elif all(getattr(values, other.dest) == other.default for other in needed):
                names = " or ".join(other.option_strings[0] for other in needed)
                self.error(f"{option.option_strings[0]} means nothing without {names}")
        return values

    def error(self, message: str) -> NoReturn:
        """Of ``argument --x: must be ...`` only the option and what it must be is told."""
        raise InputError(re.sub(r"^argument (\S+): must", r"\1 must", message))


LINE, VALUE = 1500, 60
"""Longest line of an error, but for its dots, and longest value of an option in it."""


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Type of an option: an integer from `low` to `high`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be an integer, not {_shown(text)}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, not {_shortened(str(value))}")
        if high is not None and value > high:
            raise argparse.ArgumentTypeError(f"must be at most {high}, not {_shortened(str(value))}")
        return value

    return convert


def real(low: float, high: float) -> Callable[[str], float]:
    """Type of an option: a number from `low` to `high`, both finite."""

    def convert(text: str) -> float:
        try:
            value = float(text)
            given = f"{value:g}"
        except ValueError:
            value, given = math.nan, _shown(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a number from {low:g} to {high:g}, not {given}")
        return value

    return convert


def matching(pattern: re.Pattern[str], form: str) -> Callable[[str], str]:
    """Type of an option: a text of the `pattern`, which `form` tells in words."""

    def convert(value: str) -> str:
        if not pattern.fullmatch(value):
            raise argparse.ArgumentTypeError(f"must be {form}, not {_shown(value)}")
        return value

    return convert


def nonempty(value: str) -> str:
    """Type of an option: a text that is not empty and can be the name of a file."""
    if not value:
        raise argparse.ArgumentTypeError("must not be empty")
    if "\0" in value:
        raise argparse.ArgumentTypeError(f"must hold no character NUL, not {_shown(value)}")
    return value


def some_path(value: str) -> Path:
    """Type of an option: a file or a folder, which need not be there."""
    return Path(nonempty(value))


def output_file(value: str) -> Path:
    """Type of an option: a file to write; refused at once if it could not be written after the work."""
    path = some_path(value)
    try:
        check_file_target(path)
    except InputError as error:  # of which argparse would tell the type only
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def json_output(value: str) -> str:
    """Type of an option: where `write_json` writes."""
    return value if value == "-" else str(output_file(value))


SEED = whole(0, 2**63 - 1)
"""Type of an option that seeds."""
COUNT = whole(1, 10**9)
"""Type of an option that says how many."""
WORKERS = whole(1, 1024)
"""Type of an option that says how many processes."""


def add_data_options(
    parser: Parser, without: str | None = None, group: argparse._ArgumentGroup | None = None
) -> None:
    """Give a script ``--data`` and ``--split``.

    Parameters
    ----------
    without : str, optional
        What is taken where ``--data`` is not given; it must be given when absent.
    group : optional
        Of `parser`, to which they belong.
    """
    add = (group or parser).add_argument
    default = "" if without is None else f" (default: {without})"
    data = add(
        "--data",
        type=nonempty,
        required=without is None,
        help=f"folder of a data set, or 'synthetic'{default}",
    )
    split = add("--split", type=nonempty, default="val", help="of --data; %(default)s")
    parser.only_with(data, split)


def add_json_option(parser: argparse._ActionsContainer, what: str) -> argparse.Action:
    """Give a script ``--json``, which writes `what`."""
    return parser.add_argument(
        "--json", type=json_output, metavar="FILE", help=f"write {what} as JSON; - is standard output"
    )


def _open_standard_streams() -> None:
    """Where one is closed, as by ``2>&-``, what is printed goes nowhere, and no file gets its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            setattr(sys, name, os.fdopen(nowhere, "r" if number == 0 else "w", encoding="utf-8"))


_OUTSIDE = (InputError, OSError, MemoryError, KeyboardInterrupt, subprocess.CalledProcessError)


def _told(error: BaseException) -> tuple[str, int]:
    """Line and status."""
    if isinstance(error, Terminated):
        return f"ended by {signal.Signals(error.number).name}", 128 + error.number
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", 128 + signal.SIGINT
    if isinstance(error, MemoryError):
        return f"not enough memory{': ' if str(error) else ''}{error}", 2
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} ended with status {error.returncode}", 2
    if isinstance(error, OSError):
        name = error.filename2 or error.filename
        reason = error.strerror or str(error)
        return reason if name is None else f"{os.fsdecode(name)}: {reason}", 2
    return str(error), 2


def _shortened(text: str, most: int = VALUE) -> str:
    """Begin and end of a text that is longer than `most`."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"


def _shown(text: str) -> str:
    """A value in a message."""
    return _shortened(repr(text))


def _finish_output() -> None:
    """Write what waits to be printed; where that fails, nothing more is tried at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
