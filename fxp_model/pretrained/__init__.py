"""Trained artifacts that come with Spikeline, and which of them is the default."""

from pathlib import Path

DEFAULT = Path(__file__).parent / "asc20-256x256-k5"
