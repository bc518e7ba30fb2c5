"""The bench around a whole core: drivers, monitors, golden model and scoreboard."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.task import Task
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.network import Network, run
from fxp_model.spec import Answer
from hw.config import HardwareConfig
from hw.estimates.latency import event_counts, run_timing
from hw.protocol import END_OF_STEP, WORD_BITS, Beat, packed, unpacked
from hw.registers import STATUS, Register, register_map
from hw.rtl.core import RESET_LATENCY
from hw.verilog import Probe
from tb.harness.counters import stage_counts
from tb.harness.drivers import AxiLite, Axis, Gaps, Host, accept, drive, no_gaps, reset
from tb.harness.monitors import ProtocolError, Sample, SampleDecoder, watch_probe, watch_stream
from tb.harness.scoreboard import MismatchError, Scoreboard, Tally
from tb.harness.stimulus import scattered

PERIOD_NS = 10
HANDSHAKES = (
    *("s_axis_tready", "m_axis_tvalid"),
    *(f"s_axil_{name}" for name in ("awready", "wready", "bvalid", "arready", "rvalid")),
)
"""Outputs of a core that are low during reset."""
SILENCE_CYCLES = 20_000
"""Cycles without a transfer or an update after which the core is considered hung."""


@dataclass
class Timing:
    """Cycle and TLAST of every transfer since a restart, and the cycles in which a beat waited.

    asked : of answers per step, the cycle in which the marker of each answered step came in
    """

    inputs: list[tuple[int, bool]] = field(default_factory=list)
    outputs: list[tuple[int, bool]] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    stalls_in: int = 0
    stalls_out: int = 0

    def per_sample(self) -> dict[str, NDArray[np.int64]]:
        """The cycles that `hw.estimates.latency.RunTiming` predicts, counted from the first transfer."""
        first_in, last_in = _edges(self.inputs)
        first_out, last_out = _edges(self.outputs)
        origin = first_in[0]
        return {
            "first_in": first_in - origin,
            "last_in": last_in - origin,
            "first_out": first_out - origin,
            "last_out": last_out - origin,
        }

    def per_answer(self) -> dict[str, NDArray[np.int64]]:
        """The same with answers per step, from the marker on."""
        origin = self.inputs[0][0]
        first_out, last_out = _edges(self.outputs)
        return {
            "last_in": np.array(self.asked[: len(last_out)], dtype=np.int64) - origin,
            "first_out": first_out - origin,
            "last_out": last_out - origin,
        }


def _edges(transfers: list[tuple[int, bool]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cycles of the first and the last transfer of each sample."""
    last = [index for index, (_, tlast) in enumerate(transfers) if tlast]
    first = [0, *(index + 1 for index in last[:-1])] if last else []
    cycles = np.array([cycle for cycle, _ in transfers], dtype=np.int64)
    return cycles[first], cycles[last]


class NetworkBench:
    """A core between an input driver and an output acceptor, watched by a scoreboard.

    The input monitor, not the driver, tells the scoreboard which beats the core took.

    Parameters
    ----------
    dut : handle
        The core's top level.
    plan : mapping
        ``artifact`` folder, ``probes`` (fields of `Probe`; none for results alone), ``seed``.
    host : Host, optional
        Reads the counters; by default a simple one.
    """

    def __init__(self, dut: Any, plan: dict[str, Any], host: Host | None = None) -> None:
        self.dut = dut
        self.network = load_artifact(plan["artifact"]).network
        self.probes = tuple(Probe(**probe) for probe in plan["probes"])
        self.rng = np.random.default_rng(plan["seed"])
        self.slots = len(dut.s_axis_tdata) // WORD_BITS
        self.source, self.sink = Axis(dut, "s_axis", self.slots), Axis(dut, "m_axis")
        self.host: Host = AxiLite(dut) if host is None else host
        spec, reload = self.network.spec, plan["hardware"]["reload"]
        own = register_map(spec.stage_names, reload, spec.readout.answer is Answer.STEP)
        self.registers = {register.name: register for register in own}
        self.edge = RisingEdge(dut.aclk)
        self.tally = Tally()
        self._began = self.now
        self._forget()
        self._tasks: list[Task[Any]] = []
        # a clock in the simulator, not in Python; it first rises when the first inputs are set
        Clock(dut.aclk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)

    async def restart(self, cycles: int = 3) -> None:
        """Reset the core and discard everything in flight; its behaviour up to here must have been right."""
        for task in self._tasks:
            task.cancel()
        if self._tasks and not self._checked:
            self.tally += self.scoreboard.check(self.decoder.samples, self.decoder.unfinished, end=False)
        await self.edge  # at the very beginning nothing has settled
        resetting = cocotb.start_soon(reset(self.dut, cycles))
        for _ in range(cycles + RESET_LATENCY):
            await ReadOnly()
            for name in HANDSHAKES:
                if getattr(self.dut, name).value:
                    raise ProtocolError(f"{name} is high during reset")
            await self.edge
        await resetting
        await self.edge
        self._forget()
        if self.sink.valid.value:
            raise ProtocolError("m_axis_tvalid is high after a reset")
        self._watch()

    def cut(self) -> None:
        """The core resets itself in this cycle, while the drivers continue: discard everything in flight."""
        for task in self._tasks:
            task.cancel()
        self.scoreboard.check(self.decoder.samples, self.decoder.unfinished, end=False)
        self._forget()
        self._watch()

    def replace(self, network: Network) -> None:
        """The core changes to `network`, while the drivers continue; nothing may be in flight."""
        self.check_results()
        self.network = network
        self._forget()

    def _watch(self) -> None:
        self._tasks = []
        self._start(watch_stream(self.source, self._went_in, self._waited_in))
        self._start(watch_stream(self.sink, self._came_out, self._waited_out))
        for probe in self.probes:
            self._start(self._watch_probe(probe))
        self._start(self._watchdog())

    async def play(
        self, words: Sequence[Beat], gaps: Gaps = no_gaps, ready: Coroutine[Any, Any, None] | None = None
    ) -> None:
        """Drive `words` and wait for the results of all samples in them.

        With answers per step, of all complete steps; then until the core is idle.

        Parameters
        ----------
        words : sequence of Beat
            Whole samples, or whole steps with answers per step, in beats of one word.
        gaps : callable
            Idle cycles before each beat. At full rate every step has its own beats; otherwise words share
            beats at random.
        ready : coroutine, optional
            Drives ``m_axis_tready``; always ready by default.
        """
        acceptor = self._start(ready or accept(self.sink, no_gaps))
        full_rate = gaps is no_gaps
        beats = packed(words, self.slots) if full_rate else scattered(self.rng, words, self.slots)
        await drive(self.source, beats, gaps, self.rng)
        await self.edge  # for the monitor
        wanted = sum(map(self.scoreboard.beats_of, self._all_samples()))
        while len(self.scoreboard.results) < wanted:
            await self.edge
        while self.per_step and await self.host.read(STATUS) & STATUS["BUSY"].mask:
            pass
        for _ in range(30):  # nothing may follow
            await self.edge
        acceptor.cancel()
        self.sink.ready.value = 0
        assert self.per_step or self.decoder.unfinished is None, "stimulus: the last sample has no end"

    async def disturb(self, words: Sequence[Beat], kind: str) -> None:
        """Drive `words` and stop: after a word within a "step", at a "cycle", or during an "output"."""
        beats = scattered(self.rng, words, self.slots)
        driver = self._start(drive(self.source, beats, no_gaps, self.rng))
        if kind == "output":
            while not self.sink.valid.value:
                await self.edge
            self.sink.ready.value = 1
            await self.edge
            self.sink.ready.value = 0
            await self.edge
        else:
            acceptor = self._start(accept(self.sink, no_gaps))
            if kind == "step":
                events = [i for i, word in enumerate(words) if not word.tlast and word.tdata < END_OF_STEP]
                stop = int(self.rng.choice(events)) + 1 if events else 1
                while self.decoder.taken < stop:
                    await self.edge
            else:
                for _ in range(int(self.rng.integers(10, 20 + 4 * len(words)))):
                    await self.edge
            acceptor.cancel()
        driver.cancel()

    async def check(self) -> None:
        """Compare everything since the last `restart`, once; all queues must be empty, and a sample seen."""
        if not self._all_samples():
            raise MismatchError("no sample was compared")
        self.check_results()
        for name, count in self.counters().items():
            await self.expect(self.registers[name], count)

    async def expect(self, register: Register, word: int) -> None:
        """Read the register through the host, and fail unless it is `word`."""
        got = await self.host.read(register)
        if got != word:
            raise MismatchError(f"{register.name}: expected {word:#010x}, got {got:#010x}")

    def check_results(self) -> None:
        """`check` without the counters."""
        self._checked = True
        self.tally += self.scoreboard.check(self.decoder.samples, self.decoder.unfinished)

    def counters(self) -> dict[str, int]:
        """Expected counters; those of the stages only if every sample is specified."""
        timing, samples = self.timing, self._all_samples()
        took = timing.per_answer() if self.per_step else timing.per_sample()
        begins = took["last_in" if self.per_step else "first_in"]
        counts = {
            "SAMPLES": sum(tlast for _, tlast in timing.outputs),
            "LAST_SAMPLE_CYCLES": int(took["last_out"][-1] - begins[-1] + 1) if len(begins) else 0,
            "DROPPED_BEATS": self.decoder.dropped,
            "STALLS_IN": timing.stalls_in,
            "STALLS_OUT": timing.stalls_out,
        }
        if all(sample.specified for sample in samples):
            counts |= stage_counts(self.network, samples, self.decoder.events)
        return counts

    def check_timing(self, config: HardwareConfig) -> dict[str, int]:
        """Compare the cycle of every sample's first and last beat, in and out, with the prediction.

        The run must have been at full rate, and well-formed.
        """
        spec = self.network.spec
        samples = [sample.counts for sample in self._all_samples()]
        counted = []
        for x in samples:
            alone = x[:, np.newaxis]
            counted.append(event_counts(self.network, run(self.network, alone), alone))
        events = [np.concatenate([count[:, 0] for count in array]) for array in zip(*counted, strict=True)]
        predicted = run_timing(spec, config, events, [len(x) for x in samples])
        took = self.timing.per_answer() if self.per_step else self.timing.per_sample()
        for name, cycles in took.items():
            expected = getattr(predicted, name)
            for sample, (golden, got) in enumerate(zip(expected, cycles, strict=True)):
                if golden != got:
                    raise MismatchError(f"cycles: {name} of sample {sample}: predicted {golden}, took {got}")
        run_cycles = predicted.run_cycles if len(predicted.last_out) else 0
        return {"samples": len(samples), "run_cycles": run_cycles}

    def figures(self) -> dict[str, int]:
        """Numbers of comparisons; a bench that compared nothing fails here."""
        assert self.tally.samples > 0, "no sample was compared"
        assert not self.per_step or self.tally.answers > 0, "no answer was compared"
        if self.probes:
            assert self.tally.membranes > 0, "no membrane was compared"
            assert self.tally.spikes_fired > 0, "no spike was compared"
        return {**vars(self.tally), "cycles": self.now - self._began}

    def _forget(self) -> None:
        layer = self.network.spec.layers[0]
        self.scoreboard = Scoreboard(self.network, self.probes)
        self.per_step = self.scoreboard.per_step
        self.decoder = SampleDecoder(layer.n_in, layer.max_input)
        self.timing = Timing()
        self._checked = False
        self._active = self.now

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> Task[None]:
        self._tasks.append(cocotb.start_soon(coroutine))
        return self._tasks[-1]

    @property
    def now(self) -> int:
        """Cycle of the simulation."""
        return int(get_sim_time("ns") // PERIOD_NS)

    def _went_in(self, beat: Beat) -> None:
        self._active = self.now
        if unpacked(beat):  # else it is part of no sample
            self.timing.inputs.append((self._active, beat.tlast))
        known = len(self.decoder.places)
        self.decoder.take(beat)
        if self.per_step:
            stride = self.network.spec.readout.stride
            answered = [place % stride == stride - 1 for place in self.decoder.places[known:]]
            self.timing.asked += [self._active] * sum(answered)

    def _all_samples(self) -> list[Sample]:
        """What the core took: samples, and with answers per step also what has no end yet."""
        unfinished = self.decoder.unfinished if self.per_step else None
        return [*self.decoder.samples, *([] if unfinished is None else [unfinished])]

    def _came_out(self, beat: Beat) -> None:
        self._active = self.now
        self.timing.outputs.append((self._active, beat.tlast))
        self.scoreboard.results.append(beat)

    def _waited_in(self) -> None:
        self.timing.stalls_in += 1

    def _waited_out(self) -> None:
        self.timing.stalls_out += 1

    async def _watch_probe(self, probe: Probe) -> None:
        instance = self.dut
        for name in probe.path.split("."):
            instance = getattr(instance, name)

        def seen(group: int, current: int, v_mem: int, spikes: int) -> None:
            self._active = self.now
            self.scoreboard.update(probe, group, current, v_mem, spikes)

        await watch_probe(self.dut.aclk, instance, probe, seen)

    async def _watchdog(self) -> None:
        """Fail if the core hangs, naming the first wrong integer if there was one."""
        while True:
            for _ in range(1000):
                await self.edge
            silent = self.now - self._active
            if silent > SILENCE_CYCLES:
                self.scoreboard.check(self.decoder.samples, self.decoder.unfinished, end=False)
                got, samples = len(self.scoreboard.results), len(self.decoder.samples)
                raise MismatchError(
                    f"hang: silent for {silent} cycles after {samples} samples and {got} result beats"
                )
