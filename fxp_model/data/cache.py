"""Bytes on disk under a key: complete and unchanged, or absent."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from fxp_model.errors import InputError
from fxp_model.files import replacing

ENVIRONMENT = "SPIKELINE_CACHE"
"""Environment variable that names the folder of the cache."""

_DIGEST_BYTES = hashlib.sha256().digest_size


def default_cache_dir() -> Path | None:
    """``$SPIKELINE_CACHE``, or ``~/.cache/spikeline``; None for a user without a home directory."""
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    try:
        return Path.home() / ".cache" / "spikeline"
    except RuntimeError:  # neither HOME nor a passwd entry
        return None


@dataclass(frozen=True)
class Cache:
    """Entries in a folder, one file each: the sha256 of key and payload, then the payload.

    It is only a cache: an entry that cannot be read counts as absent, and one that cannot be written is
    dropped.

    folder : created when the first entry is written; None caches nothing
    """

    folder: Path | None

    def get(self, key: str) -> bytes | None:
        """Payload of `key`; None if it is absent or damaged."""
        if self.folder is None:
            return None
        try:
            entry = self._path(self.folder, key).read_bytes()
        except OSError:
            return None
        digest, payload = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        return payload if digest == _digest(key, payload) else None

    def put(self, key: str, payload: bytes) -> str | None:
        """Store `payload`, replacing an earlier one; None, or the reason why that failed."""
        if self.folder is None:
            return f"there is no home directory, and {ENVIRONMENT} is not set"
        try:
            with replacing(self._path(self.folder, key)) as path:
                path.write_bytes(_digest(key, payload) + payload)
        except OSError as error:
            return f"{self.folder}: {error.strerror}"
        except InputError as error:
            return str(error)
        return None

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / f"{key}.bin"


def _digest(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + payload).digest()
