"""From a file of another framework to an artifact, as `scripts/import_network.py` does it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import fxp_model
from fxp_model.artifact import FOLDER, MAX_STIMULUS, Artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.exchange.asked import Asked
from fxp_model.exchange.calibration import Calibration, read_calibration
from fxp_model.exchange.comparison import Losses, losses
from fxp_model.exchange.description import FloatNetwork, run_float
from fxp_model.exchange.quantize import Widths, assumed_ranges, quantized, ranges_of
from fxp_model.exchange.read import read_network
from fxp_model.exchange.search import search_widths
from fxp_model.files import read_bytes
from fxp_model.network import Network
from fxp_model.spec import NetworkSpec
from fxp_model.tables import TEXT

STIMULUS_CLIPS = 4
STIMULUS_STEPS = 64
MAX_FILE = 1 << 30


@dataclass(frozen=True)
class Imported:
    """An artifact, and the table of what it lost; None without clips, or where nothing was rounded."""

    artifact: Artifact
    losses: Losses | None

    def report(self) -> dict[str, Any]:
        """JSON form."""
        network = self.artifact.network
        stages = [
            {
                "stage": name,
                "neurons": spec.n_out,
                "inputs": spec.n_in,
                "weight": str(spec.weight),
                "membrane": str(spec.membrane),
            }
            for name, spec in zip(network.spec.stage_names, network.spec.stages, strict=True)
        ]
        lost = None if self.losses is None else self.losses.to_dict()
        return {"provenance": self.artifact.provenance, "stages": stages, "losses": lost}


def import_network(
    file: Path | str,
    out: Path | str,
    asked: Asked,
    *,
    widths: Widths | None = None,
    calibrate: str | None = None,
    limit: float | None = None,
    input_bits: int | None = None,
    name: str | None = None,
    command: str = "fxp_model.exchange.import_network",
    progress: Callable[[int], object] = lambda done: None,
) -> Imported:
    """Read the network of `file`, quantise it, and write the artifact `out`.

    Parameters
    ----------
    file : path
        Of NIR, Lava, snnTorch, DelRec or numpy (`read_network`).
    out : path
        Folder of the artifact.
    asked : Asked
        What the file does not say.
    widths : Widths, optional
        Bits of all stages; with `limit`, the most bits of weights.
    calibrate : str, optional
        Data whose clips give the ranges and the losses (`read_calibration`); without, ranges are assumed.
    limit : float, optional
        Search the weights' widths of each stage: spikes that may differ, per spike; needs `calibrate`.
    input_bits : int, optional
        Of an input count; default: those of the data, or those that the file names, or 1.
    name : str, optional
        Of the network, for its provenance; default: the file's.

    Raises
    ------
    InputError
        As the functions it calls; nothing is written then.
    """
    FOLDER.check(out)
    if limit is not None and calibrate is None:
        raise InputError("a limit on the spikes that differ needs calibration data")
    path = Path(file)
    TEXT.check("name", path.name if name is None else name)
    source = read_network(path, asked, input_bits)
    clips = None if calibrate is None else read_calibration(calibrate, _sizes(source), input_bits)
    bits = input_bits or (1 if clips is None else _count_bits(clips))
    if clips is not None:
        source = read_network(path, asked, bits)
    table = None
    if isinstance(source, Network):
        network = source
    else:
        try:
            network, table = _quantized(source, widths or Widths(), clips, limit, bits, progress)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    provenance = {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "name": name or path.name,
        "source": {"file": path.name, "sha256": hashlib.sha256(read_bytes(path, MAX_FILE)).hexdigest()},
        "said": {key: value for key, value in asdict(asked).items() if value is not None},
        "calibration": None if calibrate is None else Path(calibrate).name,
        "spikeline": fxp_model.__version__,
    }
    artifact = save_artifact(
        out,
        network=network,
        labels=_labels(clips, _sizes(source)[-1]),
        encoder=None if clips is None else clips.encoder,
        provenance=provenance,
        metrics={} if table is None else {"calibration": table.to_dict()},
        stimulus=_stimulus(network.spec, clips),
    )
    return Imported(artifact, table)


def _sizes(source: FloatNetwork | Network) -> tuple[int, ...]:
    """Channels, and neurons of each stage."""
    stages = source.spec.stages if isinstance(source, Network) else source.stages
    return stages[0].n_in, *(stage.n_out for stage in stages)


def _quantized(
    source: FloatNetwork,
    widths: Widths,
    clips: Calibration | None,
    limit: float | None,
    bits: int,
    progress: Callable[[int], object],
) -> tuple[Network, Losses | None]:
    """The network in integers, and with clips what it lost."""
    if clips is None:
        return quantized(source, widths, assumed_ranges(source), bits), None
    trace = run_float(source, clips.counts)
    ranges = ranges_of(trace)
    if limit is not None:
        return search_widths(source, widths, ranges, clips, trace, limit, bits, progress)
    network = quantized(source, widths, ranges, bits)
    return network, losses(source, network, clips, trace)


def _count_bits(clips: Calibration) -> int:
    """Bits of a count: the encoder's, where there is one."""
    return clips.input_bits if clips.encoder is None else int(clips.encoder["count_bits"])


def _labels(clips: Calibration | None, n_out: int) -> tuple[str, ...]:
    if clips is not None and clips.classes is not None:
        return clips.classes
    return tuple(str(index) for index in range(n_out))


def _stimulus(spec: NetworkSpec, clips: Calibration | None) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Some of the clips, or random counts, always the same; no more steps than an artifact may hold."""
    most = MAX_STIMULUS // (STIMULUS_CLIPS * (spec.n_in + sum(stage.n_out for stage in spec.stages)))
    if clips is not None:
        return clips.counts[: max(1, most), :STIMULUS_CLIPS].astype(np.uint8)
    rng = np.random.default_rng(0)
    shape = (max(1, min(most, STIMULUS_STEPS)), 2, spec.n_in)
    counts = rng.integers(0, spec.layers[0].max_input + 1, size=shape) * (rng.random(shape) < 0.25)
    return counts.astype(np.uint8)
