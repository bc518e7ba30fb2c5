"""Bytes changed without regard to what they mean."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from tests.robustness.fuzz.values import NUMBERS


@st.composite
def changed_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Flip, cut, put in, take out or repeat bytes, or replace a number of a header; once to four times."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 64))
        match draw(st.sampled_from(("flip", "bit", "cut", "in", "out", "again", "number", "number"))):
            case "flip":
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=8))
            case "bit" if data:
                data[place % len(data)] ^= 1 << length % 8
            case "cut":
                del data[place:]
            case "in":
                data[place:place] = draw(st.binary(min_size=1, max_size=64))
            case "out":
                del data[place : place + length]
            case "again":
                data += data[place : place + 64 * length]
            case "number":
                order, number = draw(st.sampled_from("<>")), draw(st.sampled_from(NUMBERS))
                data[length : length + 4] = struct.pack(f"{order}I", number)
    return bytes(data)
