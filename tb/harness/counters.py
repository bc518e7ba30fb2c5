"""Expected counters of a core, from the golden model and from the monitors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxp_model.fixed import Overflow, round_shifted
from fxp_model.network import Network, StageParams, delayed_inputs, fire, run, threshold
from fxp_model.spec import IntegratorSpec, ResetMode, fires
from fxp_model.trace import LayerTrace, ReadoutTrace
from tb.harness.monitors import Sample

StageTrace = LayerTrace | ReadoutTrace


def stage_counts(network: Network, samples: Sequence[Sample], events_in: int) -> dict[str, int]:
    """Per-stage registers by name, for `samples` sent as `events_in` events."""
    spec = network.spec
    counts: Counter[str] = Counter()
    for sample in samples:
        trace = run(network, sample.counts[:, np.newaxis])
        traces: tuple[StageTrace, ...] = (*trace.layers, trace.readout)
        stages = zip(spec.stage_names, spec.stages, network.params, traces, strict=True)
        for name, stage, params, seen in stages:
            counts[f"{name.upper()}_SPIKES"] += int(_fire(stage, params, seen)[0].sum())
            counts[f"{name.upper()}_SATURATIONS"] += saturations(stage, params, seen)
        # every spike of a layer is an event into the next stage, unless its delay takes it beyond the end
        inputs = [sample.counts[:, np.newaxis], *(layer.spikes.astype(np.int64) for layer in trace.layers)]
        for name, params, x in zip(spec.stage_names, network.params, inputs, strict=True):
            counts[f"{name.upper()}_EVENTS"] += int(np.count_nonzero(delayed_inputs(params, x)))
    if spec.layers[0].max_input_delay is None:
        counts["LAYER0_EVENTS"] = events_in
    return dict(counts)


def saturations(spec: IntegratorSpec, params: StageParams, seen: StageTrace) -> int:
    """Membranes of one stage that Q changes, as they are out of range: they differ from the rounded sum."""
    if spec.overflow is Overflow.WRAP:
        return 0
    leaky, total = spec.leak, spec.membrane_sum
    spikes, after = _fire(spec, params, seen)
    kept = np.zeros_like(seen.v_mem)
    kept[1:] = after[:-1] * np.asarray(spec.beta if params.beta is None else params.beta)
    if leaky.rounding is not None:
        kept = round_shifted(kept, leaky.shift, leaky.rounding)
    exact = kept << total.frac_bits - leaky.frac_bits
    if spec.synapse is not None:
        assert seen.current is not None
        exact += seen.current << total.frac_bits - spec.synapse.current.frac_bits
    else:
        exact += seen.i_syn + seen.i_rec if isinstance(seen, LayerTrace) else seen.i_syn
    if fires(spec) and spec.reset_mode is ResetMode.DELAYED:
        spent = threshold(spec, params) * spikes.astype(np.int64)
        exact[1:] -= spent[:-1] << total.frac_bits - spec.membrane.frac_bits
    return int(np.count_nonzero(round_shifted(exact, total.rounded_bits, spec.rounding) != seen.v_mem))


def _fire(
    spec: IntegratorSpec, params: StageParams, seen: StageTrace
) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Spikes, and membranes after the reset."""
    if not fires(spec):
        return np.zeros_like(seen.v_mem), seen.v_mem
    return fire(seen.v_mem, threshold(spec, params), spec.reset_mode)
