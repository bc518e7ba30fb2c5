"""A device whose network answers per step: every frame is a step, and a word is what the detector says.

The plan is that of `tb.benches.ear.device`, without a trigger. All sound is PCM, which waits, so that it is
known which frames end before a host does something.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Timer
from numpy.typing import NDArray

from fxp_model.detector import Detector, DetectorSpec
from fxp_model.ear.device import StepDevice
from fxp_model.ear.gain import PCM, widened
from fxp_model.network import run
from hw import ear_registers as registers
from hw.protocol import Beat, encode_answer, encode_answers, encode_sample, packed
from hw.registers import (
    CONTROL,
    DETECT_HOLD,
    DETECT_MARGIN,
    DETECT_REFRACTORY,
    DETECT_SILENT,
    DETECTED,
    SAMPLES,
    Register,
)
from tb.benches.ear.device import LOUD, QUIET, SETTLED, Setup
from tb.harness.block_bench import PERIOD_NS, pack_lanes
from tb.harness.drivers import AxiLite, Axis, PcmAxis, accept, drive, no_gaps, random_gaps
from tb.harness.plan import Figures
from tb.harness.scoreboard import MismatchError

FIGURES = Figures()
DETECTOR = DetectorSpec(margin=1, hold=2, refractory=1)
FORGOTTEN = 2
"""Frames of the ear while a host has the core."""
HELD = 200
"""Frames at most until one is dropped, as nobody takes an answer."""


class Stepped(Setup):
    """The device, the golden chain that has heard as much, and all answers that are expected."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.core = AxiLite(dut)
        golden = self.golden()
        assert isinstance(golden, StepDevice)
        self.chain, self.expected = golden, list[list[Beat]]()

    async def listen(self, takes: bool = True) -> None:
        """Reset; the detector says words; answers are taken if it `takes`."""
        await self.begin(plays=False, takes=takes)
        self.chain.gain = self.plan["gain"]
        await self.core.write(DETECT_MARGIN, DETECTOR.margin)
        await self.core.write(DETECT_HOLD, DETECTOR.hold)
        await self.core.write(DETECT_REFRACTORY, DETECTOR.refractory)
        await self.core.write(DETECT_SILENT, DETECT_SILENT["NONE"].mask)

    def sound(self, peaks: list[int]) -> NDArray[np.int64]:
        """Noise in frames of these amplitudes."""
        each = np.repeat(peaks, self.samples_per_frame)
        return self.rng.integers(-each, each + 1)

    async def frames(self, peaks: list[int]) -> None:
        """Frames that are steps."""
        self.expected += await self.hears(self.chain, self.sound(peaks))

    async def hosted(self) -> bool:
        """Whether the host has the core."""
        return bool(await self.host.read(registers.STATUS) >> registers.STATUS["HOST"].low & 1)

    async def check(self) -> int:
        """All answers, and the last word and how many were said, are those that are expected."""
        if self.answered != self.expected:
            raise MismatchError(f"{len(self.answered)} answers are not the {len(self.expected)} expected")
        detector, said, last = Detector(DETECTOR), 0, 0
        for label, _, margin in self.expected:
            word = detector.step(label.tdata, margin.tdata)
            said, last = (said, last) if word is None else (said + 1, word)
        assert await self.core.read(DETECTED) == said << DETECTED["COUNT"].low | last
        return said


@cocotb.test()
async def every_frame(dut: Any) -> None:
    """Loud, quiet, at a gain and muted; there are no registers of a trigger, and none is written."""
    setup = Stepped(dut)
    await setup.listen()
    for register in registers.TRIGGERING:
        assert await refused(setup.host, register), register.name
    await setup.frames([QUIET, LOUD, LOUD, 0, QUIET])
    for gain, mute in ((6, 0), (6, 1), (0, 0)):
        await setup.host.write(registers.GAIN, gain)
        await setup.host.write(registers.MUTE, mute)
        setup.chain.gain, setup.chain.mute = gain, bool(mute)
        await setup.frames([QUIET, LOUD, LOUD, QUIET, LOUD])
    said = await setup.check()
    assert len({answer[0].tdata for answer in setup.answered}) > 1
    assert said > 0, "no word was said"
    FIGURES.add("every_frame", {"answers": len(setup.answered), "words": said})


async def refused(host: AxiLite, register: Register) -> bool:
    """Whether a read of `register` is answered with an error."""
    try:
        await host.read(register)
    except AssertionError:
        return True
    return False


@cocotb.test()
async def changes_over(dut: Any) -> None:
    """A host ends the stream with the next frame, has one of its own, and the ear begins a new one."""
    setup = Stepped(dut)
    await setup.listen()
    await setup.frames([LOUD] * 3)
    await setup.host.write(registers.SOURCE, 1)
    assert not await setup.hosted()
    await setup.host.write(registers.SOURCE, 0)  # and ends nothing
    await setup.frames([LOUD] * 4)
    await setup.host.write(registers.SOURCE, 1)
    assert not await setup.hosted()
    await setup.frames([QUIET])
    assert await setup.hosted()
    await setup.hears(setup.chain, setup.sound([LOUD] * FORGOTTEN))

    counts = setup.rng.integers(0, 2, (7, setup.network.spec.n_in))
    answers = run(setup.network, counts[:, None]).answers
    assert answers is not None
    beats = encode_answers(answers)
    setup.expected += [beats[first : first + 3] for first in range(0, len(beats), 3)]
    source = Axis(dut, "s_axis", setup.slots)
    words = packed(encode_sample(counts), setup.slots)
    await drive(source, words[:2], no_gaps, setup.rng)
    await setup.host.write(registers.SOURCE, 0)
    assert await setup.hosted()  # amid its sequence
    await drive(source, words[2:], no_gaps, setup.rng)
    await Timer(SETTLED * PERIOD_NS, unit="ns")
    assert not await setup.hosted()

    setup.chain.restart()
    await setup.frames([LOUD, QUIET, LOUD, LOUD, LOUD])
    await setup.check()
    await setup.core.write(CONTROL, CONTROL["SOFT_RESET"].mask)
    setup.chain.restart()
    before = len(setup.expected)
    await setup.frames([LOUD] * 5)
    assert setup.answered == setup.expected
    assert len(setup.expected) > before
    FIGURES.add("changes_over", {"answers": len(setup.answered)})


@cocotb.test()
async def dropped(dut: Any) -> None:
    """Frames for which there is no room are no steps, and are counted."""
    setup = Stepped(dut)
    await setup.listen(takes=False)
    kept, lost = list[NDArray[np.uint8]](), 0
    while lost < 3:
        pcm = setup.sound([LOUD])
        words = [pack_lanes([code], PCM.width) for code in pcm.tolist()]
        await drive(PcmAxis(dut, dut.aclk), words, random_gaps(setup.rng), setup.rng)
        (counts,) = setup.chain.hear(widened(pcm))
        while await setup.host.read(registers.FRAMES) < setup.chain.frames:
            pass
        found = await setup.host.read(registers.DROPPED_FRAMES)
        kept += [counts] if found == lost else []
        lost = found
        assert setup.chain.frames < HELD, "no frame was dropped"
    answers = run(setup.network, np.array(kept)[:, np.newaxis]).answers
    assert answers is not None
    triples = zip(*(column[:, 0].tolist() for column in answers), strict=True)
    setup.expected = [encode_answer(*answer) for answer in triples]
    cocotb.start_soon(accept(Axis(dut, "m_axis"), random_gaps(setup.rng)))
    await Timer(40 * SETTLED * PERIOD_NS, unit="ns")
    assert await setup.core.read(SAMPLES) == len(setup.expected)
    await setup.check()
    FIGURES.add("dropped", {"answers": len(setup.answered), "frames": setup.chain.frames, "dropped": lost})
