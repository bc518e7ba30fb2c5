"""Bytes kept on disk under a key: whole and as written, or absent."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from fxp_model.files import replacing

ENVIRONMENT = "SPIKELINE_CACHE"
"""Environment variable that names the folder of the cache."""

_DIGEST_BYTES = hashlib.sha256().digest_size


def default_cache_dir() -> Path:
    """``$SPIKELINE_CACHE``, or ``~/.cache/spikeline``."""
    return Path(os.environ.get(ENVIRONMENT) or Path.home() / ".cache" / "spikeline")


@dataclass(frozen=True)
class Cache:
    """Entries in a folder, one file each: the sha256 of key and payload, then the payload.

    folder : made when the first entry is written
    """

    folder: Path

    def get(self, key: str) -> bytes | None:
        """Payload of `key`; None where there is none or it is not as it was written."""
        try:
            entry = self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        digest, payload = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        return payload if digest == _digest(key, payload) else None

    def put(self, key: str, payload: bytes) -> None:
        """Keep `payload`; replaces an earlier one."""
        with replacing(self._path(key)) as path:
            path.write_bytes(_digest(key, payload) + payload)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.bin"


def _digest(key: str, payload: bytes) -> bytes:
    return hashlib.sha256(key.encode() + payload).digest()
