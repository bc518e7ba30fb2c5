"""Warnings about data that is used nevertheless."""

from __future__ import annotations

import logging
from functools import cache


@cache
def notice(text: str) -> None:
    """Report `text`, one line, once: on stderr, or wherever the program sends the log ``spikeline``."""
    logging.getLogger("spikeline").warning(text)
