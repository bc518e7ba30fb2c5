"""The figures of a build: the content of its report, as one table for programs."""

from __future__ import annotations

from typing import Any

import numpy as np

from fxp_model.artifact import Artifact
from fxp_model.fixed import QFormat
from fxp_model.network import StageParams
from fxp_model.spec import Answer, IntegratorSpec, LayerSpec, NetworkSpec, ReadoutSpec, SynapseSpec, fires
from hw.boards.fit import fitting
from hw.config import HardwareConfig, StageConfig
from hw.ear import EarConfig, ear_of
from hw.estimates.clips import Clips, follow
from hw.estimates.latency import answer_cycles, clip_cycles, lower_bound
from hw.report.costs import energy_of, placed, recurrences, resources, timing
from hw.report.subject import Subject, stimulus_of
from hw.rtl.synapse_array import SynapseArray
from hw.verilog import EmittedCore


def summary(
    artifact: Artifact,
    config: HardwareConfig,
    core: EmittedCore,
    subject: Subject,
    ear: EarConfig | None = None,
) -> dict[str, Any]:
    """The content of the report, as JSON.

    Returns
    -------
    dict
        ``name``, ``artifact``, ``sha256``, ``metrics``; ``layers`` with formats and delays; ``memories`` of
        the emitted core and ``memory_bits``; ``clips``, ``cycles_mean``, ``cycles_max`` of the artifact's
        stimulus. For the clips of `subject` ``timing``, ``energy`` and ``recurrences``; ``resources`` on its
        part, with those of `ear`; ``boards`` that have room for them; ``hls`` and ``exploration`` if it has
        them.
    """
    network = artifact.network
    stages = zip(network.spec.stage_names, network.spec.stages, network.params, config.stages, strict=True)
    recordings = subject.recordings or stimulus_of(artifact)
    (clips,) = follow([network], recordings.counts, recordings.lengths, recordings.run)
    stimulus = _stimulus(artifact, config)
    found = subject.exploration
    return {
        "name": core.name,
        "artifact": artifact.name,
        "sha256": artifact.sha256,
        "metrics": artifact.metrics,
        "reload": config.reload,
        "programmable_delays": config.programmable_delays,
        "layers": [
            {"stage": name, **_layer(stage, params, widths, config.reload)}
            for name, stage, params, widths in stages
        ],
        "memories": [
            {"path": m.path, "depth": m.depth, "width": m.width, "bits": m.bits} for m in core.memories
        ],
        "memory_bits": sum(m.bits for m in core.memories),
        **stimulus,
        "timing": timing(network, config, clips, recordings.source, subject.clock_mhz),
        "energy": energy_of(network, config, clips),
        "resources": resources(
            network, config, subject.part, None if ear is None else (ear_of(artifact), ear)
        ),
        "boards": fitting(artifact, config, ear),
        "recurrences": recurrences(network, config, recordings, subject.part),
        "hls": subject.hls,
        "exploration": found and placed(found, artifact, config, stimulus["cycles_mean"]),
    }


def _stimulus(artifact: Artifact, config: HardwareConfig) -> dict[str, Any]:
    """Cycles of every clip of the artifact's stimulus, checked by the golden vectors."""
    own, spec = stimulus_of(artifact), artifact.network.spec
    (clips,) = follow([artifact.network], own.counts, own.lengths, own.run)
    cycles = clip_cycles(spec, config, clips.events, clips.lengths)
    bounds = lower_bound(spec, config, clips.events, clips.lengths)
    totals = np.stack([count.sum(axis=0) for count in clips.events], axis=1)
    rows = zip(clips.lengths.tolist(), totals.tolist(), cycles.tolist(), bounds.tolist(), strict=True)
    return {
        "clips": [
            {"steps": steps, "events": into, "cycles": taken, "lower_bound_cycles": bound}
            for steps, into, taken, bound in rows
        ],
        "cycles_mean": float(cycles.mean()),
        "cycles_max": int(cycles.max()),
        **({"answers": _answers(spec, config, clips)} if spec.readout.answer is Answer.STEP else {}),
    }


def _answers(spec: NetworkSpec, config: HardwareConfig, clips: Clips) -> dict[str, Any]:
    """Cycles of the answers per step to these clips, where steps are far apart."""
    cycles, stride = answer_cycles(spec, config, clips.events), spec.readout.stride
    steps = np.arange(1, len(cycles) + 1)[:, np.newaxis]
    told = cycles[(steps % stride == 0) & (steps <= np.asarray(clips.lengths))]
    return {"stride": stride, "cycles_mean": float(told.mean()), "cycles_max": int(told.max())}


def _layer(stage: IntegratorSpec, params: StageParams, widths: StageConfig, reload: bool) -> dict[str, Any]:
    """Shape, widths, formats and behaviour of a stage."""
    delays, forward = params.delay_steps, params.input_delay_steps
    return {
        "n_in": stage.n_in,
        "n_out": stage.n_out,
        "input_bits": stage.input_bits,
        "lanes": widths.lanes,
        "update_lanes": widths.update_lanes,
        "events_per_cycle": widths.events_per_cycle,
        "words": widths.words(stage.n_out),
        "groups": widths.groups(stage.n_out),
        "formats": _formats(stage),
        "accumulator_bits": SynapseArray.accumulator_bits(stage, params, reload),
        "sum_bits": stage.sum_bits,
        "delay_steps": None if delays is None else _delays(delays.tolist(), "neurons"),
        "input_delay_steps": None if forward is None else _delays(forward.tolist(), "inputs"),
        **_behaviour(stage),
    }


def _formats(stage: IntegratorSpec) -> dict[str, str]:
    formats = {"weight": stage.weight, "bias": stage.bias, "membrane": stage.membrane}
    if isinstance(stage, LayerSpec) and stage.recurrence is not None:
        formats["recurrent"] = stage.recurrence.weight
    if stage.synapse is not None:
        formats["current"] = stage.synapse.current
    return {key: str(value) for key, value in formats.items()}


def _behaviour(stage: IntegratorSpec) -> dict[str, Any]:
    kind, kernel, parameters, synapse = None, 0, 0, stage.synapse
    if isinstance(stage, LayerSpec):
        rec = stage.recurrence
        parameters = stage.recurrent_parameters
        does = "no recurrence" if rec is None else f"{rec.kind} K={rec.kernel_size} delays<={rec.max_delay}"
        if rec is not None:
            kind, kernel = rec.kind.value, rec.kernel_size
    else:
        assert isinstance(stage, ReadoutSpec)
        does = f"readout {stage.mode}"
    if fires(stage):
        does += f", reset {stage.reset_mode}"
    if synapse is not None:
        does += ", synaptic current"
    if stage.max_input_delay is not None:
        does += f", input delays<={stage.max_input_delay}"
    return {
        "does": does,
        "recurrence": kind,
        "kernel_size": kernel,
        "recurrent_parameters": parameters,
        "threshold": _code(stage.v_th, stage.membrane) if fires(stage) else None,
        "beta": _code(stage.beta, stage.beta_format),
        "alpha": None if synapse is None else _code(synapse.alpha, synapse.alpha_format),
        "requantisation": _modes(stage),
        "current_requantisation": None if synapse is None else _modes(synapse),
    }


def _code(raw: int | None, fmt: QFormat) -> str:
    return "per neuron" if raw is None else f"{float(fmt.to_real(raw)):g}"


def _modes(own: IntegratorSpec | SynapseSpec) -> str:
    """Modes of Q, and that of the leak if it is rounded by itself."""
    modes = f"{own.rounding}, {own.overflow}"
    return modes if own.leak_rounding is None else f"{modes}, leak {own.leak_rounding}"


def _delays(values: list[int], of: str) -> dict[str, Any]:
    """Minimum, maximum and mean, and as `of` the number of neurons, or inputs, with each delay from 0 up."""
    return {
        "min": min(values),
        "mean": round(sum(values) / len(values), 3),
        "max": max(values),
        of: np.bincount(values).tolist(),
    }
