"""Neurons of a stage: leak, sum, threshold and reset; scores of the readout."""

from __future__ import annotations

import numpy as np

from fxp_model.fixed import Overflow, Rounding, signed_width
from fxp_model.network import StageParams
from fxp_model.spec import SCORE, IntegratorSpec, ReadoutMode, ReadoutSpec, ResetMode
from hw.config import StageConfig
from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.rtl.events import SUMS_AFTER
from hw.rtl.neuron_update import SMALL_MEMORY, NeuronUpdate, fires, half_lsb


def update(
    fabric: Fabric,
    spec: IntegratorSpec,
    params: StageParams,
    config: StageConfig,
    sum_bits: int,
    current_bits: int,
    reload: bool,
) -> Parts:
    """`NeuronUpdate`; `current_bits` is 0 without a recurrence."""
    parts = Parts()
    lanes, groups = config.update_lanes, config.groups(spec.n_out)
    index, v_bits = index_bits(groups), spec.membrane.width
    distance = NeuronUpdate.distance(spec, config)
    parts.ff += index + 2 + (SUMS_AFTER + 1) * (4 + index) + 3 * (3 + index)
    parts.ff += distance if distance > groups else 0

    parts.memory(fabric, lanes * v_bits, groups, style="distributed" if groups <= SMALL_MEMORY else None)
    b_bits, columns = bias_columns(params, spec, config)
    form = parts.parameters(fabric, b_bits, groups, reload)
    if form.logic:
        parts.ff += columns
        parts.add(update_rom=columns * max(1, groups >> fabric.lut_inputs))
    elif not form.block:
        parts.ff += b_bits
    if reload and fires(spec):
        parts.ff += v_bits
        parts.parameters(fabric, v_bits, 1, reload)

    frac, rounded = spec.sum_frac_bits, spec.rounded_bits
    bias_places = frac - spec.bias.frac_bits
    shift = frac - spec.weight.frac_bits
    total = signed_width(*(limit + half_lsb(spec) for limit in spec.sum_range))
    wraps = spec.overflow is Overflow.WRAP
    if wraps:
        total = min(total, v_bits + rounded)
    unused = rounded if spec.rounding in (Rounding.RND, Rounding.TRN) else 0
    factor = spec.beta
    zeros = (factor & -factor).bit_length() - 1 if factor else 0
    zeros += frac - spec.beta_format.frac_bits - spec.membrane.frac_bits
    kept = (
        v_bits + spec.beta_format.width + frac - spec.beta_format.frac_bits - spec.membrane.frac_bits
        if factor
        else 0
    )
    kept -= max(zeros, 0 if current_bits else unused - 1)
    fed = max(sum_bits + shift, b_bits // lanes + bias_places) + 1
    fed = min(fed, total) - min(shift, bias_places) if wraps else fed - min(shift, bias_places)
    parts.ff += lanes * (v_bits + sum_bits + kept + fed + total - unused + v_bits)
    terms = naf_terms(factor)
    parts.add(
        update_scale=lanes * max(0, terms - 1) * (v_bits + spec.beta_format.width),
        update_feed=lanes * fed,
        update_sum=lanes * (total - zeros),
        update_third=lanes * current_bits,
        update_fixed=1,
    )
    if not wraps and total - rounded > v_bits:
        parts.ff += lanes
        parts.add(update_saturate=lanes * v_bits)
    if fires(spec):
        parts.add(update_compare=lanes * v_bits)
        if spec.reset_mode is ResetMode.ZERO:
            parts.add(update_zero=lanes * v_bits)
        else:
            parts.add(update_subtract=lanes * v_bits)
    return parts


def bias_columns(params: StageParams, spec: IntegratorSpec, config: StageConfig) -> tuple[int, int]:
    """Bits of a word of the bias memory, and how many distinct columns of them are not constant."""
    width, rows = NeuronUpdate.bias_rows(spec, params, config)
    bits = width * config.update_lanes
    raw = b"".join(row.to_bytes(-(-bits // 8), "little") for row in rows)
    table = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(len(rows), -1), axis=1, bitorder="little")[
        :, :bits
    ]
    varied = table[:, table.any(axis=0) & ~table.all(axis=0)]
    return bits, len({column.tobytes() for column in varied.T.copy()})


def naf_terms(factor: int) -> int:
    """Nonzero digits of the non-adjacent form of `factor`: terms of `hw.rtl.arithmetic.times`."""
    return (factor ^ 3 * factor).bit_count()


def scores(fabric: Fabric, spec: ReadoutSpec, config: StageConfig) -> Parts:
    """`ScoreUnit`, with its buffer."""
    parts = Parts()
    lanes, groups, n = config.update_lanes, config.groups(spec.n_out), spec.n_out
    index = index_bits(groups)
    value = 1 if spec.mode is ReadoutMode.SPIKE_COUNT else spec.membrane.width
    summed = spec.mode is not ReadoutMode.LAST
    wide = SCORE.width + (spec.mode not in (ReadoutMode.LAST, ReadoutMode.MAX))
    parts.ff += (3 + index) + 2 * (2 + index) + lanes * (value + wide + SCORE.width)
    parts.memory(fabric, SCORE.width * lanes, groups, style="distributed")
    if summed:
        form = parts.memory(fabric, SCORE.width * lanes, groups)
        parts.ff += 0 if form.block else SCORE.width * lanes
        parts.add(**{"scores_max" if spec.mode is ReadoutMode.MAX else "scores_add": 32 * lanes})
    lane = index_bits(lanes) if lanes > 1 else 0
    parts.ff += 9 + index + lane + 3 * n.bit_length() + 3 * SCORE.width + index_bits(n) + 2 * 33 + 2
    parts.add(scores_fixed=1, scores_select=32 * (lanes - 1))
    return parts
