"""What a user should know of data that is used all the same."""

from __future__ import annotations

import logging
from functools import cache


@cache
def notice(text: str) -> None:
    """Say `text`, a line, once: on stderr, or wherever the program sends the log ``spikeline``."""
    logging.getLogger("spikeline").warning(text)
