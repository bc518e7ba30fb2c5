"""Compares the DUT with the golden model, integer for integer: equal or fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fxp_model.fixed import QFormat
from fxp_model.network import Network, run
from fxp_model.spec import SCORE, Answer, NetworkSpec
from fxp_model.trace import LayerTrace, ReadoutTrace, Trace
from hw.protocol import ANSWER_BEATS, Beat, encode_answers, encode_result
from hw.verilog import Probe
from tb.harness.monitors import Sample

Ints = NDArray[np.int64]
_Words = tuple[int, int, int]
"""Currents, membranes and spikes of a group, as a probe has them."""


class MismatchError(AssertionError):
    """The DUT and the golden model differ."""


@dataclass(frozen=True)
class Tally:
    """Numbers of integers that were compared and equal, and of spikes among them."""

    samples: int = 0
    answers: int = 0
    beats: int = 0
    membranes: int = 0
    currents: int = 0
    spikes_compared: int = 0
    spikes_fired: int = 0

    def __add__(self, other: Tally) -> Tally:
        mine, theirs = vars(self), vars(other)
        return Tally(**{key: mine[key] + theirs[key] for key in mine})


class Scoreboard:
    """Collects the observations of the monitors and compares them.

    Parameters
    ----------
    network : Network
        Network of the golden model.
    probes : sequence of Probe
        Stages that are observed; without any, only the results are compared.
    """

    def __init__(self, network: Network, probes: Sequence[Probe]) -> None:
        self.network = network
        self.per_step = network.spec.readout.answer is Answer.STEP
        self.answer_beats = ANSWER_BEATS if self.per_step else network.spec.n_out + 1
        self.probes = probes
        self.results: list[Beat] = []
        self._updates: dict[str, list[_Words]] = defaultdict(list)

    def update(self, probe: Probe, group: int, current: int, v_mem: int, spikes: int) -> None:
        """Take one group of neurons from a probe."""
        seen = self._updates[probe.stage]
        expected = len(seen) % probe.groups
        if group != expected:
            step = len(seen) // probe.groups
            raise MismatchError(f"{probe.stage} update {step} of the run: group {group}, expected {expected}")
        seen.append((current, v_mem, spikes))

    def check(
        self, samples: Sequence[Sample], unfinished: Sample | None = None, *, end: bool = True
    ) -> Tally:
        """Compare all observations with `samples`.

        Parameters
        ----------
        samples : sequence of Sample
            Complete samples, as seen by the input monitor.
        unfinished : Sample, optional
            Complete steps of a sample that has not ended.
        end : bool
            All results must have been observed. Otherwise the DUT was stopped, and its results so far
            must be right.

        Raises
        ------
        MismatchError
            Naming the first difference: the earliest sample, step and stage.
        """
        all_samples = [*samples] + ([unfinished] if unfinished is not None else [])
        seen = {probe.stage: _unpack(probe, self._updates[probe.stage]) for probe in self.probes}
        tally, start, first = Tally(), 0, 0
        for index, sample in enumerate(all_samples):
            stop = start + len(sample.counts)
            if sample.specified:
                trace = run(self.network, sample.counts[:, np.newaxis])
                part = {stage: tuple(x[start:stop] for x in own) for stage, own in seen.items()}
                tally += self._compare_stages(index, trace, part)
                if self.per_step:
                    tally += self._compare_answers(index, trace, self.results[first:])
                elif sample is not unfinished:
                    tally += self._compare_result(index, trace, self.results[first:])
            start = stop
            first += self.beats_of(sample) if sample is not unfinished or self.per_step else 0
        self._compare_amounts(first, start, seen, end)
        return tally

    def beats_of(self, sample: Sample) -> int:
        """Beats of the result of a sample, or of the answers to its steps."""
        answers = len(sample.counts) // self.network.spec.readout.stride if self.per_step else 1
        return answers * self.answer_beats

    def _compare_stages(self, sample: int, trace: Trace, seen: Mapping[str, tuple[Ints, ...]]) -> Tally:
        spec = self.network.spec
        found: list[tuple[int, int, str]] = []
        tally = Tally()
        for order, probe in enumerate(self.probes):
            current, v_mem, spikes = seen[probe.stage]
            own = spec.stages[spec.stage_names.index(probe.stage)]
            stage = _stage_trace(spec, trace, probe.stage)
            states = [("v_mem", stage.v_mem, v_mem, own.membrane)]
            if own.synapse is not None:
                assert stage.current is not None
                states.insert(0, ("current", stage.current, current, own.synapse.current))
                tally += Tally(currents=current.size)
            for place, (name, expected, got, fmt) in enumerate(states):
                golden = expected[: len(got), 0]
                where = _first(golden != got)
                if where is not None:
                    text = f"{name}: {_difference(golden[where], got[where], fmt)}"
                    found.append((where[0], 3 * order + place, f"{probe.stage} neuron {where[1]} {text}"))
            tally += Tally(membranes=v_mem.size)
            if not isinstance(stage, LayerTrace):
                continue
            fired = stage.spikes[: len(spikes), 0]
            where = _first(fired != spikes)
            if where is not None:
                text = f"expected {fired[where]}, got {spikes[where]}"
                found.append((where[0], 3 * order + 2, f"{probe.stage} neuron {where[1]} spike: {text}"))
            tally += Tally(spikes_compared=spikes.size, spikes_fired=int(fired.sum()))
        if found:
            step, _, text = min(found)
            raise MismatchError(f"sample {sample} step {step} {text}")
        return tally

    def _compare_answers(self, sample: int, trace: Trace, seen: Sequence[Beat]) -> Tally:
        assert trace.answers is not None
        expected = encode_answers(trace.answers)
        seen = seen[: len(expected)]
        for index, (golden, beat) in enumerate(zip(expected, seen, strict=False)):
            answer, place = divmod(index, ANSWER_BEATS)
            name = f"sample {sample} answer {answer} {('class', 'score', 'margin')[place]}"
            if beat.tlast != golden.tlast:
                raise MismatchError(f"{name}: TLAST is {int(beat.tlast)}")
            if beat.tdata != golden.tdata:
                raise MismatchError(f"{name}: expected raw {golden.tdata:#x}, got {beat.tdata:#x}")
        complete = len(seen) == len(expected)
        return Tally(samples=int(complete), answers=len(seen) // ANSWER_BEATS, beats=len(seen))

    def _compare_result(self, sample: int, trace: Trace, seen: Sequence[Beat]) -> Tally:
        expected = encode_result(trace.scores[0])
        seen = seen[: len(expected)]
        for index, (golden, beat) in enumerate(zip(expected, seen, strict=False)):
            if beat.tlast != golden.tlast:
                raise MismatchError(f"sample {sample} result beat {index}: TLAST is {int(beat.tlast)}")
            if beat.tdata != golden.tdata:
                if golden.tlast:
                    raise MismatchError(f"sample {sample} class: expected {golden.tdata}, got {beat.tdata}")
                lsb = self.network.spec.readout.membrane
                text = _difference(_score(golden.tdata), _score(beat.tdata), lsb)
                raise MismatchError(f"sample {sample} readout neuron {index} score: {text}")
        return Tally(samples=int(len(seen) == len(expected)), beats=len(seen))

    def _compare_amounts(
        self, beats: int, steps: int, seen: Mapping[str, tuple[Ints, ...]], end: bool
    ) -> None:
        amounts = [(stage, "steps", len(v), steps) for stage, (_, v, _) in seen.items()]
        amounts.append(("result", "beats", len(self.results), beats))
        for stage, what, got, expected in amounts:
            if got > expected or (end and got < expected):
                raise MismatchError(f"{stage}: expected {expected} {what}, got {got}")


def _stage_trace(spec: NetworkSpec, trace: Trace, stage: str) -> LayerTrace | ReadoutTrace:
    index = spec.stage_names.index(stage)
    return trace.layers[index] if index < len(trace.layers) else trace.readout


def _unpack(probe: Probe, updates: list[_Words]) -> tuple[Ints, Ints, Ints]:
    """Currents, membranes and spikes (steps, n_out) of the complete sweeps."""
    steps = len(updates) // probe.groups
    kept = updates[: steps * probe.groups]
    currents, membranes, spikes = zip(*kept, strict=True) if kept else ((), (), ())

    def signed(words: Sequence[int], width: int) -> list[int]:
        sign = 1 << width >> 1
        return [(lane ^ sign) - sign for lane in lanes(words, width)]

    def lanes(words: Sequence[int], width: int) -> Iterator[int]:
        for word in words:
            for lane in range(probe.update_lanes):
                yield word >> lane * width & (1 << width) - 1

    def of_neurons(values: Iterable[int]) -> Ints:
        shape = steps, probe.groups * probe.update_lanes
        return np.array(list(values), dtype=np.int64).reshape(shape)[:, : probe.n_out]

    return (
        of_neurons(signed(currents, probe.current_bits)),
        of_neurons(signed(membranes, probe.membrane_bits)),
        of_neurons(lanes(spikes, 1)),
    )


def _first(different: NDArray[np.bool_]) -> tuple[int, int] | None:
    where = np.argwhere(different)
    return (int(where[0][0]), int(where[0][1])) if len(where) else None


def _difference(expected: int, got: int, fmt: QFormat) -> str:
    return f"expected raw {expected} (real {fmt.to_real(expected)}), got raw {got} (real {fmt.to_real(got)})"


def _score(tdata: int) -> int:
    return tdata - (tdata >> SCORE.width - 1 << SCORE.width)
