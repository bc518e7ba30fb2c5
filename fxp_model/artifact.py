"""A trained network on disk: a folder of plain files, refused when damaged.

    spec.json      schema version, network spec, labels, encoder, provenance, metrics
    weights.npz    integer arrays, ``<stage>.<array>`` (see `network.StageParams`)
    stimulus.npz   `counts` (T, B, n_in) uint8: encoded clips to exercise the network with
    SHA256SUMS     digests of the three and of what is kept beside, as ``sha256sum -c`` reads them

Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError, check_type, path_of
from fxp_model.files import json_text, parse_json, read_bytes
from fxp_model.folders import SUMS, FolderKind, read_sums, write_sums
from fxp_model.network import Network, StageParams, check_counts
from fxp_model.spec import NetworkSpec

FORMAT = "spikeline-artifact"
SCHEMA_VERSION = 1
FILES = ("spec.json", "stimulus.npz", "weights.npz")
FOLDER = FolderKind("artifact", "spec.json", FORMAT)
FILE_BYTES = 1 << 30
"""Largest file of an artifact; the largest network that a spec can describe is smaller by far."""


@dataclass(frozen=True)
class Artifact:
    """A network with what is known of it.

    Parameters
    ----------
    name : str
        Name of the folder; where that is ``artifact``, as training writes it, of the folder above.
    network : Network
        Spec and integers.
    labels : tuple of str
        Class names, one per readout neuron.
    encoder : dict or None
        The encoder that made the training frames (its `to_dict`), None for other inputs.
    provenance : dict
        Command, seed, versions, date, data.
    metrics : dict
        What was measured of the network.
    stimulus : (T, B, n_in) uint8
        Encoded clips.
    sha256 : str
        Digest of the digests of the three files, as SHA256SUMS has them, and so of all that they hold.
    """

    name: str
    network: Network
    labels: tuple[str, ...]
    encoder: dict[str, Any] | None
    provenance: dict[str, Any]
    metrics: dict[str, Any]
    stimulus: NDArray[np.uint8]
    sha256: str


def save_artifact(
    path: Path | str,
    *,
    network: Network,
    labels: tuple[str, ...],
    encoder: dict[str, Any] | None,
    provenance: dict[str, Any],
    metrics: dict[str, Any],
    stimulus: NDArray[np.uint8],
    extra_files: Mapping[str, str] | None = None,
) -> Artifact:
    """Write an artifact folder whole, read it back and return it; same input, same bytes.

    `extra_files` are texts kept beside, such as the model card; they are not part of the digest. An earlier
    artifact in the folder is replaced, and what else is there stays (`folders.FolderKind.writing`).
    """
    path = path_of("path", path)
    check_type("network", network, Network)
    check_type("labels", labels, tuple)
    for name, table in (("encoder", encoder), ("provenance", provenance), ("metrics", metrics)):
        _check_json(name, table)
    FOLDER.check(path)
    description = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "network": network.spec.to_dict(),
        "labels": list(labels),
        "encoder": encoder,
        "provenance": provenance,
        "metrics": metrics,
    }
    weights = {
        f"{stage}.{key}": _narrowest(array)
        for stage, params in zip(network.spec.stage_names, network.params, strict=True)
        for key, array in params.arrays()
    }
    contents = {
        "spec.json": json_text(description).encode(),
        "stimulus.npz": _npz({"counts": check_counts(network.spec, stimulus).astype(np.uint8)}),
        "weights.npz": _npz(weights),
    }
    for name, text in (extra_files or {}).items():
        if name in contents:
            raise InputError(f"extra_files must have other names than {', '.join(FILES)}, not {name}")
        contents[name] = text.encode()
    with FOLDER.writing(path) as folder:
        for name, data in contents.items():
            (folder / name).write_bytes(data)
        write_sums(folder, {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()})
        load_artifact(folder)
    return load_artifact(path)


def load_artifact(path: Path | str) -> Artifact:
    """Read and check an artifact folder.

    Raises
    ------
    InputError
        Naming the file, the field, the limit and the value, when anything is missing,
        damaged, foreign, of a newer schema, or does not fit together.
    """
    path = path_of("path", path)
    if not path.is_dir():
        raise InputError(f"artifact {path} is not a folder")
    contents, sha256 = _verified(path)
    file = path / "spec.json"
    description = parse_json(contents["spec.json"], str(file), dict)
    if description.get("format") != FORMAT:
        raise InputError(f"{file}: format must be {FORMAT!r}: this is not an artifact of Spikeline")
    version = description.get("schema_version")
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise InputError(
            f"{file}: schema_version must be {SCHEMA_VERSION}, not {version!r}"
            + (": made by a newer Spikeline" if newer else "")
        )
    fields: dict[str, Any] = {}
    for name, kinds in _FIELDS.items():
        if name not in description:
            raise InputError(f"{file}: {name} is missing")
        if not isinstance(description[name], kinds):
            raise InputError(f"{file}: {name} must be of type {_JSON[kinds]}, not {description[name]!r}")
        fields[name] = description[name]
    try:
        spec = NetworkSpec.from_dict(fields["network"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    labels = tuple(fields["labels"])
    if len(labels) != spec.n_out:
        raise InputError(f"{file}: labels must be {spec.n_out} (n_out), not {len(labels)}")
    for label in labels:
        if not isinstance(label, str):
            raise InputError(f"{file}: labels must be texts, not {label!r}")
    stimulus = _arrays(path / "stimulus.npz", contents["stimulus.npz"])
    if set(stimulus) != {"counts"} or stimulus["counts"].dtype != np.uint8:
        raise InputError(f"{path / 'stimulus.npz'}: must hold one array 'counts' of uint8")
    try:
        check_counts(spec, stimulus["counts"])
    except InputError as error:
        raise InputError(f"{path / 'stimulus.npz'}: {error}") from None
    return Artifact(
        name=_name(path.resolve()),
        network=_network(path / "weights.npz", contents["weights.npz"], spec),
        labels=labels,
        encoder=fields["encoder"],
        provenance=fields["provenance"],
        metrics=fields["metrics"],
        stimulus=stimulus["counts"],
        sha256=sha256,
    )


_FIELDS: dict[str, tuple[type, ...]] = {
    "network": (dict,),
    "labels": (list,),
    "encoder": (dict, type(None)),
    "provenance": (dict,),
    "metrics": (dict,),
}
_JSON = {(dict,): "object", (list,): "array", (dict, type(None)): "object or null"}


def _check_json(name: str, value: object) -> None:
    try:
        json_text(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{name} must be JSON: {error}") from None


def _name(path: Path) -> str:
    return path.parent.name if path.name == "artifact" else path.name


def _verified(path: Path) -> tuple[dict[str, bytes], str]:
    """Contents of the files, equal to their digests, and the digest of those."""
    sums = read_sums(path)
    for name in FILES:
        if name not in sums:
            raise InputError(
                f"{path / SUMS}: must list {', '.join(FILES)}, not {', '.join(sums) or 'nothing'}"
            )
    contents = {name: read_bytes(path / name, FILE_BYTES) for name in FILES}
    for name, data in contents.items():
        digest = hashlib.sha256(data).hexdigest()
        if digest != sums[name]:
            raise InputError(f"{path / name}: sha256 must be {sums[name]} ({SUMS}), not {digest}: damaged")
    listing = "".join(f"{sums[name]}  {name}\n" for name in FILES)
    return contents, hashlib.sha256(listing.encode()).hexdigest()


def _network(file: Path, data: bytes, spec: NetworkSpec) -> Network:
    arrays = _arrays(file, data)
    names = {name: name.partition(".") for name in arrays}
    for name, (stage, _, key) in names.items():
        if stage not in spec.stage_names or key not in StageParams.__dataclass_fields__:
            raise InputError(f"{file}: array {name!r} is unknown")
    params = []
    for stage in spec.stage_names:
        own = {key: arrays[name] for name, (owner, _, key) in names.items() if owner == stage}
        for key in ("weight", "bias"):
            if key not in own:
                raise InputError(f"{file}: {stage}.{key} is missing")
        try:
            params.append(StageParams(**own))
        except InputError as error:
            raise InputError(f"{file}: {stage}.{error}") from None
    try:
        return Network(spec, tuple(params))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _arrays(file: Path, data: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except _UNREADABLE as error:
        raise InputError(f"{file}: not a readable npz archive: {error}") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InputError(f"{file}: member {name!r} is not an array")
    return arrays


# What numpy and zipfile raise on bytes that are no npz archive, or on one with a broken member.
_UNREADABLE = (
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def _npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An npz archive with no time stamp: the same arrays give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue())
    return buffer.getvalue()


def _narrowest(array: NDArray[np.int64]) -> NDArray[np.integer]:
    """`array` in the smallest signed type that holds it."""
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(kind)
    return array
