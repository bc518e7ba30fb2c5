"""What quantisation cost: each stage by itself and in the network, and the accuracy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.exchange.calibration import Calibration
from fxp_model.exchange.description import FloatNetwork, FloatTrace, Reals
from fxp_model.network import Network, StageParams, run, run_layer, run_readout
from fxp_model.spec import LayerSpec, ReadoutMode, ReadoutSpec, fires


@dataclass(frozen=True)
class StageLoss:
    """A row of the table.

    stage : name in the file
    weight_bits, membrane : width of the weights, and format of the membrane
    spikes : of the float run
    alone : spikes that differ, of this stage in integers on the spikes of the float run
    together : spikes that differ, in the integer network
    near : membranes of the float run within half an lsb of their threshold, where rounding alone decides
    error : root mean square error of the membrane, alone, in thresholds (in largest membranes where nothing
    fires)
    """

    stage: str
    weight_bits: int
    membrane: str
    spikes: int
    alone: int
    together: int
    near: int
    error: float


@dataclass(frozen=True)
class Losses:
    """The table.

    same_class : share of the clips whose class is that of the float run
    float_accuracy, accuracy : None where the clips have no labels
    """

    stages: tuple[StageLoss, ...]
    clips: int
    same_class: float
    float_accuracy: float | None
    accuracy: float | None

    @property
    def differing(self) -> float:
        """Spikes that differ, together, per spike of the float run."""
        return sum(row.together for row in self.stages) / max(1, sum(row.spikes for row in self.stages))

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self) | {"differing": self.differing}

    def lines(self) -> list[str]:
        """The table as text."""
        head = ("stage", "weights", "membrane", "spikes", "alone", "together", "near", "error")
        rows = [
            (
                *(row.stage, f"{row.weight_bits} bits", row.membrane),
                *(str(count) for count in (row.spikes, row.alone, row.together, row.near)),
                f"{row.error:.4f}",
            )
            for row in self.stages
        ]
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)]
        lines.append(f"{self.clips} clips, {self.same_class:.2%} of them with the class of the real numbers")
        if self.accuracy is not None:
            lines.append(f"accuracy {self.accuracy:.4f}; in real numbers {self.float_accuracy:.4f}")
        return lines


def losses(network: FloatNetwork, integers: Network, clips: Calibration, trace: FloatTrace) -> Losses:
    """The table for `clips`, of which `trace` is the float run; nothing behind the end of a clip counts."""
    found = run(integers, clips.counts)
    reached = [*(layer.v_mem for layer in found.layers), found.readout.v_mem]
    inside = np.arange(len(clips.counts))[:, None] < clips.lengths
    x: NDArray[np.integer] = clips.counts
    rows = []
    for index, course in enumerate(trace.stages):
        spec, params, stage = integers.spec.stages[index], integers.params[index], network.stages[index]
        assert isinstance(spec, LayerSpec | ReadoutSpec)
        entering = x.astype(np.int64)
        if isinstance(spec, LayerSpec):
            alone = run_layer(spec, params, entering).v_mem
        else:
            alone = run_readout(spec, params, entering).v_mem
        unit, near = float(np.abs(course.v_mem).max()) or 1.0, 0
        if stage.v_th is not None:
            unit = float(stage.v_th.mean())
            near = int((np.abs(course.v_mem - stage.v_th) <= spec.membrane.lsb / 2)[inside].sum())
        error = (spec.membrane.to_real(alone) - course.v_mem)[inside] / unit
        rows.append(
            StageLoss(
                stage=stage.name,
                weight_bits=spec.weight.width,
                membrane=str(spec.membrane),
                spikes=int(course.spikes[inside].sum()),
                alone=int((_spikes(spec, params, alone) != course.spikes)[inside].sum()),
                together=int((_spikes(spec, params, reached[index]) != course.spikes)[inside].sum()),
                near=near,
                error=float(np.sqrt(np.square(error).mean())),
            )
        )
        x = course.spikes
    last = trace.stages[-1]
    spikes = _spikes(integers.spec.readout, integers.params[-1], found.readout.v_mem)
    classes = _classes(network.mode, last.v_mem, last.spikes, inside)
    ours = _classes(network.mode, found.readout.v_mem, spikes, inside)
    labels = clips.labels
    return Losses(
        stages=tuple(rows),
        clips=len(clips.lengths),
        same_class=float(np.mean(classes == ours)),
        float_accuracy=None if labels is None else float(np.mean(classes == labels)),
        accuracy=None if labels is None else float(np.mean(ours == labels)),
    )


def _spikes(
    spec: LayerSpec | ReadoutSpec, params: StageParams, v_mem: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Spikes of membranes before their reset; zeros where the stage does not fire."""
    if not fires(spec):
        return np.zeros(v_mem.shape, np.uint8)
    v_th = spec.v_th if params.v_th is None else params.v_th
    return (v_mem >= np.asarray(v_th)).astype(np.uint8)


def _classes(
    mode: ReadoutMode, v_mem: Reals | NDArray[np.int64], spikes: NDArray[np.uint8], inside: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Class (B,) of each clip over its own steps `inside` (T, B)."""
    match mode:
        case ReadoutMode.SUM:
            scores = np.where(inside[:, :, None], v_mem, 0).sum(0)
        case ReadoutMode.SPIKE_COUNT:
            scores = np.where(inside[:, :, None], spikes, 0).sum(0, dtype=np.int64)
        case ReadoutMode.LAST:
            scores = v_mem[inside.sum(0) - 1, np.arange(inside.shape[1])]
        case ReadoutMode.MAX:
            lowest = v_mem.min()
            scores = np.where(inside[:, :, None], v_mem, lowest).max(0)
    classes: NDArray[np.int64] = np.argmax(scores, axis=1)
    return classes
