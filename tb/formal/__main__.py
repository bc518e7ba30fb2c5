"""Proves properties by name, or all: ``python -m tb.formal [NAME ..]``; a line of JSON for each."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tb.formal.engine import export, prove
from tb.formal.properties import PROPERTIES


def main(names: list[str]) -> int:
    """Prove the properties; 1 if one is false, 2 if there is no such property."""
    if unknown := [name for name in names if name not in PROPERTIES]:
        print(f"there is no property {unknown[0]!r}, but {', '.join(PROPERTIES)}", file=sys.stderr)
        return 2
    broken = 0
    for name in names or PROPERTIES:
        own = PROPERTIES[name]
        with tempfile.TemporaryDirectory(prefix="spikeline-") as folder:
            export(own.build(), Path(folder))
            verdict = prove(Path(folder), own.cycles)
        broken += verdict.broken is not None
        print(
            json.dumps({"property": name, "claim": own.claim, "cycles": own.cycles, **asdict(verdict)}),
            flush=True,
        )
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
