"""Bugs planted in a copy of the RTL, one at a time, and the network on which each of them is visible."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np

from fxp_model.artifact import load_artifact
from fxp_model.fixed import Overflow, QFormat, Rounding
from fxp_model.network import Network, StageParams
from fxp_model.spec import (
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
)
from hw.config import HardwareConfig, StageConfig
from hw.verilog import EmittedCore, Probe
from tb.harness.cores import core_design, core_plan, save_network
from tb.harness.runner import Outcome, Workspace
from tb.harness.stimulus import answering, retrained

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bug:
    """A text of one RTL file and a faulty replacement."""

    file: str
    right: str
    wrong: str
    bench: str = "network"
    """Bench that shows it: "network", "control", "reload" (a reloadable core with programmable delays),
    "reloaded" (that with two events per cycle), or "answers" (a core with answers per step, and beats of two
    words).

    With a `case`, a module of `tb.benches.blocks`, or of the package of its folder, as ``ear/``.
    """
    case: str = ""
    """Of `CASES` in that module."""

    @property
    def module(self) -> str:
        """The module of its bench, if it has a case."""
        return f"tb.benches.{self.file.rpartition('/')[0] or 'blocks'}.{self.bench}"


BUGS = {
    "delay_off_by_one": Bug("delay_lines.py", "places[delay] &", "places[max(delay - 1, 0)] &"),
    "window_edge": Bug(
        "conv_engine.py",
        "Cat(Const(0, edge), *groups[: reach + 1])",
        "Cat(self.delayed[0].replicate(edge), *groups[: reach + 1])",
    ),
    "sign": Bug(
        "neuron_update.py",
        "above = [v - own for v, own in",
        "above = [v.as_unsigned() - own for v, own in",
    ),
    "rounding": Bug("arithmetic.py", "half_if(raw[shift])", "half_if(Const(0, 1))"),
    "reset_timing": Bug(
        "neuron_update.py",
        """\
        v_kept = [
            Mux(spikes[lane],""",
        """\
        late = Signal(self._lanes)
        m.d.sync += late.eq(spikes)
        v_kept = [
            Mux(late[lane],""",
    ),
    "queue_that_never_turns": Bug(
        "accumulators.py", "next_back.eq(next_back + soon.close)", "next_back.eq(next_back)"
    ),
    "lost_beat_under_backpressure": Bug(
        "skid_buffer.py", "self.i.ready.eq(~spare_valid)", "self.i.ready.eq(1)"
    ),
    "stale_state_after_tlast": Bug("delay_lines.py", "Mux(finishing.last, 0, Cat(1, age))", "Cat(1, age)"),
    "accumulator_width": Bug(
        "accumulators.py",
        'sums = [Signal(shape, name=f"sum_{i}"',
        'sums = [Signal(signed(bits - 1), name=f"sum_{i}"',
    ),
    "sweep_too_early": Bug("neuron_update.py", "written + DELAYED_AFTER + ahead", "written + 1 + ahead"),
    "lanes_that_are_no_neurons_count": Bug(
        "neuron_update.py", "real.eq(Mux(done.final, (1 << used) - 1, (1 << lanes) - 1))", "real.eq(-1)"
    ),
    "sample_without_its_last_cycle": Bug("sample_timer.py", "began.eq(read.data)", "began.eq(read.data + 1)"),
    "beat_taken_while_the_input_is_held": Bug(
        "core.py",
        "decoder.i.valid.eq(self.s_axis_tvalid & ~closed)",
        "decoder.i.valid.eq(self.s_axis_tvalid)",
        bench="reload",
    ),
    "another_network_amid_a_sample": Bug(
        "loader.py", "settled.all() & ~self.busy", "settled.all()", bench="reload"
    ),
    "another_network_beside_a_beat": Bug(
        "loader.py", "settled.all() & ~self.busy", "~self.busy", bench="reload"
    ),
    "load_without_checksum": Bug(
        "loader.py", "pending.eq(~wrong_length & ~wrong_crc)", "pending.eq(~wrong_length)", bench="reload"
    ),
    "wrong_checksum_of_an_earlier_load": Bug(
        "loader.py",
        "[self.wrong_length.eq(0), self.wrong_crc.eq(0)]",
        "[self.wrong_length.eq(0)]",
        bench="reload",
    ),
    "load_that_any_write_begins": Bug(
        "control.py", "RELOAD_BEGIN) & ones[0] & open_", "RELOAD_BEGIN) & open_", bench="reload"
    ),
    "refused_load_that_puts_a_swap_off": Bug(
        "control.py", "RELOAD_BEGIN) & ones[0] & open_", "RELOAD_BEGIN) & ones[0]", bench="reload"
    ),
    "delays_of_the_other_bank": Bug(
        "programmable_delay_lines.py",
        "Cat(finishing.group, self.reload.bank)",
        "Cat(finishing.group, ~self.reload.bank)",
        bench="reload",
    ),
    "stale_spike_within_the_mask": Bug(
        "programmable_delay_lines.py", "known = delay <= age", "known = delay <= age + 1", bench="reload"
    ),
    "tie_in_argmax": Bug("score_unit.py", "eq(score > best)", "eq(score >= best)"),
    "write_without_a_strobe": Bug(
        "register_file.py", "axi_lite.write & axi_lite.write_mask.any() &", "axi_lite.write &", bench="reload"
    ),
    "beat_without_a_word_that_begins_a_sample": Bug(
        "input_decoder.py", "keep[:: WORD_BITS // 8].any() | last", "Const(1, 1)", bench="reloaded"
    ),
    "counters_cleared_by_a_reload": Bug(
        "control.py", "clear.eq(clearing)", "clear.eq(clearing | self.reload.load.valid)", bench="reloaded"
    ),
    "sample_that_ends_while_its_interrupt_is_cleared": Bug(
        "control.py",
        "with m.Elif(written(axi_lite, IRQ_STATUS) & ones[0]):",
        "with m.If(written(axi_lite, IRQ_STATUS) & ones[0]):",
        bench="control",
    ),
    "cycles_of_a_sample_that_is_not_counted": Bug(
        "sample_timer.py", "[cycles.eq(0), ended.eq(0)]", "cycles.eq(0)", bench="control"
    ),
    "host_answered_in_a_reset": Bug(
        "core.py", "~self.aresetn | host_reset | host.rst", "~self.aresetn | host_reset", bench="control"
    ),
    "result_sent_in_a_reset": Bug(
        "core.py", "eq(readout.o.valid & ~resets)", "eq(readout.o.valid)", bench="control"
    ),
    "two_answers_to_a_beat_with_a_time_each": Bug(
        "answer_timer.py",
        "over = self.ends & (again | ~read.data[32])",
        "over = self.ends",
        bench="answers",
    ),
    "marker_in_the_second_word_alone": Bug(
        "core.py", "two & (ends[1] | self.s_axis_tlast)", "one & two & ends[1]", bench="answers"
    ),
    "word_before_the_end_that_ends_a_step": Bug(
        "core.py", "self.s_axis_tlast & ~two", "self.s_axis_tlast & one", bench="answers"
    ),
    "counters_that_stop": Bug("counter.py", "self._wraps = wraps", "self._wraps = False", bench="answers"),
}


ANSWER_BUGS = {
    name: Bug("answer_unit.py", right, wrong, "answer_unit", case)
    for name, right, wrong, case in (
        ("tie_for_the_later_class", "score > best", "score >= best", "max"),
        (
            "margin_to_the_best_but_two",
            "second.eq(Mux(first, SCORE.min_raw, best))",
            "second.eq(Mux(first, SCORE.min_raw, second))",
            "sum",
        ),
        ("margin_to_the_answer_before", "Mux(first, SCORE.min_raw, best)", "best", "every_margin"),
        ("stride_across_sequences", "Mux(taken.last | due, 0, step + 1)", "Mux(due, 0, step + 1)", "sum"),
        ("scores_of_the_step_before", "latency(self._spec) + 3", "latency(self._spec) + 1", "max"),
        ("answer_that_is_overwritten", "~fetched & ~sending.any()", "~fetched", "spike_count"),
    )
} | {
    name: Bug("detector.py", right, wrong, "detector", "few")
    for name, right, wrong in (
        ("row_of_another_class", "Mux(heard == leader, held, 0)", "held"),
        ("class_of_the_answer_behind", "m.d.sync += heard.eq(new)", "m.d.comb += heard.eq(new)"),
        ("class_heard_while_it_rests", "with m.Elif(compared):", "with m.If(compared):"),
        ("row_without_an_end", "held.eq(0), rest.eq", "rest.eq"),
        ("silent_class_that_is_said", " & (new != numbers.silent)", ""),
        ("margin_that_must_be_exceeded", "margin >= numbers.margin", "margin > numbers.margin"),
    )
}
"""In answers per step, and in the detector."""


DELAY_BUGS = {
    "forward_spikes_cut_at_the_end_of_a_sample": Bug(
        "delay_lines.py",
        "Cat(1, age) if self._forward else counts",
        "counts",
        "delay_lines",
        "forward_each",
    ),
    "spikes_of_groups_that_are_not_written": Bug(
        "delay_lines.py",
        "any_of(shifts[: len(column)], column)",
        "any_of(~shifts[: len(column)], column)",
        "delay_lines",
        "forward_each",
    ),
    "forward_delays_loaded_as_those_of_the_recurrence": Bug(
        "programmable_delay_lines.py",
        "Part.FORWARD if self._forward else Part.DELAY",
        "Part.DELAY",
        "delay_lines",
        "forward_programmable",
    ),
    "count_without_the_event_before_it": Bug(
        "input_delays.py", "Mux(again, total, old.data)", "old.data", "input_delays", "counts"
    ),
    "count_of_an_earlier_step": Bug(
        "input_delays.py",
        "Mux(selected(list(active), address), before, 0)",
        "before",
        "input_delays",
        "counts",
    ),
    "ring_without_room_for_steps_that_wait": Bug(
        "input_delays.py",
        "(spec.max_input_delay + SpikeQueue.STEPS + 2).bit_length()",
        "spec.max_input_delay.bit_length()",
        "input_delays",
        "pairs",
    ),
    "pair_without_its_second_channel": Bug(
        "input_delays.py",
        "addresses.append((add & item.pair,",
        "addresses.append((add & ~item.pair,",
        "input_delays",
        "pairs_of_spikes",
    ),
    "marker_taken_while_the_queue_is_full": Bug(
        "input_delays.py",
        "item.marker & ~queue.full",
        "item.marker",
        "input_delays",
        "spikes",
    ),
}


def _neuron_bug(file: str, right: str, wrong: str, case: str) -> Bug:
    return Bug(file, right, wrong, "neuron_update", case)


NEURON_BUGS = {
    "truncation_of_positive_sums": _neuron_bug(
        "arithmetic.py",
        "return negative & raw[:shift].any()",
        "return raw[:shift].any()",
        "TRN_ZERO_SAT_SYM_delayed_TRN_ZERO_beta",
    ),
    "halves_away_from_zero": _neuron_bug(
        "arithmetic.py", "half_if(negative)", "half_if(~negative)", "RND_ZERO_SAT_zero"
    ),
    "halves_up": _neuron_bug(
        "arithmetic.py", "half_if(~negative)", "half_if(Const(1, 1))", "RND_INF_SAT_subtract_RND_INF_v_th"
    ),
    "halves_up_in_a_bias": _neuron_bug(
        "leaky_sum.py", "max(half - 1, 0)", "half", "RND_MIN_INF_SAT_ZERO_delayed_beta_v_th"
    ),
    "halves_up_behind_a_current": _neuron_bug(
        "arithmetic.py", "return half_if(Const(0, 1))", "return half", "RND_MIN_INF_SAT_SYM_zero_RND_fine"
    ),
    "lowest_code_of_a_symmetric_range": _neuron_bug(
        "arithmetic.py",
        "return outside | (value[: target.width] == 1 << target.width - 1)",
        "return outside",
        "RND_SAT_delayed_None_coarse_alpha_beta_v_th",
    ),
    "clamped_instead_of_zero": _neuron_bug(
        "arithmetic.py", "is not Overflow.SAT_ZERO:", "is not None:", "RND_MIN_INF_SAT_ZERO_delayed_beta_v_th"
    ),
    "leak_that_is_truncated": _neuron_bug(
        "leaky_sum.py", "[code, scaled(up, places)]", "[code]", "TRN_ZERO_SAT_SYM_delayed_TRN_ZERO_beta"
    ),
    "reset_by_the_sample_before": _neuron_bug(
        "neuron_update.py",
        "Mux(spiked & ~leaks.first, own",
        "Mux(spiked, own",
        "TRN_ZERO_SAT_SYM_delayed_TRN_ZERO_beta",
    ),
    "reset_by_the_threshold_of_another_group": _neuron_bug(
        "neuron_update.py",
        "self._thresholds(m, begins, tags[-2])",
        "self._thresholds(m, tags[-2], tags[-2])",
        "RND_SAT_delayed_None_coarse_alpha_beta_v_th",
    ),
    "threshold_of_another_group": _neuron_bug(
        "neuron_update.py",
        "self._thresholds(m, tags[-2])[0]",
        "self._thresholds(m, tags[-1])[0]",
        "RND_INF_SAT_subtract_RND_INF_v_th",
    ),
    "share_of_another_group": _neuron_bug(
        "neuron_update.py",
        "self._shares(m, Part.BETA, spec.beta, begins)",
        "self._shares(m, Part.BETA, spec.beta, tags[SUMS_AFTER])",
        "RND_SAT_delayed_None_coarse_alpha_beta_v_th",
    ),
    "current_of_another_group": _neuron_bug(
        "neuron_update.py",
        'self._state(m, "current", fmt.width, fetched)',
        'self._state(m, "current", fmt.width, leaks)',
        "RND_INF_WRAP_delayed_RND_ZERO_vanishes_alpha",
    ),
    "current_of_the_sample_before": _neuron_bug(
        "neuron_update.py",
        "value = leaky.rounded(m, lane, leaks.first, *own)",
        "value = leaky.rounded(m, lane, Const(0), *own)",
        "RND_CONV_SAT_ZERO_subtract_RND_MIN_INF_wraps",
    ),
    "sweep_too_early_for_a_current": _neuron_bug(
        "neuron_update.py",
        "cls.latency(spec) - SUMS_AFTER",
        "cls.WRITTEN_AFTER",
        "RND_MIN_INF_SAT_SYM_zero_RND_fine",
    ),
}


EAR_BUGS = {
    "gain_that_wraps": Bug(
        "ear/gain.py",
        "Mux(too_large, end, fitted(nearest, PCM, Overflow.SAT))",
        "fitted(nearest, PCM, Overflow.SAT)",
        "gain",
        "gain",
    ),
    "gain_without_rounding": Bug(
        "ear/gain.py",
        "SAMPLE.frac_bits, PCM, Rounding.RND",
        "SAMPLE.frac_bits, PCM, Rounding.TRN",
        "gain",
        "gain",
    ),
    "filter_without_rounding": Bug(
        "ear/filters.py",
        "fraction - max(spec.shift)) + (1 << fraction - 1))",
        "fraction - max(spec.shift)))",
        "filters",
        "random_0",
    ),
    "level_at_the_end_of_its_range": Bug(
        "ear/level.py",
        "self.loudness + spec.level_range >= level[shift:]",
        "self.loudness + spec.level_range > level[shift:]",
        "level",
        "random0",
    ),
    "level_whose_age_has_no_end": Bug(
        "ear/level.py", "older.eq(Mux(age[shift], age, age + 1))", "older.eq(age + 1)", "level", "random1"
    ),
    "neuron_that_does_not_adapt": Bug(
        "ear/neurons.py",
        "new.raised.eq(now.raised + Mux(spikes, spec.adaptation, 0))",
        "new.raised.eq(now.raised)",
        "neurons",
        "default",
    ),
    "leak_that_stops_above_rest": Bug(
        "ear/neurons.py",
        "return value[shift:] + value[:shift].any()",
        "return value[shift:]",
        "neurons",
        "default",
    ),
    "count_that_wraps": Bug("ear/neurons.py", "(spikes & ~now.count.all())", "spikes", "neurons", "random1"),
    "frame_dropped_for_a_sample_only": Bug(
        "ear/ear.py", "(dropping | self.overrun) & ~final", "self.overrun & ~final", "ear", "random0"
    ),
    "frame_written_where_one_waits": Bug(
        "ear/frames.py", "self.waits & (oldest == banks), dropping", "0, dropping", "frames", "random0"
    ),
    "tap_beyond_the_middle": Bug(
        "ear/resampler.py", "tap, n_taps - 1 - tap", "tap, n_taps - 2 - tap", "resampler", "short_12000"
    ),
    "inputs_before_a_reset": Bug(
        "ear/resampler.py", "Cat(age < known, in_use)", "Cat(1, in_use)", "resampler", "short_12000"
    ),
    "i2s_read_before_sck_rises": Bug("ear/i2s.py", "If(takes[-1])", "If(takes[0])", "i2s", "left"),
    "i2s_word_that_ends_early": Bug(
        "ear/i2s.py",
        "Const(SAMPLE.width, range(SLOTS))",
        "Const(SAMPLE.width - 1, range(SLOTS))",
        "i2s",
        "left",
    ),
    "narrow_integrators": Bug(
        "ear/pdm_decimator.py",
        '[Signal(width, name=f"integ',
        '[Signal(width - 1, name=f"integ',
        "pdm",
        "wild",
    ),
    "trigger_without_hold": Bug(
        "ear/trigger.py",
        "rising.eq(loud & armed & (left == 0))",
        "rising.eq(loud & armed)",
        "trigger",
        "random0",
    ),
    "trigger_that_is_always_armed": Bug(
        "ear/trigger.py", "armed.eq(armed | quiet)", "armed.eq(1)", "trigger", "random0"
    ),
    "millisecond_of_a_dropped_frame": Bug(
        "ear/ear.py",
        "filters.restart.eq(buffer.o.valid & heard.first & ~filters.i.ready)",
        "filters.restart.eq(0)",
        "ear",
        "random0",
    ),
}


def network() -> Network:
    """Two layers, one with register and one with RAM accumulators, on which every bug is visible.

    The first layer rounds halves to even at 2 bits, neuron 0 reaches the lowest sum that its
    accumulator holds, and the readout counts few spikes, so that classes tie.
    """
    rng = np.random.default_rng(0)
    weight = QFormat(signed=True, int_bits=2, frac_bits=2)
    common: dict[str, Any] = {
        "weight": weight,
        "bias": weight,
        "beta": 3,
        "beta_format": QFormat(signed=False, int_bits=0, frac_bits=2),
    }
    recurrence = RecurrenceSpec(RecurrenceKind.CONV, weight, max_delay=4, kernel_size=3)
    layers = (
        LayerSpec(
            n_in=6,
            n_out=12,
            input_bits=3,
            membrane=QFormat(signed=True, int_bits=10, frac_bits=2),
            rounding=Rounding.RND_CONV,
            v_th=20,
            reset_mode=ResetMode.SUBTRACT,
            recurrence=recurrence,
            **common,
        ),
        LayerSpec(
            n_in=12,
            n_out=9,
            membrane=QFormat(signed=True, int_bits=4, frac_bits=2),
            overflow=Overflow.WRAP,
            v_th=8,
            recurrence=recurrence,
            **common,
        ),
    )
    readout = ReadoutSpec(
        n_in=9,
        n_out=5,
        membrane=QFormat(signed=True, int_bits=6, frac_bits=2),
        mode=ReadoutMode.SPIKE_COUNT,
        v_th=6,
        **common,
    )
    spec = NetworkSpec(layers, readout)
    params = []
    for stage in spec.stages:
        own: dict[str, Any] = {
            "weight": rng.integers(-8, 8, (stage.n_out, stage.n_in)),
            "bias": rng.integers(-2, 3, stage.n_out),
        }
        if isinstance(stage, LayerSpec):
            own["weight"][0] = weight.min_raw
            own |= {"recurrent": np.array([6, 3, -7]), "delay_steps": rng.integers(0, 5, stage.n_out)}
        params.append(StageParams(**own))
    return Network(spec, tuple(params))


def hardware(reload: bool = False) -> HardwareConfig:
    """One word in the first layer, several in the second; with `reload`, also programmable delays."""
    stages = (StageConfig(12, 5), StageConfig(4, 2), StageConfig(5, 2))
    return HardwareConfig(stages, reload, programmable_delays=reload)


def with_events(config: HardwareConfig, events_per_cycle: int) -> HardwareConfig:
    """Another number of events per cycle in every stage."""
    return replace(
        config, stages=tuple(replace(own, events_per_cycle=events_per_cycle) for own in config.stages)
    )


def plant(folder: Path, bug: Bug | None) -> None:
    """Copy the sources of the generator into `folder` and plant `bug` there, in exactly one place."""
    for package in ("fxp_model", "hw"):
        ignored = shutil.ignore_patterns("pretrained", "__pycache__")
        shutil.copytree(PROJECT / package, folder / package, ignore=ignored)
    if bug is None:
        return
    file = folder / "hw" / "rtl" / bug.file
    source = file.read_text(encoding="utf-8")
    if source.count(bug.right) != 1:
        raise ValueError(f"{bug.file} must hold {bug.right!r} once, not {source.count(bug.right)} times")
    file.write_text(source.replace(bug.right, bug.wrong), encoding="utf-8")


def narrow() -> Network:
    """`network` with two classes, whose membranes saturate."""
    whole = network()
    membrane = QFormat(signed=True, int_bits=3, frac_bits=2)
    readout = replace(whole.spec.readout, n_out=2, membrane=membrane, mode=ReadoutMode.LAST, v_th=0)
    last = {name: array[:2] for name, array in whole.params[-1].arrays()}
    spec = NetworkSpec(whole.spec.layers, readout)
    return Network(spec, (*whole.params[:-1], StageParams(**last)))


def design_of(bench: str) -> tuple[Network, HardwareConfig]:
    """What a bench of `tb.benches.cores` runs on: `network` and `hardware`, or what these become for it.

    With answers per step, each stage has its words and its groups whole; "strides" is a core for the same
    bench as "answers", with an answer after every third step of a `narrow` network.
    """
    if bench == "answers":
        stages = tuple(StageConfig(n, n) for n in (12, 9, 5))
        return answering(network(), 1), with_events(HardwareConfig(stages), 2)
    if bench == "strides":
        stages = (StageConfig(12, 5), StageConfig(4, 2), StageConfig(1, 1))
        return answering(narrow(), 3), with_events(HardwareConfig(stages), 2)
    config = hardware(reload=bench in ("reload", "reloaded"))
    return network(), with_events(config, 2) if bench == "reloaded" else config


def run_core_bench(
    folder: Path,
    workspace: Workspace,
    bench: str,
    sim: str,
    core: EmittedCore | None = None,
    design: str | None = None,
) -> Outcome:
    """Run a bench of `tb.benches.cores` on its design, emitted by the RTL in ``folder/sources``.

    `core` is what that RTL emits, if it is known; `design` is that of another name than the bench.
    """
    own, config = design_of(design or bench)
    artifact = save_network(folder / f"artifact-{design or bench}", own)
    other = [retrained(own, index, delays=True) for index in (1, 2)] if config.reload else []
    others = [str(save_network(folder / f"other{index}", own)) for index, own in enumerate(other, 1)]
    if core is None:
        core = generate(folder / "sources", artifact, config)
    sha256 = load_artifact(artifact).sha256
    plan = core_plan(artifact, config, core, seed=1, samples=12, others=others, sha256=sha256)
    run = bench if design is None else f"{bench}-of-{design}"
    return workspace.simulate(core_design(core), sim, f"tb.benches.cores.{bench}", plan, run)


def generate(folder: Path, artifact: Path, config: HardwareConfig) -> EmittedCore:
    """Emit the core of `artifact` with the sources in `folder`, in a separate process."""
    result = folder / "core.json"
    run_program(folder, _GENERATE, str(artifact), json.dumps(config.to_dict()), str(result))
    core = json.loads(result.read_text(encoding="utf-8"))
    return EmittedCore(core["name"], core["verilog"], (), tuple(Probe(**p) for p in core["probes"]), ())


def generate_block(folder: Path, bench: str, case: str) -> str:
    """Verilog of what a module `bench` tests in a `case`, with the sources in `folder`."""
    result = folder / "block.v"
    run_with(folder, _GENERATE_BLOCK, bench, case, str(result))
    return result.read_text(encoding="utf-8")


def run_with(folder: Path, program: str, *arguments: str) -> None:
    """Run a program with the RTL in `folder` and the project's benches; its arguments follow the second."""
    run_program(folder, _WITH_BENCHES + program, str(PROJECT), *arguments)


def run_program(folder: Path, program: str, *arguments: str) -> None:
    """Run a program that generates RTL, in a separate process."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise RuntimeError(f"the RTL with the bug cannot be generated:\n{done.stderr}")


_GENERATE = dedent("""\
    import json, sys
    from dataclasses import asdict
    from pathlib import Path

    import hw
    from fxp_model.artifact import load_artifact
    from hw.config import HardwareConfig
    from hw.verilog import emit

    assert Path(hw.__file__).parents[1] == Path.cwd(), hw.__file__
    artifact, config, result = sys.argv[1:]
    artifact, config = load_artifact(artifact), HardwareConfig.from_dict(json.loads(config))
    core = emit(artifact.network, config, "core", artifact.sha256)
    Path(result).write_text(json.dumps(asdict(core)), encoding="utf-8")
""")
_WITH_BENCHES = dedent("""\
    import sys
    from pathlib import Path

    import hw

    assert Path(hw.__file__).parents[1] == Path.cwd(), hw.__file__
    sys.path.insert(1, sys.argv[1])  # of which only the benches are taken
""")
_GENERATE_BLOCK = dedent("""\
    from importlib import import_module

    from amaranth.back import rtlil
    from hw.verilog import write_verilog

    bench, case, result = sys.argv[2:]
    bench = import_module(bench)
    text = rtlil.convert(bench.component(**bench.CASES[case]), name="block", emit_src=False)
    Path(result).write_text(write_verilog(text), encoding="utf-8")
""")
