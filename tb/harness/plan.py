"""What goes into a running bench, and what it gives back: two JSON files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLAN = "SPIKELINE_BENCH_PLAN"
"""Environment variable that names the plan; the figures lie beside it."""


def load_plan() -> dict[str, Any]:
    """The plan of the running bench."""
    plan: dict[str, Any] = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
    return plan


@dataclass
class Figures:
    """What a bench measured, handed to the pytest side when it is written."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, test: str, values: Mapping[str, Any]) -> None:
        """Keep `values` of a test, and write all so far."""
        self.values[test] = dict(values)
        Path(os.environ[PLAN]).with_name("figures.json").write_text(json.dumps(self.values), encoding="utf-8")
