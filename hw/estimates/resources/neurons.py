"""Neurons of a stage: leak, sum, threshold and reset; scores of the readout."""

from __future__ import annotations

import numpy as np

from fxp_model.fixed import Overflow, Rounding
from fxp_model.network import StageParams
from fxp_model.spec import SCORE, Answer, IntegratorSpec, ReadoutMode, ReadoutSpec, ResetMode, fires
from hw.config import StageConfig
from hw.estimates.resources.parts import Fabric, Parts, index_bits
from hw.rtl.banks import Part
from hw.rtl.leaky_sum import LeakySum
from hw.rtl.neuron_update import SMALL_MEMORY, Codes, NeuronUpdate, neuron_codes


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
    delayed = fires(spec) and spec.reset_mode is ResetMode.DELAYED
    distance = NeuronUpdate.distance(spec, config)
    parts.ff += index + 2 + (NeuronUpdate.latency(spec) - 3) * (4 + index) + 3 * (3 + index)
    parts.ff += distance if distance > groups else 0

    style = "distributed" if groups <= SMALL_MEMORY else None
    parts.memory(fabric, lanes * (v_bits + delayed), groups, style=style)
    codes = neuron_codes(spec, params, config)
    for part, own in codes.items():
        _codes(parts, fabric, own, lanes, groups, reload, 2 if part is Part.V_TH and delayed else 1)
    if reload and fires(spec) and spec.v_th is not None:
        parts.ff += v_bits
        parts.parameters(fabric, v_bits, 1, reload)

    *before, leaky = NeuronUpdate.leaky_sums(spec, config.use_dsp, reload)
    places, shift = (spec.input_frac_bits - fmt.frac_bits for fmt in (spec.bias, spec.weight))
    fed = range(min(shift, places), max(sum_bits + shift, codes[Part.BIAS].bits + places) + 1)
    parts.ff += lanes * (sum_bits + 2 * v_bits + delayed)
    if before:
        assert spec.synapse is not None
        c_bits = spec.synapse.current.width
        parts.memory(fabric, lanes * c_bits, groups, style=style)
        parts.ff += 2 * lanes * c_bits
        _sum(parts, fabric, before[0], lanes, fed, current_bits, spec.synapse.overflow)
        fed, current_bits = range(0), 0
    elif delayed:
        fed = range(fed.stop + 1)  # yosys does not see that the lowest bits of three terms are constant
    _sum(parts, fabric, leaky, lanes, fed, current_bits, spec.overflow)
    parts.ff += lanes * _clamps(leaky, spec.overflow)
    parts.add(update_fixed=1)
    if fires(spec):
        parts.add(update_compare=lanes * v_bits)
        if spec.v_th is None:
            parts.add(update_threshold=lanes * v_bits)
        if spec.reset_mode is ResetMode.ZERO:
            parts.add(update_zero=lanes * v_bits)
        elif delayed:
            parts.add(update_spent=lanes * v_bits)
        else:
            parts.add(update_subtract=lanes * v_bits)
    return parts


def has_features(spec: IntegratorSpec) -> bool:
    """Whether the neurons of a stage are others than in the cores that check the model.

    Those round by `RND` or `TRN`, saturate or wrap, reset in the step of the spike, and have one exact leak
    and one threshold for all.
    """
    own = fires(spec) and (spec.v_th is None or spec.reset_mode is ResetMode.DELAYED)
    plain = spec.rounding in (Rounding.RND, Rounding.TRN) and spec.overflow in (Overflow.SAT, Overflow.WRAP)
    leaks = spec.beta is None or spec.leak_rounding is not None or spec.synapse is not None
    return own or leaks or not plain


def _codes(
    parts: Parts, fabric: Fabric, own: Codes, lanes: int, groups: int, reload: bool, reads: int
) -> None:
    """A memory of codes of the neurons; as logic, it has a register for each distinct column."""
    bits = lanes * own.bits
    form = parts.parameters(fabric, bits, groups, reload, reads)
    if form.logic:
        columns = distinct_columns(own, lanes)
        parts.ff += reads * columns
        parts.add(update_rom=reads * columns * max(1, groups >> fabric.lut_inputs))
    elif not form.block:
        parts.ff += reads * bits


def distinct_columns(own: Codes, lanes: int) -> int:
    """How many distinct columns of the words of a memory are not constant."""
    bits = own.bits * lanes
    raw = b"".join(row.to_bytes(-(-bits // 8), "little") for row in own.rows)
    table = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(len(own.rows), -1), axis=1, bitorder="little")
    table = table[:, :bits]
    varied = table[:, table.any(axis=0) & ~table.all(axis=0)]
    return len({column.tobytes() for column in varied.T.copy()})


def _sum(
    parts: Parts, fabric: Fabric, leaky: LeakySum, lanes: int, fed: range, terms: int, overflow: Overflow
) -> None:
    """`LeakySum` with bits `fed` in a register and `terms` bits beside it, and what fits its result."""
    leak, width, rounded = leaky.leak, leaky.total.target.width, leaky.total.rounded_bits
    bits, dropped = leaky.bits, rounded if leaky.rounding is Rounding.TRN else 0
    if overflow is Overflow.WRAP:
        bits = min(bits, width + rounded)
        fed = range(fed.start, min(fed.stop, bits))
    places = leaky.total.frac_bits - leak.frac_bits
    product = leak.state.width + leak.share_format.width
    zeros, summed = places, bits - places
    if leak.share is None:
        kept, summed = _own_product(parts, fabric, leaky, lanes, product, summed)
    else:
        factor = leak.share
        zeros = (factor & -factor).bit_length() - 1 + places if factor else places
        kept, summed = product + places if factor else 0, bits - zeros
        kept -= max(zeros, 0 if terms else dropped - 1)
        parts.add(update_scale=lanes * max(0, naf_terms(factor) - 1) * product)
    if leak.shift and leak.rounding in (Rounding.TRN, Rounding.RND):
        kept = min(kept, product - leak.shift + (leak.rounding is Rounding.RND))
    parts.ff += lanes * (kept + len(fed) + bits - dropped)
    parts.add(update_feed=lanes * len(fed), update_sum=lanes * summed, update_third=lanes * terms)
    if leak.shift and leak.rounding is not Rounding.TRN:
        parts.add(update_leak=lanes * leak.shift)
    if rounded and leaky.rounding is not Rounding.TRN:
        parts.add(update_round=lanes * (bits - rounded))
    if leaky.added and leaky.total.rounding is Rounding.RND_MIN_INF:
        parts.add(update_low=lanes * rounded)  # bits below the bias that are not all zeros
    if _clamps(leaky, overflow) and overflow is not Overflow.SAT_ZERO:  # to 0 by the reset of a register
        parts.add(update_saturate=lanes * width)
    if overflow is Overflow.SAT_SYM:
        parts.add(update_symmetric=lanes * width)


def _own_product(
    parts: Parts, fabric: Fabric, leaky: LeakySum, lanes: int, bits: int, summed: int
) -> tuple[int, int]:
    """A state times a share of its own neuron, by lane: bits of flip-flops behind it, and of its sum.

    A wide multiplier contains the registers on both sides, and the addition behind it.
    """
    state, share = leaky.leak.state.width, leaky.leak.share_format.width
    digits = -(-share // 2)
    if not leaky.use_dsp:
        parts.add(
            update_digit=lanes * (state + 2) * digits, update_times=lanes * (state + 2 + (digits - 1) * bits)
        )
        return bits, summed
    parts.dsp += lanes
    return (-state - share, 0) if fabric.wide_multipliers else (bits, summed)


def _clamps(leaky: LeakySum, overflow: Overflow) -> bool:
    """Whether the result of a sum can be out of range, and is changed then."""
    beyond = leaky.bits - leaky.total.rounded_bits > leaky.total.target.width
    return overflow is not Overflow.WRAP and (beyond or overflow is Overflow.SAT_SYM)


def naf_terms(factor: int) -> int:
    """Nonzero digits of the non-adjacent form of `factor`: terms of `hw.rtl.arithmetic.times`."""
    return (factor ^ 3 * factor).bit_count()


def scores(fabric: Fabric, spec: ReadoutSpec, config: StageConfig) -> Parts:
    """`ScoreUnit` or `AnswerUnit`, with its buffer."""
    parts = Parts()
    lanes, groups, n = config.update_lanes, config.groups(spec.n_out), spec.n_out
    index = index_bits(groups)
    value = 1 if fires(spec) else spec.membrane.width
    summed = spec.mode is not ReadoutMode.LAST
    wide = SCORE.width + (spec.mode not in (ReadoutMode.LAST, ReadoutMode.MAX))
    parts.ff += (3 + index) + 2 * (2 + index) + lanes * (value + wide + SCORE.width)
    parts.memory(fabric, SCORE.width * lanes, groups, style="distributed")
    if summed:
        form = parts.memory(fabric, SCORE.width * lanes, groups)
        parts.ff += 0 if form.block else SCORE.width * lanes
        parts.add(**{"scores_max" if spec.mode is ReadoutMode.MAX else "scores_add": 32 * lanes})
    lane = index_bits(lanes) if lanes > 1 else 0
    if spec.answer is Answer.STEP:
        # the best two and the margin, numbers of classes, what is sent; the steps of a stride
        parts.ff += 13 + index + lane + 3 * index_bits(n) + 4 * SCORE.width + 2 * 33 + 2
        parts.add(scores_fixed=1, scores_select=32 * (lanes - 1))
        if spec.stride > 1:
            parts.ff += (spec.stride - 1).bit_length() + 1
            parts.shift_registers(fabric, [NeuronUpdate.latency(spec) + 3])
            parts.add(counter_bit=(spec.stride - 1).bit_length())
        return parts
    parts.ff += 9 + index + lane + 3 * n.bit_length() + 3 * SCORE.width + index_bits(n) + 2 * 33 + 2
    parts.add(scores_fixed=1, scores_select=32 * (lanes - 1))
    return parts
