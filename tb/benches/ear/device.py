"""A whole device: what its microphone gives comes out as classes, and a host gets its turn.

The plan names the `artifact` of a network with an ear, the `microphone`, its `sound` (a file of 16-bit PCM)
and how many `samples` of the network are to be answered; without a `trigger` it answers per step. The golden
chain begins at the pins, as they were.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import Event, RisingEdge, Timer
from numpy.typing import ArrayLike, NDArray

from fxp_model.artifact import load_artifact
from fxp_model.ear.device import Device, StepDevice
from fxp_model.ear.gain import PCM, widened
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.network import run
from hw import ear_registers as registers
from hw.config import HardwareConfig
from hw.ear import EarConfig, ear_of
from hw.protocol import Beat, encode_answer, encode_result, encode_sample, packed
from hw.registers import Register
from tb.harness.block_bench import PERIOD_NS, pack_lanes, signed_lanes
from tb.harness.drivers import AxiLite, Axis, PcmAxis, accept, drive, no_gaps, random_gaps, reset
from tb.harness.monitors import watch_stream
from tb.harness.plan import Figures, load_plan
from tb.harness.played import Samples, play
from tb.harness.scoreboard import MismatchError

FIGURES = Figures()
SILENCE = 3
"""Frames behind the sound."""
SETTLED = 500
"""Cycles after a frame in which its level follows, and its answer comes."""
ROOM = 4
"""Frames before an onset for which the trigger of `settings` has room."""
QUIET, LOUD = 40, 9000
"""Amplitudes of noise: more than 7 octaves are between them."""
DECAY = 9
"""Frames after which the filters are quiet again."""


class Phase(NamedTuple):
    """What a host writes, and what the golden chain becomes by it; then noise.

    writes : fields by register
    golden : gain, mute, and fields of the trigger
    frames : amplitude of each
    answers : how many there are
    """

    writes: dict[Register, dict[str, int]]
    golden: dict[str, int]
    frames: list[int]
    answers: int


PHASES = (
    # a sample of 3 frames, the one before the second loud one among them
    Phase(
        {
            registers.TRIGGER_LEVELS: {"RISE": 128, "FALL": 128},
            registers.TRIGGER_START: {"ONSET": 2, "PREROLL": 1},
            registers.TRIGGER_LENGTHS: {"DURATION": 3, "HOLD": 2},
        },
        {"free": 0, "rise": 128, "fall": 128, "onset": 2, "preroll": 1, "duration": 3, "hold": 2},
        [QUIET] * 3 + [LOUD] * 6 + [QUIET] * 4,
        1,
    ),
    # by the gain alone, what was quiet is loud
    Phase({registers.GAIN: {"BITS": 6}}, {"gain": 6}, [QUIET] * 5 + [LOUD], 1),
    Phase({registers.MUTE: {"MUTE": 1}}, {"mute": 1}, [LOUD] * 4 + [0] * 2, 0),
    Phase({registers.MUTE: {"MUTE": 0}}, {"mute": 0}, [QUIET] + [LOUD] * 3 + [QUIET] * 4, 1),
    # nothing is so loud
    Phase(
        {registers.TRIGGER_LEVELS: {"RISE": 4095, "FALL": 4095}},
        {"rise": 4095, "fall": 4095},
        [LOUD] * 4,
        0,
    ),
    # the ends of fields: 0 counts as 1, and there is room for so many frames before the onset
    Phase(
        {
            registers.TRIGGER_LEVELS: {"RISE": 128, "FALL": 128},
            registers.TRIGGER_START: {"ONSET": 0, "PREROLL": 63},
            registers.TRIGGER_LENGTHS: {"DURATION": 0, "HOLD": 0},
        },
        {"rise": 128, "fall": 128, "onset": 1, "preroll": ROOM, "duration": 1, "hold": 0},
        [QUIET] + ([0] * DECAY + [LOUD]) * 2,
        3,
    ),
    Phase({registers.TRIGGER_LENGTHS: {"HOLD": 20}}, {"hold": 20}, ([0] * DECAY + [LOUD]) * 2, 1),
    Phase(
        {registers.TRIGGER_START: {"FREE": 1}, registers.TRIGGER_LENGTHS: {"DURATION": 2}},
        {"free": 1, "onset": 1, "preroll": 0, "duration": 2, "hold": 0},
        [QUIET, LOUD, QUIET, QUIET, 0, LOUD],
        3,
    ),
)


def beats_of(golden: Device | StepDevice, samples: ArrayLike) -> list[list[Beat]]:
    """Answers of the golden chain to further `samples`, each as its beats."""
    if isinstance(golden, StepDevice):
        return [encode_answer(*answer) for answer in golden.step(samples)]
    return [encode_result(scores) for scores in golden.step(samples)]


class Setup:
    """The device, its microphone, and the host that collects what is answered."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.plan = dut, load_plan()
        self.rng = np.random.default_rng(self.plan["seed"])
        artifact = load_artifact(Path(self.plan["artifact"]))
        self.network, self.ear = artifact.network, ear_of(artifact)
        trigger = self.plan["trigger"]
        self.trigger = None if trigger is None else TriggerSpec(**trigger)
        self.own = EarConfig(**self.plan["ear"])
        self.slots = HardwareConfig.from_dict(self.plan["hardware"]).stages[0].events_per_cycle
        self.host = AxiLite(dut, "s_axil_ear")
        self.answered: list[list[Beat]] = []
        self._set, self._played = Event(), Event()
        self._beats: list[Beat] = []
        self._samples: Samples
        Clock(dut.aclk, PERIOD_NS, unit="ns", impl="gpi").start(start_high=False)

    async def begin(self, plays: bool = True, takes: bool = True) -> None:
        """Reset; the microphone plays, and what the device answers is collected, and taken if it `takes`."""
        dut = self.dut
        AxiLite(dut)
        dut.aresetn.value = 0
        sound = np.load(self.plan["sound"])["pcm"].astype(np.int64)
        sound = np.pad(sound, (0, SILENCE * self.samples_per_frame)) if plays else sound[:0]
        if self.own.microphone == "pcm":
            self._pcm(sound)
        else:
            self._samples = play(dut, self.own, self.ear, sound, self.rng)
        await reset(dut, cycles=6)
        sink = Axis(dut, "m_axis")
        cocotb.start_soon(watch_stream(sink, self._collect))
        if takes:
            cocotb.start_soon(accept(sink, random_gaps(self.rng)))
        await self.host.write(registers.GAIN, self.plan["gain"])
        self._set.set()

    def _pcm(self, pcm: NDArray[np.int64]) -> None:
        source, taken = PcmAxis(self.dut, self.dut.aclk), list[int]()
        source.valid.value = 0
        words = [pack_lanes([code], PCM.width) for code in pcm.tolist()]

        async def start() -> None:
            await RisingEdge(self.dut.aresetn)
            await self._set.wait()
            cocotb.start_soon(watch_stream(source, lambda raw: taken.extend(signed_lanes(raw, PCM.width, 1))))
            await drive(source, words, random_gaps(self.rng), self.rng)
            self._played.set()

        cocotb.start_soon(start())
        self._samples = lambda: widened(taken)

    def _collect(self, beat: Beat) -> None:
        self._beats.append(beat)
        if beat.tlast:
            self.answered.append(self._beats)
            self._beats = []

    @property
    def samples_per_frame(self) -> int:
        """Of the microphone."""
        return -(-self.ear.samples_per_frame * self.own.rate_of(self.ear) // self.ear.rate_hz)

    def golden(self) -> Device | StepDevice:
        """The golden chain at its start."""
        resampler = self.own.resampler(self.ear)
        if self.trigger is None:
            return StepDevice(self.network, self.ear, resampler)
        return Device(self.network, self.ear, self.trigger, resampler)

    async def answers(self, count: int) -> None:
        """Wait for so many of them, each no longer than for its frames and the start."""
        period = self.own.sample_cycles(self.ear)
        each = self.network.spec.readout.stride if self.trigger is None else self.trigger.duration
        frames = (count - len(self.answered)) * each + SILENCE
        for _ in range(frames * self.samples_per_frame):
            if len(self.answered) >= count:
                return
            await Timer(period * PERIOD_NS, unit="ns")
        raise MismatchError(f"{count} answers must have come, not {len(self.answered)}")

    def heard(self) -> tuple[Device | StepDevice, list[list[Beat]]]:
        """The golden chain that has heard the samples so far, and its answers."""
        golden = self.golden()
        golden.gain = self.plan["gain"]
        return golden, beats_of(golden, self._samples())

    async def hears(self, golden: Device | StepDevice, pcm: NDArray[np.int64]) -> list[list[Beat]]:
        """Golden answers to whole frames of sound, when the device has heard them; its meters are equal."""
        words = [pack_lanes([code], PCM.width) for code in pcm.tolist()]
        await drive(PcmAxis(self.dut, self.dut.aclk), words, random_gaps(self.rng), self.rng)
        expected = beats_of(golden, widened(pcm))
        while await self.host.read(registers.FRAMES) < golden.frames:
            pass
        await Timer(SETTLED * PERIOD_NS, unit="ns")
        for register, value in (
            (registers.FRAMES, golden.frames),
            (registers.LOUDNESS, golden.ear.loudness),
            (registers.LEVEL, golden.ear.state.level),
            *([(registers.FLOOR, golden.trigger.floor)] if isinstance(golden, Device) else []),
            (registers.PEAK, golden.peak),
            (registers.CLIPPED, golden.clipped),
            (registers.DROPPED_FRAMES, 0),
        ):
            assert await self.host.read(register) == value, register.name
        return expected

    async def figures(self) -> dict[str, int]:
        """Counters and meters at the end, of which those that the golden chain knows are compared with it."""
        if self.own.microphone == "pcm":  # otherwise silence has begun
            await self._played.wait()
            await Timer(1000 * PERIOD_NS, unit="ns")
        own = registers.register_map(self.trigger is not None)[4:]
        values = {register.name: await self.host.read(register) for register in own}
        golden, _ = self.heard()
        assert values["CLIPPED"] == golden.clipped
        assert values["PEAK"] == golden.peak
        assert values["OVERRUNS"] == 0
        assert values["GAIN"] == golden.gain
        return values


@cocotb.test()
async def hears(dut: Any) -> None:
    """Every score and class."""
    setup = Setup(dut)
    await setup.begin()
    assert await setup.host.read(registers.IDENTITY) == registers.IDENTITY_WORD
    wanted = setup.plan["samples"]
    await setup.answers(wanted)
    _, expected = setup.heard()
    assert len(expected) >= wanted
    assert setup.answered == expected[: len(setup.answered)]
    figures = await setup.figures()
    results = [[beat.tdata for beat in answer] for answer in setup.answered[:wanted]]
    FIGURES.add("hears", {"answers": results, "registers": figures})


@cocotb.test()
async def changes_over(dut: Any) -> None:
    """A host's sample between those of the ear, which go on from a later one."""
    setup = Setup(dut)
    await setup.begin()
    counts = setup.rng.integers(0, 2, (4, setup.network.spec.n_in))
    scores = run(setup.network, counts[:, None]).scores[0]
    await setup.answers(1)
    await setup.host.write(registers.SOURCE, 1)
    while not await setup.host.read(registers.STATUS) >> registers.STATUS["HOST"].low & 1:
        pass
    beats = packed(encode_sample(counts), setup.slots)
    if setup.slots > 1:
        beats.append(Beat(0, tkeep=0))  # is part of no sample
    await drive(Axis(dut, "s_axis", setup.slots), beats, no_gaps, setup.rng)
    await setup.host.write(registers.SOURCE, 0)
    before = len(setup.answered)
    await setup.answers(before + 4)
    place = setup.answered.index(encode_result(scores))
    _, expected = setup.heard()
    assert setup.answered[:place] == expected[:place]
    after = setup.answered[place + 1 :]
    assert after
    ends = range(place, len(expected) - len(after) + 1)
    assert any(expected[end : end + len(after)] == after for end in ends), "the ear did not go on"


@cocotb.test()
async def settings(dut: Any) -> None:
    """What a host writes is heard from the next frame on. The sound waits meanwhile, so it is PCM."""
    setup = Setup(dut)
    await setup.begin(plays=False)
    golden, expected = setup.golden(), list[list[Beat]]()
    assert isinstance(golden, Device)
    golden.gain = setup.plan["gain"]
    for number, phase in enumerate(PHASES):
        for register, values in phase.writes.items():
            word = sum(value << register[name].low for name, value in values.items())
            await setup.host.write(register, word)
            assert await setup.host.read(register) == word
        own = dict(phase.golden)
        golden.gain, golden.mute = own.pop("gain", golden.gain), bool(own.pop("mute", golden.mute))
        if own:
            free = bool(own.pop("free", golden.trigger.spec.free))
            golden.trigger.spec = replace(golden.trigger.spec, free=free, **own)
        peaks = np.repeat(phase.frames, setup.samples_per_frame)
        found = await setup.hears(golden, setup.rng.integers(-peaks, peaks + 1))
        assert len(found) == phase.answers, f"phase {number}"
        expected += found
        if setup.answered != expected:
            raise MismatchError(f"phase {number}: {len(setup.answered)} answers are not the {len(expected)}")
    FIGURES.add("settings", {"answers": len(expected), "clipped": golden.clipped})
