"""A trained network on disk: a folder of plain files, refused when damaged.

    spec.json      schema version, network spec, labels, encoder, provenance, metrics
    weights.npz    integer arrays, ``<stage>.<array>`` (see `network.StageParams`)
    stimulus.npz   `counts` (T, B, n_in) uint8: encoded clips as test stimulus
    SHA256SUMS     digests of the three and of extra files, in the format of ``sha256sum -c``

Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.archives import Archive, packed
from fxp_model.checks import check_type, path_of
from fxp_model.errors import InputError, shown
from fxp_model.files import JSON_BYTES, json_text, parse_json, read_bytes
from fxp_model.folders import SUMS, FolderKind, member, read_sums, write_sums
from fxp_model.network import Network, StageParams, check_counts, check_shapes
from fxp_model.printable import printable
from fxp_model.spec import NetworkSpec
from fxp_model.tables import ARRAY, OBJECT, TEXT, check_fields, number

FORMAT = "spikeline-artifact"
SCHEMA_VERSION = 1
FILES = ("spec.json", "stimulus.npz", "weights.npz")
FOLDER = FolderKind("artifact", "spec.json", FORMAT)
FILE_BYTES = {"spec.json": JSON_BYTES, "stimulus.npz": 1 << 28, "weights.npz": 1 << 28}
"""Largest files; 32-bit integers of the largest network (`spec.MAX_PARAMETERS`) take no more."""
MAX_STIMULUS = 1 << 26
"""Most steps x clips x (channels and neurons) of the stimulus: the size of its trace."""


@dataclass(frozen=True)
class Artifact:
    """A network with its metadata.

    Parameters
    ----------
    name : str
        Name of the folder; if that is ``artifact``, as training writes it, of its parent folder.
    network : Network
        Spec and integers.
    labels : tuple of str
        Class names, one per readout neuron.
    encoder : dict or None
        The encoder that made the training frames (its `to_dict`), None for other inputs.
    provenance : dict
        Command, seed, versions, date, data.
    metrics : dict
        What was measured for the network.
    stimulus : (T, B, n_in) uint8
        Encoded clips, one or more.
    sha256 : str
        Digest of the three files' lines in SHA256SUMS, and so of their entire content.
    """

    name: str
    network: Network
    labels: tuple[str, ...]
    encoder: dict[str, Any] | None
    provenance: dict[str, Any]
    metrics: dict[str, Any]
    stimulus: NDArray[np.uint8]
    sha256: str

    def __post_init__(self) -> None:
        if self.stimulus.ndim != 3 or 0 in self.stimulus.shape:
            raise InputError(
                f"stimulus must be of 1 step of 1 clip at least, not of shape {self.stimulus.shape}"
            )

    @property
    def accuracy(self) -> float | None:
        """Accuracy on the validation clips, if that was measured."""
        accuracy: float | None = self.metrics.get("val", {}).get("accuracy")
        return accuracy


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
    """Write a complete artifact folder, read it back and return it; same input, same bytes.

    `extra_files` are additional texts, such as the model card; they are not part of the digest. An earlier
    artifact in the folder is replaced, and everything else there stays (`folders.FolderKind.writing`).
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
        "stimulus.npz": packed({"counts": check_counts(network.spec, stimulus).astype(np.uint8)}),
        "weights.npz": packed(weights),
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

    Shapes and types are checked before memory is allocated; a stimulus without clips is refused.

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
    if type(version) is not int or version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise InputError(
            f"{file}: schema_version must be {SCHEMA_VERSION}, not {shown(version)}"
            + (": made by a newer Spikeline" if newer else "")
        )
    check_fields(str(file), description, _FIELDS)
    try:
        spec = NetworkSpec.from_dict(description["network"])
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    labels = tuple(description["labels"])
    if len(labels) != spec.n_out:
        raise InputError(f"{file}: labels must be {spec.n_out} (n_out), not {len(labels)}")
    for index, label in enumerate(labels):
        TEXT.check(f"{file}: labels[{index}]", label)
    _check_metrics(f"{file}: metrics", description["metrics"])
    return Artifact(
        name=_name(path.resolve()),
        network=_network(path / "weights.npz", contents["weights.npz"], spec),
        labels=labels,
        encoder=description["encoder"],
        provenance=description["provenance"],
        metrics=description["metrics"],
        stimulus=_stimulus(path / "stimulus.npz", contents["stimulus.npz"], spec),
        sha256=sha256,
    )


_FIELDS = {
    "network": OBJECT,
    "labels": ARRAY,
    "encoder": OBJECT.or_null(),
    "provenance": OBJECT,
    "metrics": OBJECT,
}


def _check_metrics(name: str, metrics: dict[str, Any]) -> None:
    """`InputError` unless every key is a string, and `val`, if present, is what training measures."""
    for key in _keys(metrics):
        TEXT.check(f"{name}: name of a metric", key)
    if "val" in metrics:
        OBJECT.check(f"{name}.val", metrics["val"])
        number(0, 1).or_null().check(f"{name}.val.accuracy", metrics["val"].get("accuracy"))


def _keys(metrics: dict[str, Any]) -> Iterator[str]:
    """Names of all metrics, at any depth."""
    for key, value in metrics.items():
        yield key
        if isinstance(value, dict):
            yield from _keys(value)


def _check_json(name: str, value: object) -> None:
    try:
        json_text(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{name} must be JSON: {error}") from None


def _name(path: Path) -> str:
    return printable(path.parent.name if path.name == "artifact" else path.name)


def _verified(path: Path) -> tuple[dict[str, bytes], str]:
    """Contents of the files, checked against their digests, and the digest of the digests."""
    sums = read_sums(path)
    for name in FILES:
        if name not in sums:
            raise InputError(
                f"{path / SUMS}: must list {', '.join(FILES)}, not {', '.join(sums) or 'nothing'}"
            )
    contents = {name: read_bytes(member(path, name), FILE_BYTES[name]) for name in FILES}
    for name, data in contents.items():
        digest = hashlib.sha256(data).hexdigest()
        if digest != sums[name]:
            raise InputError(f"{path / name}: sha256 must be {sums[name]} ({SUMS}), not {digest}: damaged")
    listing = "".join(f"{sums[name]}  {name}\n" for name in FILES)
    return contents, hashlib.sha256(listing.encode()).hexdigest()


def _network(file: Path, data: bytes, spec: NetworkSpec) -> Network:
    archive = Archive(data, str(file))
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name, header in archive.headers.items():
        stage, _, key = name.partition(".")
        if stage not in spec.stage_names or key not in StageParams.__dataclass_fields__:
            raise InputError(f"{file}: array {shown(name)} is unknown")
        if header.dtype.kind not in "iu":
            raise InputError(f"{file}: {name} must hold integers, not {header.dtype}")
        found[stage][key] = name
    try:
        for stage, own in zip(spec.stage_names, spec.stages, strict=True):
            check_shapes(stage, own, {key: archive.headers[name].shape for key, name in found[stage].items()})
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    arrays = {name: archive.read(name) for name in archive.headers}
    try:
        params = (
            StageParams(**{key: arrays[name] for key, name in found[stage].items()})
            for stage in spec.stage_names
        )
        return Network(spec, tuple(params))
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def _stimulus(file: Path, data: bytes, spec: NetworkSpec) -> NDArray[np.uint8]:
    archive = Archive(data, str(file))
    if set(archive.headers) != {"counts"} or archive.headers["counts"].dtype != np.uint8:
        raise InputError(f"{file}: must hold one array 'counts' of uint8")
    shape = archive.headers["counts"].shape
    if len(shape) != 3 or shape[2] != spec.n_in or 0 in shape:
        raise InputError(
            f"{file}: input must have shape (T >= 1, B >= 1, {spec.n_in}), "
            f"steps x samples x channels, not {shape}"
        )
    size = shape[0] * shape[1] * (spec.n_in + sum(stage.n_out for stage in spec.stages))
    if size > MAX_STIMULUS:
        raise InputError(
            f"{file}: steps x clips x (channels + neurons) must be at most {MAX_STIMULUS}, not {size}"
        )
    counts = archive.read("counts")
    try:
        check_counts(spec, counts)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    return counts


def _narrowest(array: NDArray[np.int64]) -> NDArray[np.integer]:
    """`array` in the smallest signed type that holds it."""
    for kind in (np.int8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max):
            return array.astype(kind)
    return array
