"""Post-training quantisation: formats of each stage from the ranges of its numbers.

Scales are powers of two. Of the formats of a width, that of weights and of a kernel has the least squared
error on them, and that of a membrane or a synaptic current holds the largest magnitude that calibration
clips drove it to, or, without them, `HEADROOM` thresholds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxp_model.errors import InputError
from fxp_model.exchange.description import FloatNetwork, FloatStage, FloatTrace, Reals
from fxp_model.fixed import MAX_FRAC_BITS, QFormat
from fxp_model.network import Network, StageParams
from fxp_model.spec import (
    MAX_INPUT_BITS,
    LayerSpec,
    NetworkSpec,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
)

HEADROOM = 32
"""Largest membrane without calibration clips, in thresholds, as in training (`qat.template`)."""


@dataclass(frozen=True)
class Widths:
    """Bits of the numbers of a stage.

    weight : of weights and recurrent weights, 2..16
    membrane : of membrane, synaptic current and bias, 8..32
    share : fraction bits of beta and alpha, 4..16
    """

    weight: int = 8
    membrane: int = 16
    share: int = 12

    def __post_init__(self) -> None:
        for name, low, high in (("weight", 2, 16), ("membrane", 8, 32), ("share", 4, 16)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} must be {low}..{high} bits, not {getattr(self, name)}")


@dataclass(frozen=True)
class Range:
    """Largest magnitudes of a stage's membrane and, with a synapse, of its current."""

    membrane: float
    current: float | None = None


def ranges_of(trace: FloatTrace) -> list[Range]:
    """What the clips of a float run drove each stage to."""
    return [
        Range(
            float(np.abs(course.v_mem).max()),
            None if course.current is None else float(np.abs(course.current).max()),
        )
        for course in trace.stages
    ]


def assumed_ranges(network: FloatNetwork) -> list[Range]:
    """Ranges without clips: `HEADROOM` thresholds, or that many largest weights where nothing fires."""
    found = []
    for stage in network.stages:
        unit = np.abs(stage.weight).max() if stage.v_th is None else stage.v_th.max()
        largest = HEADROOM * float(unit)
        found.append(Range(largest, None if stage.alpha is None else largest))
    return found


def quantized(
    network: FloatNetwork, widths: Widths | Sequence[Widths], ranges: Sequence[Range], input_bits: int = 1
) -> Network:
    """The integers of `network`.

    Parameters
    ----------
    network : FloatNetwork
    widths : Widths, or one of each stage
    ranges : sequence of Range
        One of each stage: `ranges_of` calibration clips, or `assumed_ranges`.
    input_bits : int
        Of an input count, 1..8.

    Raises
    ------
    InputError
        Naming the stage, where no format holds its numbers, or a sum becomes too wide.
    """
    if not 1 <= input_bits <= MAX_INPUT_BITS:
        raise InputError(f"input_bits must be 1..{MAX_INPUT_BITS}, not {input_bits}")
    each = [widths] * len(network.stages) if isinstance(widths, Widths) else list(widths)
    specs: list[LayerSpec | ReadoutSpec] = []
    params = []
    last = network.stages[-1]
    for stage, bits, reached in zip(network.stages, each, ranges, strict=True):
        try:
            spec, own = _stage(
                stage, bits, reached, 1 if specs else input_bits, network if stage is last else None
            )
        except InputError as error:
            raise InputError(f"{stage.name}: {error}") from None
        specs.append(spec)
        params.append(own)
    readout = specs.pop()
    assert isinstance(readout, ReadoutSpec)
    return Network(
        NetworkSpec(tuple(own for own in specs if isinstance(own, LayerSpec)), readout), tuple(params)
    )


def _stage(
    stage: FloatStage, bits: Widths, reached: Range, input_bits: int, ends: FloatNetwork | None
) -> tuple[LayerSpec | ReadoutSpec, StageParams]:
    """A layer, or the readout of the network that it `ends`."""
    least = 0.0 if stage.v_th is None else float(stage.v_th.max())
    membrane = range_format(max(reached.membrane, least), bits.membrane)
    beta_format, beta = _shares(stage.beta, bits.share)
    synapse, alpha = None, None
    if stage.alpha is not None:
        alpha_format, alpha = _shares(stage.alpha, bits.share)
        current = range_format(max(reached.current or 0.0, float(np.abs(stage.bias).max())), bits.membrane)
        synapse = SynapseSpec(alpha=one_code(alpha), alpha_format=alpha_format, current=current)
    into = membrane if synapse is None else synapse.current
    bias_format = range_format(float(np.abs(stage.bias).max()), bits.membrane, most=into.frac_bits)
    weight = fitted_format(stage.weight, bits.weight, into.frac_bits + bits.share)
    common: dict[str, Any] = {
        "n_in": stage.n_in,
        "n_out": stage.n_out,
        "input_bits": input_bits,
        "weight": weight,
        "bias": bias_format,
        "membrane": membrane,
        "beta": one_code(beta),
        "beta_format": beta_format,
        "synapse": synapse,
        "max_input_delay": None if stage.input_delay_steps is None else int(stage.input_delay_steps.max()),
    }
    v_th = None if stage.v_th is None else threshold_codes(stage, membrane)
    recurrence, recurrent = None, None
    if stage.recurrent is not None:
        assert stage.delay_steps is not None
        kind = RecurrenceKind.CONV if stage.recurrent.ndim == 1 else RecurrenceKind.DENSE
        fmt = fitted_format(stage.recurrent, bits.weight, into.frac_bits + bits.share)
        taps = len(stage.recurrent) if kind is RecurrenceKind.CONV else 0
        recurrence = RecurrenceSpec(kind, fmt, int(stage.delay_steps.max()), taps)
        recurrent = fmt.from_real(stage.recurrent)
    spec: LayerSpec | ReadoutSpec
    fires: dict[str, Any] = {"v_th": 0 if v_th is None else one_code(v_th), "reset_mode": stage.reset}
    if ends is not None:
        spec = ReadoutSpec(**common, **fires, mode=ends.mode)
    else:
        spec = LayerSpec(**common, **fires, recurrence=recurrence)
    params = StageParams(
        weight=weight.from_real(stage.weight),
        bias=bias_format.from_real(stage.bias),
        recurrent=recurrent,
        delay_steps=stage.delay_steps,
        beta=beta if spec.beta is None else None,
        alpha=alpha if synapse is not None and synapse.alpha is None else None,
        v_th=v_th if spec.v_th is None else None,
        input_delay_steps=stage.input_delay_steps,
    )
    return spec, params


def threshold_codes(stage: FloatStage, membrane: QFormat) -> NDArray[np.int64]:
    """Codes (N,) of the thresholds.

    The first code at or, with a strict comparison, above the threshold: exact for membranes that are codes,
    and for real ones except within half an lsb of the threshold. A strict comparison with `subtract` or
    `delayed` takes the first at the threshold, too, as the same number is subtracted: it differs at the
    threshold itself.
    """
    assert stage.v_th is not None
    scaled = np.ldexp(stage.v_th, membrane.frac_bits)
    above = stage.strict and stage.reset is ResetMode.ZERO
    codes = np.floor(scaled) + 1 if above else np.ceil(scaled)
    return np.clip(codes, 1, membrane.max_raw).astype(np.int64)


def range_format(largest: float, width: int, most: int = MAX_FRAC_BITS) -> QFormat:
    """The finest signed format of `width` bits that holds +-`largest`, of fraction `most` at most.

    Raises
    ------
    InputError
        Where the coarsest one, of fraction -`MAX_FRAC_BITS`, does not hold it.
    """
    limit = (1 << (width - 1)) - 1
    highest = math.ldexp(limit, MAX_FRAC_BITS)
    if not largest <= highest:  # NaN too
        raise InputError(f"numbers of {width} bits must be at most {highest:g}, not {largest:g}")
    fits = largest <= math.ldexp(limit, -most)
    frac_bits = most if fits else math.floor(math.log2(limit / largest))
    return QFormat(signed=True, int_bits=width - frac_bits, frac_bits=frac_bits)


def fitted_format(real: Reals, width: int, most: int = MAX_FRAC_BITS) -> QFormat:
    """The signed format of `width` bits with the least squared error on `real`, of fraction `most` at most.

    Looks at the finest scale that holds the largest magnitude and at the three finer ones, which clip the
    tail to gain resolution, as training does (`qat.quantize.fitted_format`).
    """
    finest = min(most, MAX_FRAC_BITS)
    first = range_format(float(np.abs(real).max()), width, finest).frac_bits
    formats = [
        QFormat(signed=True, int_bits=width - f, frac_bits=f)
        for f in range(first, min(first + 3, finest) + 1)
    ]
    errors = [float(np.square(fmt.to_real(fmt.from_real(real)) - real).sum()) for fmt in formats]
    return formats[errors.index(min(errors))]


def _shares(share: Reals, frac_bits: int) -> tuple[QFormat, NDArray[np.int64]]:
    """Format and codes of beta or alpha; one bit more where 1 is a code of it."""
    one = float(share.max()) >= 1 - 2.0 ** -(frac_bits + 1)
    fmt = QFormat(signed=False, int_bits=int(one), frac_bits=frac_bits)
    return fmt, fmt.from_real(share)


def one_code(codes: NDArray[np.int64]) -> int | None:
    """The code that all neurons share, or None."""
    return int(codes[0]) if (codes == codes[0]).all() else None
