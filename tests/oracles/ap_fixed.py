"""Casts by hls4ml's ``ap_fixed`` headers, compiled with g++: the reference of NUMERICS.md."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fxp_model.files import replacing
from fxp_model.fixed import Overflow, QFormat, Rounding


@dataclass(frozen=True)
class Cast:
    """One assignment between two formats."""

    source: QFormat
    target: QFormat
    rounding: Rounding
    overflow: Overflow


def missing_tool() -> str | None:
    """The reason why this oracle cannot run here, or None."""
    if shutil.which("g++") is None:
        return "g++ is not installed"
    if importlib.util.find_spec("hls4ml") is None:
        return "hls4ml (its ap_fixed headers) is not installed"
    return None


def every_code(fmt: QFormat) -> NDArray[np.int64]:
    """All codes of a format, ascending."""
    return np.arange(fmt.min_raw, fmt.max_raw + 1)


def cast_every_code(casts: list[Cast], build: Path) -> list[NDArray[np.int64]]:
    """Result codes, modulo 2**width, of every code of the source of each of `casts`.

    The program is kept in `build` under the digest of its text and the headers' version.
    """
    text = _PROGRAM.replace("CASTS", "\n".join(f"    cast<{_type(c)}>({_arguments(c)});" for c in casts))
    key = hashlib.sha256((text + importlib.metadata.version("hls4ml")).encode()).hexdigest()
    program = build / f"casts-{key[:16]}"
    if not program.exists():
        source = program.with_suffix(".cpp")
        with replacing(source) as path:
            path.write_text(text, encoding="utf-8")
        with replacing(program) as path:
            subprocess.run(
                ["g++", "-std=c++11", "-O0", "-w", f"-I{_headers()}", "-o", path, source],
                check=True,
                timeout=300,
            )
    output = subprocess.run([program], check=True, capture_output=True, timeout=60).stdout
    codes = np.frombuffer(output, dtype="<i8")
    ends = np.cumsum([1 << cast.source.width for cast in casts])
    assert len(codes) == ends[-1]
    return np.split(codes, ends[:-1])


def _headers() -> Path:
    found = importlib.util.find_spec("hls4ml")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "templates" / "vivado" / "ap_types"


def _type(cast: Cast) -> str:
    source, target = cast.source, cast.target
    return (
        f"{_name(source)}<{source.width}, {source.int_bits}>, "
        f"{_name(target)}<{target.width}, {target.int_bits}, AP_{cast.rounding}, AP_{cast.overflow}>"
    )


def _name(fmt: QFormat) -> str:
    return "ap_fixed" if fmt.signed else "ap_ufixed"


def _arguments(cast: Cast) -> str:
    return f"{cast.source.min_raw}, {cast.source.max_raw}"


_PROGRAM = """\
#include "ap_fixed.h"
#include <cstdint>
#include <cstdio>

template <class Source, class Target> void cast(int64_t low, int64_t high) {
    for (int64_t raw = low; raw <= high; raw++) {
        Source x;
        x.range(Source::width - 1, 0) = raw;
        Target y = x;
        int64_t code = y.range(Target::width - 1, 0).to_int64();
        fwrite(&code, sizeof code, 1, stdout);
    }
}

int main() {
CASTS
}
"""
