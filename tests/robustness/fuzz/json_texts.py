"""JSON with fields dropped, doubled, renamed, of other types, beyond their ranges, or that is not JSON."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from tests.robustness.fuzz.values import ODD, RAW

_PLACE = "\0place\0"
"""Stands for one of `RAW` until the text is written."""
_AGAIN = "\0again\0"
"""Before a key that is to be there twice."""
_GENTLE = ("nudge", "reorder", "suffix")
_ROUGH = (
    *("drop", "again", "rename", "array", "object", "nudge", "factor", "shorter", "longer", "other"),
    *("odd", "odd", "odd", "raw"),
)


def _at(table: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        table = table[key]
    return table


@st.composite
def _place(draw: st.DrawFn, table: Any) -> tuple[Any, ...]:
    """Path of a value in `table`, which is not empty: each level down is half as likely as the one above."""
    path: tuple[Any, ...] = ()
    while isinstance(table, dict | list) and table and (not path or draw(st.booleans())):
        path += (draw(st.sampled_from(list(table) if isinstance(table, dict) else range(len(table)))),)
        table = table[path[-1]]
    return path


@st.composite
def changed_json(draw: st.DrawFn, sound: Any) -> str:
    """`sound` as JSON, with one to three fields changed; mostly it is no longer valid."""
    table = copy.deepcopy(sound)
    raw = ""
    ways = draw(st.sampled_from((_GENTLE, _ROUGH, _ROUGH)))
    for _ in range(draw(st.integers(1, 3))):
        if not table:
            break
        path = draw(_place(table))
        holder, key = _at(table, path[:-1]), path[-1]
        own = copy.deepcopy(holder[key])
        number = isinstance(own, int | float) and not isinstance(own, bool)
        match draw(st.sampled_from(ways)):
            case "nudge" if number:
                holder[key] = own + draw(st.integers(-1, 1) if ways is _GENTLE else st.integers(-3, 3))
            case "factor" if number:
                holder[key] = own * draw(st.sampled_from((-1, 0, 2, 0.5, 10**9, 10**18)))
            case "reorder" if isinstance(own, dict):
                holder[key] = dict(reversed(own.items()))
            case "reorder" if isinstance(own, list):
                holder[key] = own[::-1]
            case "suffix" if isinstance(own, str):
                holder[key] = own + draw(st.sampled_from(("s", " ", "é", "\u3000", "\n", "\x1b")))
            case "drop":
                del holder[key]
            case "again" if isinstance(holder, dict):
                holder[f"{_AGAIN}{key}"] = draw(st.sampled_from((own, *ODD)))
            case "rename" if isinstance(holder, dict):
                del holder[key]
                holder[str(draw(st.sampled_from(ODD)))[:40]] = own
            case "array":
                holder[key] = [own]
            case "object":
                holder[key] = {"value": own}
            case "shorter" if isinstance(own, list | str):
                holder[key] = own[: draw(st.integers(0, len(own)))]
            case "longer" if isinstance(own, list | str):
                holder[key] = own + own[:1] if own else own
            case "other":
                holder[key] = copy.deepcopy(_at(table, draw(_place(table))))
            case "raw" if not raw:
                holder[key], raw = _PLACE, draw(st.sampled_from(RAW))
            case "odd":
                holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
    text = json.dumps(table).replace(json.dumps(_PLACE), raw or "0", 1)
    return text.replace(json.dumps(_AGAIN)[1:-1], "")


@st.composite
def changed_json_file(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of an object."""
    return draw(changed_json(json.loads(content))).encode(errors="surrogatepass")


@st.composite
def changed_json_lines(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of an object on each line, with one of them changed, away, doubled or moved."""
    lines = content.decode().splitlines()
    index = draw(st.integers(0, len(lines) - 1))
    match draw(st.sampled_from(("change", "change", "change", "change", "out", "again", "empty", "join"))):
        case "change":
            lines[index] = draw(changed_json(json.loads(lines[index])))
        case "out":
            del lines[index]
        case "again":
            lines.append(lines[index])
        case "empty":
            lines.insert(index, "")
        case "join":
            lines[index] += lines[index]
    return "".join(line + "\n" for line in lines).encode(errors="surrogatepass")
