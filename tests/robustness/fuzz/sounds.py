"""Sound files with chunks, headers and samples changed, or of other formats."""

from __future__ import annotations

import io
import struct

import numpy as np
import soundfile
from hypothesis import strategies as st

from tests.robustness.fuzz.values import NUMBERS

_FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "FLAC", "OGG", "MP3", "AU", "CAF")
_SUBTYPES = ("FLOAT", "DOUBLE", "PCM_U8", "PCM_24", "IMA_ADPCM", "ULAW")
_NAMES = (b"LIST", b"fact", b"ds64", b"junk", b"data", b"fmt ", b"\0\0\0\0", b"ID3\3", b"RIFF", b"cue ")
_FIELDS = ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (12, "H"), (14, "H"))
"""Offset and type of each field of a wav file's format: tag, channels, rate, bytes, alignment, bits."""
_WAYS = (
    *("samples", "samples", "out", "again", "swap", "new", "new", "length", "format", "format", "head"),
    "cut",
)

Chunks = list[tuple[bytes, int, bytes]]
"""Name, length as it is told, and content of each."""


def chunks(content: bytes) -> Chunks:
    """Chunks of a sound wav file."""
    found, place = [], 12
    while place < len(content):
        name, length = struct.unpack_from("<4sI", content, place)
        found.append((name, length, content[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return found


@st.composite
def changed_wav(draw: st.DrawFn, content: bytes) -> bytes:
    """A wav file with one to three changes of its chunks, or sound of another format."""
    if draw(st.integers(0, 3)) == 0:
        return draw(other_sound())
    parts = chunks(content)
    kind, form = content[:4], content[8:12]
    more = 0
    for _ in range(draw(st.integers(1, 3))):
        if not parts:
            break
        index = draw(st.integers(0, len(parts) - 1))
        name, length, data = parts[index]
        match draw(st.sampled_from(_WAYS)):
            case "samples":
                some = draw(st.binary(min_size=2, max_size=2))
                parts[-1] = parts[-1][0], parts[-1][1], some * (len(parts[-1][2]) // 2)
            case "out":
                del parts[index]
            case "again":
                parts.append(parts[index])
            case "swap":
                parts.reverse()
            case "new":
                data = draw(st.binary(max_size=24))
                parts.insert(index, (draw(st.sampled_from(_NAMES)), len(data), data))
            case "length":
                told = draw(st.sampled_from((*NUMBERS, length + 1, length - 1, length + 2, length - 2)))
                parts[index] = name, max(told, 0), data
            case "format":
                offset, code = draw(st.sampled_from(_FIELDS))
                number = draw(st.sampled_from((*NUMBERS, 16, 24, 32, 8_000, 16_000, 0xFFFE)))
                format_ = bytearray(parts[0][2])
                if len(format_) >= offset + 4:
                    struct.pack_into(
                        "<" + code, format_, offset, number & (0xFFFF if code == "H" else 0xFFFFFFFF)
                    )
                parts[0] = parts[0][0], parts[0][1], bytes(format_)
            case "head":
                kind = draw(st.sampled_from((b"RIFF", b"RIFX", b"RF64", b"FORM", b"RIFF")))
                form = draw(st.sampled_from((b"WAVE", b"WAVE", b"AVI ", b"AIFF")))
                more = draw(st.sampled_from((0, 1, -1, 1000)))
            case "cut":
                parts[index] = name, length, data[: draw(st.integers(0, len(data)))]
    body = form + b"".join(
        name + struct.pack("<I", length) + data + b"\0" * (len(data) % 2) for name, length, data in parts
    )
    return kind + struct.pack("<I", max(len(body) + more, 0)) + body


@st.composite
def changed_flac(draw: st.DrawFn, content: bytes) -> bytes:
    """A flac file with a block of its head changed, away or doubled, or sound of another format."""
    if draw(st.integers(0, 3)) == 0:
        return draw(other_sound())
    blocks, place, last = [], 4, False
    while not last:
        last, length = bool(content[place] & 0x80), int.from_bytes(content[place + 1 : place + 4], "big")
        blocks.append((content[place] & 0x7F, length, content[place + 4 : place + 4 + length]))
        place += 4 + length
    index = draw(st.integers(0, len(blocks) - 1))
    kind, length, data = blocks[index]
    match draw(st.sampled_from(("out", "again", "swap", "kind", "length", "data", "data", "stream"))):
        case "out":
            del blocks[index]
        case "again":
            blocks.append(blocks[index])
        case "swap":
            blocks.reverse()
        case "kind":
            blocks[index] = draw(st.integers(0, 127)), length, data
        case "length":
            blocks[index] = (
                kind,
                draw(st.sampled_from((0, 1, length + 1, max(length - 1, 0), 0xFFFFFF))),
                data,
            )
        case "data":
            changed = bytearray(data)
            changed[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
            blocks[index] = kind, length, bytes(changed)
        case "stream":
            return content + content
    head = b"".join(
        bytes([kind | 0x80 * (number == len(blocks))]) + length.to_bytes(3, "big") + data
        for number, (kind, length, data) in enumerate(blocks, start=1)
    )
    return b"fLaC" + head + content[place:]


@st.composite
def other_sound(draw: st.DrawFn) -> bytes:
    """Sound of any format, rate, width or length, with samples that are too large or no numbers."""
    form = draw(st.sampled_from(_FORMATS))
    length, channels = draw(st.sampled_from((0, 1, 900))), draw(st.sampled_from((1, 1, 2)))
    samples = np.random.default_rng(0).uniform(-1, 1, (length, channels))
    endian = draw(st.sampled_from(("FILE", "BIG"))) if form == "WAV" else "FILE"
    subtype = draw(st.sampled_from(_SUBTYPES)) if form == "WAV" else None
    if subtype == "DOUBLE" and length:
        samples[0] = draw(st.sampled_from((np.nan, np.inf, 1e300, 1e5)))
    file = io.BytesIO()
    soundfile.write(file, samples, draw(st.sampled_from((16_000, 8_000, 48_000))), subtype, endian, form)
    return file.getvalue()
