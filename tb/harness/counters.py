"""Expected counters of a core, from the golden model and from the monitors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fxp_model.fixed import Overflow, QFormat, requantize
from fxp_model.network import Network, delayed_inputs, fire, run
from fxp_model.spec import IntegratorSpec, LayerSpec, ReadoutMode, ReadoutSpec
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
        for name, stage, seen in zip(spec.stage_names, spec.stages, traces, strict=True):
            counts[f"{name.upper()}_SPIKES"] += int(_spikes(stage, seen).sum())
            counts[f"{name.upper()}_SATURATIONS"] += saturations(stage, seen)
        # every spike of a layer is an event into the next stage, unless its delay takes it beyond the end
        inputs = [sample.counts[:, np.newaxis], *(layer.spikes.astype(np.int64) for layer in trace.layers)]
        for name, params, x in zip(spec.stage_names, network.params, inputs, strict=True):
            counts[f"{name.upper()}_EVENTS"] += int(np.count_nonzero(delayed_inputs(params, x)))
    if spec.layers[0].max_input_delay is None:
        counts["LAYER0_EVENTS"] = events_in
    return dict(counts)


def saturations(spec: IntegratorSpec, seen: StageTrace) -> int:
    """Membranes of one stage that Q clamped: those that differ from their rounded sum."""
    if spec.overflow is Overflow.WRAP:
        return 0
    kept = np.zeros_like(seen.v_mem)
    kept[1:] = _after(spec, seen)[:-1]
    current = seen.i_syn + seen.i_rec if isinstance(seen, LayerTrace) else seen.i_syn
    lift = spec.sum_frac_bits - spec.beta_format.frac_bits - spec.membrane.frac_bits
    exact = (spec.beta * kept << lift) + current
    # rounding depends on the dropped bits and on the parity of the kept ones, so a small format shows it
    even = exact >> spec.rounded_bits & ~1
    small = QFormat(True, 4 - spec.membrane.frac_bits, spec.membrane.frac_bits)
    rest = exact - (even << spec.rounded_bits)
    rounded = even + requantize(rest, spec.sum_frac_bits, small, spec.rounding, Overflow.SAT)
    return int(np.count_nonzero(rounded != seen.v_mem))


def _spikes(spec: IntegratorSpec, seen: StageTrace) -> NDArray[np.integer]:
    if isinstance(spec, ReadoutSpec) and spec.mode is not ReadoutMode.SPIKE_COUNT:
        return np.zeros_like(seen.v_mem)
    assert isinstance(spec, LayerSpec | ReadoutSpec)
    return fire(seen.v_mem, spec.v_th, spec.reset_mode)[0]


def _after(spec: IntegratorSpec, seen: StageTrace) -> NDArray[np.int64]:
    """Membranes after the reset."""
    if isinstance(spec, ReadoutSpec) and spec.mode is not ReadoutMode.SPIKE_COUNT:
        return seen.v_mem
    assert isinstance(spec, LayerSpec | ReadoutSpec)
    return fire(seen.v_mem, spec.v_th, spec.reset_mode)[1]
