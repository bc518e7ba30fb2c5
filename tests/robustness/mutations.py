"""Mutations of a user's files, and time and memory bounds for reading them."""

from __future__ import annotations

import copy
import json
import signal
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fxp_model.tables import TEXT

MOST_SECONDS = 20
LONGEST = 2000
"""Characters of a message."""

Rng = np.random.Generator

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 31, 255, 1024, 65535, 65536, 65537, 10**9, 2**31, 2**63, 2**64, 10**19),
    *(10**30, 10**4000, -(10**19), 0.5, -0.0, 1e-320, 1e308, -1e308, 1.0, 16.5),
    *(
        "",
        "a",
        "TRN",
        "zero",
        "dense",
        "\n",
        "\x1b[2J",
        "\ud800",
        "\uffff",
        "a\u2028b",
        "$x$",
        "x" * 5000,
        "0",
    ),
    *("ap_fixed<8,2>", "ap_fixed<99999999999,1>", "ap_fixed<16,6,AP_RND,AP_SAT>", "ap_ufixed<8,0>"),
    *([], {}, [[]], [None], {"": {}}, {"a": [1, "b", None]}, ["a"] * 500, list(range(300))),
    *(
        {"signed": True, "int_bits": 2, "frac_bits": 6},
        {"signed": 1, "int_bits": 10**18, "frac_bits": -(10**18)},
    ),
)
"""Values that a field may be mutated to."""
TEXTS = ("[" * 10_000 + "]" * 10_000, "NaN", "-Infinity", "1e400", "1E-400", "{", "01", "'a'", '"\\ud800"')
"""The same as text, for what is not JSON, or beyond its limits."""
PLACE = "\0place\0"
"""Stands for one of `TEXTS` until the description is written."""


def places(table: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of every value in `table`."""
    items = table.items() if isinstance(table, dict) else enumerate(table) if isinstance(table, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


def changed(rng: Rng, sound: Any) -> str:
    """`sound` as JSON, with one to three fields changed; mostly it is no longer valid."""
    table = copy.deepcopy(sound)
    raw = None
    if rng.random() < 0.4:
        nudge(rng, table)
        return json.dumps(table)
    for _ in range(int(rng.integers(1, 4))):
        found = list(places(table))
        if not found:
            break
        path = found[rng.integers(len(found))]
        holder = table
        for key in path[:-1]:
            holder = holder[key]
        own = copy.deepcopy(holder[path[-1]])
        match rng.integers(9):
            case 0:
                del holder[path[-1]]
            case 1:
                holder[path[-1]] = [own]
            case 2:
                holder[path[-1]] = {"value": own}
            case 3 if isinstance(holder, dict):
                holder[str(ODD[rng.integers(len(ODD))])[:40]] = own
            case 4 if isinstance(own, int):
                holder[path[-1]] = own + int(rng.integers(-3, 4))
            case 5:
                value: Any = table
                for key in found[rng.integers(len(found))]:
                    value = value[key] if not isinstance(value, list) or key < len(value) else value
                holder[path[-1]] = copy.deepcopy(value)
            case 6 if raw is None:
                holder[path[-1]], raw = PLACE, TEXTS[rng.integers(len(TEXTS))]
            case _:
                holder[path[-1]] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    return json.dumps(table).replace(json.dumps(PLACE), raw or "", 1)


def nudge(rng: Rng, table: Any) -> None:
    """Another integer, string or order of fields: the artifact may still be valid."""
    found = list(places(table))
    for index in rng.integers(len(found), size=int(rng.integers(1, 4))):
        *above, last = found[index]
        holder = table
        for key in above:
            holder = holder[key]
        own = holder[last]
        if isinstance(own, str):
            holder[last] = own + str(rng.choice(["", "s", " ", "é", "\u3000", "\n"]))
        elif isinstance(own, dict):
            holder[last] = dict(reversed(own.items()))
        elif isinstance(own, int) and not isinstance(own, bool):
            holder[last] = own + int(rng.integers(-1, 2))


@contextmanager
def bounded(most_bytes: int) -> Iterator[None]:
    """The block must stay within the memory and time limits."""

    def too_long(*_: object) -> None:
        raise AssertionError(f"longer than {MOST_SECONDS} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    tracemalloc.start(1)
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
        assert peak < most_bytes
    finally:
        tracemalloc.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check_message(error: Exception, start: str) -> None:
    """Assert that an error is one line of limited length that begins with `start`."""
    message = str(error)
    assert message.startswith(start)
    assert TEXT.holds(message)
    assert len(message) < LONGEST
