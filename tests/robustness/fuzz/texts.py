"""Tables, lists, reports and XML as text: odd cells; lines that are missing, doubled or moved; encodings."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from tests.robustness.fuzz.values import NAMES

_WORD = re.compile(r"[^\s,|<>=\"]+")
"""A cell, a number, a name of a tag."""


@st.composite
def changed_text(draw: st.DrawFn, content: bytes) -> bytes:
    """A text in UTF-8 with one to three changes, sometimes in another encoding."""
    lines = content.decode().split("\n")
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        odd = draw(st.sampled_from(NAMES))
        words = list(_WORD.finditer(lines[index]))
        match draw(st.sampled_from(("word", "word", "word", "in", "out", "again", "swap", "cut", "quote"))):
            case "word" if words:
                word = draw(st.sampled_from(words))
                lines[index] = lines[index][: word.start()] + odd + lines[index][word.end() :]
            case "in":
                lines.insert(index, odd)
            case "out" if len(lines) > 1:
                del lines[index]
            case "again":
                lines.append(lines[index])
            case "swap":
                lines[0], lines[index] = lines[index], lines[0]
            case "cut":
                lines[index] = lines[index][: draw(st.integers(0, len(lines[index])))]
            case "quote":
                lines[index] = f'"{lines[index]}'
    end = draw(st.sampled_from(("\n", "\n", "\n", "\r\n", "\r", "\n\n", "\v")))
    encoding = draw(st.sampled_from(("utf-8",) * 6 + ("utf-8-sig", "utf-16", "utf-32", "utf-7", "cp037")))
    text = end.join(lines)
    try:
        return text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return text.encode(encoding, "replace")
