"""Depth of the tests: `make test` takes minutes, `make test-all` runs at full depth."""

import os

FULL = os.environ.get("SPIKELINE_TESTS") == "full"
"""Set by `make test-all`."""


def depth(reduced: int, full: int) -> int:
    """A number of examples: `full` in `make test-all`, otherwise `reduced`, which is at least 1."""
    assert 1 <= reduced <= full
    return full if FULL else reduced


def ears(reduced: int) -> int:
    """Random ears, or triggers, of a bench: ``SPIKELINE_EARS`` of the environment, or by the depth."""
    return int(os.environ.get("SPIKELINE_EARS", depth(reduced, 4)))
