"""Options of scripts: a parser with one-line errors, and types with limits."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from fxp_model.errors import InputError
from fxp_model.files import check_file_target
from fxp_model.printable import shortened

VALUE = 60
"""Longest option value shown in a message."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one-line `InputError`; its description is plain text."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._dependent: list[tuple[argparse.Action, Sequence[argparse.Action]]] = []
        self._excluded: list[tuple[argparse.Action, argparse.Action]] = []

    def only_with(
        self, needed: argparse.Action | Sequence[argparse.Action], *options: argparse.Action
    ) -> None:
        """Refuse `options` unless `needed`, or one of several, is given: they would have no effect."""
        some = [needed] if isinstance(needed, argparse.Action) else needed
        self._dependent += [(option, some) for option in options]

    def not_with(self, other: argparse.Action, *options: argparse.Action) -> None:
        """Refuse `options` if `other` is given: they would have no effect. Its default is SUPPRESS."""
        self._excluded += [(option, other) for option in options]

    def options(self) -> argparse.Namespace:
        """The parsed command line; `InputError` if it is invalid."""
        for own in sys.argv[1:]:
            if re.fullmatch("--[^=]+=--", own):  # which argparse takes for a list before Python 3.13
                self.error(f"{own.partition('=')[0]} must have a value, not '--'")
        unset = object()
        watched = [option for option, _ in (*self._dependent, *self._excluded)]
        values = self.parse_args(namespace=argparse.Namespace(**{own.dest: unset for own in watched}))
        given = [own for own in self._dependent if getattr(values, own[0].dest) is not unset]
        for option, other in self._excluded:
            if getattr(values, option.dest) is not unset and getattr(values, other.dest, unset) is not unset:
                self.error(f"{option.option_strings[0]} must not be given with {other.option_strings[0]}")
        for option in watched:
            if getattr(values, option.dest, None) is unset:
                if option.default is argparse.SUPPRESS:
                    delattr(values, option.dest)
                else:
                    setattr(values, option.dest, option.default)
        for option, needed in given:
            if all(getattr(values, other.dest) == other.default for other in needed):
                names = " or ".join(other.option_strings[0] for other in needed)
                self.error(f"{option.option_strings[0]} requires {names}")
        return values

    def error(self, message: str) -> NoReturn:
        """Shorten ``argument --x: must be ...`` to the option and what it must be."""
        raise InputError(re.sub(r"^argument (\S+): must", r"\1 must", message))


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """Type of an option: an integer from `low` to `high`."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be an integer, not {_shown(text)}") from None
        if value < low:
            raise argparse.ArgumentTypeError(f"must be at least {low}, not {shortened(str(value), VALUE)}")
        if high is not None and value > high:
            raise argparse.ArgumentTypeError(f"must be at most {high}, not {shortened(str(value), VALUE)}")
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
    """Type of an option: a string that matches `pattern`, described by `form`."""

    def convert(value: str) -> str:
        if not pattern.fullmatch(value):
            raise argparse.ArgumentTypeError(f"must be {form}, not {_shown(value)}")
        return value

    return convert


def nonempty(value: str) -> str:
    """Type of an option: a non-empty string that can be a file name."""
    if not value:
        raise argparse.ArgumentTypeError("must not be empty")
    if "\0" in value:
        raise argparse.ArgumentTypeError(f"must not contain a NUL character, not {_shown(value)}")
    return value


def some_path(value: str) -> Path:
    """Type of an option: a file or a folder, which need not exist."""
    return Path(nonempty(value))


def output_file(value: str) -> Path:
    """Type of an option: a file to write; refused at the start if it is not writable."""
    path = some_path(value)
    try:
        check_file_target(path)
    except InputError as error:  # argparse would show only its type
        raise argparse.ArgumentTypeError(str(error)) from None
    return path


def json_output(value: str) -> str:
    """Type of an option: the target of `write_json`."""
    return value if value == "-" else str(output_file(value))


SEED = whole(0, 2**63 - 1)
"""Type of an option that is a seed."""
COUNT = whole(1, 10**9)
"""Type of an option that is a number of things."""
WORKERS = whole(1, 1024)
"""Type of an option that is a number of processes."""


def add_data_options(
    parser: Parser, without: str | None = None, group: argparse._ArgumentGroup | None = None
) -> None:
    """Add ``--data`` and ``--split`` to a parser.

    Parameters
    ----------
    without : str, optional
        The default used without ``--data``; if absent, ``--data`` is required.
    group : optional
        Argument group of `parser` to add them to.
    """
    add = (group or parser).add_argument
    default = "" if without is None else f" (default: {without})"
    data = add(
        "--data",
        type=nonempty,
        required=without is None,
        help=f"folder of a data set, or 'synthetic'{default}",
    )
    split = add("--split", type=nonempty, default="val", help="split of --data (default: %(default)s)")
    parser.only_with(data, split)


def add_json_option(parser: argparse._ActionsContainer, what: str) -> argparse.Action:
    """Add ``--json``, which writes `what`, to a parser."""
    return parser.add_argument(
        "--json", type=json_output, metavar="FILE", help=f"write {what} as JSON; - for standard output"
    )


def _shown(text: str) -> str:
    """A value in a message."""
    return shortened(repr(text), VALUE)
