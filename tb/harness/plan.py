"""Parameters of a running bench, and its results: two JSON files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLAN = "SPIKELINE_BENCH_PLAN"
"""Environment variable that names the plan; the figures are written beside it."""


def load_plan() -> dict[str, Any]:
    """The plan of the running bench."""
    plan: dict[str, Any] = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
    return plan


@dataclass
class Figures:
    """Figures measured by a bench, passed to pytest through a file."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, test: str, values: Mapping[str, Any]) -> None:
        """Add the `values` of a test, and write all figures so far."""
        self.values[test] = dict(values)
        Path(os.environ[PLAN]).with_name("figures.json").write_text(json.dumps(self.values), encoding="utf-8")
