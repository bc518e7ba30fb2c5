"""Trained artifacts that come with Spikeline, and which of them is the default."""

import argparse
from pathlib import Path

from fxp_model.options import nonempty

_FOLDER = Path(__file__).parent

DEFAULT = _FOLDER / "asc20-256x256-k5"


def bundled() -> list[str]:
    """Names of the artifacts that come with Spikeline."""
    return sorted(spec.parent.name for spec in _FOLDER.glob("*/spec.json"))


def find(name: str) -> Path:
    """Folder of the artifact `name`: a bundled one's name, or a path."""
    return _FOLDER / name if name in bundled() else Path(name)


def find_artifact(value: str) -> Path:
    """Type of an option: an artifact, as `find` takes it."""
    return find(nonempty(value))


def add_artifact_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--artifact`` to a parser."""
    names = ", ".join(bundled())
    parser.add_argument(
        "--artifact",
        type=find_artifact,
        default=DEFAULT,
        help=f"folder of an artifact, or one of {names} (default: {DEFAULT.name})",
    )
