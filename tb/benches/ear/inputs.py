"""Input, gain and resampler in a chain into an ear that hesitates: every sample from pins to 16 kHz.

A case may name a `recording`, a sound file at its rate, to be played instead of a chirp.
"""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.hdl import Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from numpy.typing import NDArray

from fxp_model.data.audio import read_audio
from fxp_model.ear import resampler as golden
from fxp_model.ear.gain import PCM, SAMPLE, amplify, widened
from fxp_model.ear.i2s import FRAME, I2sSpec
from fxp_model.ear.resampler import ResamplerSpec
from hw.rtl.ear.gain import Gain
from hw.rtl.ear.i2s import I2sInput
from hw.rtl.ear.pcm import PcmInput
from hw.rtl.ear.resampler import Resampler
from tb.harness.block_bench import BlockBench, pack_lanes, signed_lanes
from tb.harness.depth import depth
from tb.harness.drivers import BlockStream, PcmAxis, accept, drive, random_gaps
from tb.harness.i2s_microphone import I2sMicrophone
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "i2s": {"rate_hz": 24_000, "gain": 3, "sck_period": 6, "settle": 4},
    "pcm": {"rate_hz": 48_000, "gain": 1},
}
OUTPUTS = depth(40, 600)


class Chain(wiring.Component):
    """An input, `I2sInput` if it has an `sck_period`, then what makes 16-bit PCM at 16 kHz of it."""

    def __init__(self, rate_hz: int, sck_period: int | None = None, settle: int = 0) -> None:
        self._rate_hz = rate_hz
        self._input = PcmInput() if sck_period is None else I2sInput(I2sSpec(settle), sck_period)
        pins = {name: port for name, port in self._input.signature.members.items() if name != "o"}
        super().__init__(
            {**pins, "gain": In(4), "clipped": Out(1), "o": Out(stream.Signature(signed(PCM.width)))}
        )
        self._pins = pins

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.input = self._input
        m.submodules.amplifier = gain = Gain()
        m.submodules.resampler = resampler = Resampler(ResamplerSpec.design(self._rate_hz))
        wiring.connect(m, self._input.o, gain.i)
        wiring.connect(m, gain.o, resampler.i)
        wiring.connect(m, resampler.o, wiring.flipped(self.o))
        m.d.comb += [gain.gain.eq(self.gain), self.clipped.eq(gain.clipped)]
        for name, port in self._pins.items():
            ends = getattr(self._input, name), getattr(self, name)
            sink, source = ends if port.flow is wiring.In else ends[::-1]
            m.d.comb += sink.eq(source)
        return m


def component(rate_hz: int, gain: int, recording: str | None = None, **case: int) -> wiring.Component:
    return Chain(rate_hz, **case)


class Ear:
    """Takes what comes, each after less than `patience` cycles, and compares it with the golden model."""

    def __init__(self, bench: BlockBench) -> None:
        self._bench, self._case = bench, bench.case
        self._model = golden.Resampler(ResamplerSpec.design(self._case["rate_hz"]))
        self.clipped = self.strobes = 0
        self.patience = 300

    def start(self) -> None:
        """Listen."""
        sink = BlockStream(self._bench.dut, "o")
        self._bench.start(watch_stream(sink, lambda raw: self._bench.see(signed_lanes(raw, PCM.width, 1)[0])))
        self._bench.start(accept(sink, lambda: int(self._bench.rng.integers(self.patience))))
        self._bench.start(self._count())

    def predict(self, samples: NDArray[np.int64]) -> None:
        """Expect what the input's `samples` become."""
        pcm, clipped = amplify(samples, self._case["gain"])
        self.clipped += int(np.count_nonzero(clipped))
        for output in self._model.step(pcm).tolist():
            self._bench.expect(output)

    async def _count(self) -> None:
        while True:
            await self._bench.edge
            self.strobes += bool(self._bench.dut.clipped.value)

    async def finish(self) -> None:
        """All came, and clipped samples were counted."""
        await self._bench.edge
        await self._bench.finish()
        assert self.strobes == self.clipped


def _sound(bench: BlockBench) -> NDArray[np.int64]:
    """The recording that the case names, or a chirp with noise whose peaks will be clipped, as samples."""
    case = bench.case
    if "recording" in case:
        audio, rate_hz = read_audio(case["recording"])
        assert rate_hz == case["rate_hz"]
        return SAMPLE.from_real(audio * -PCM.min_raw)
    time_s = np.arange(OUTPUTS * case["rate_hz"] // 16_000) / case["rate_hz"]
    chirp = 1.2 * np.sin(2 * np.pi * (300 + 4000 / time_s[-1] * time_s) * time_s)
    noisy = chirp + 0.01 * bench.rng.standard_normal(len(time_s))
    return SAMPLE.from_real(noisy * PCM.max_raw / 2 ** case["gain"])


@cocotb.test()
async def heard(dut: Any) -> None:
    bench = BlockBench(dut)
    ear = Ear(bench)
    await (_through_pins if "sck_period" in bench.case else _through_axis)(bench, ear)
    await ear.finish()
    assert ear.clipped > 0 or "recording" in bench.case


async def _through_pins(bench: BlockBench, ear: Ear) -> None:
    dut, case, sound = bench.dut, bench.case, _sound(bench)
    startup = case["settle"] - 1  # the first frame passes before a microphone on the left hears WS change
    microphone = I2sMicrophone(
        dut.sck, dut.ws, dut.sd, sound.tolist(), False, (5, 25), bench.rng, startup_words=startup
    )
    await bench.reset(sd=0, right=0, gain=case["gain"], o__ready=0)
    bench.start(microphone.run())
    ear.start()
    ear.predict(sound)
    cycles = (case["settle"] + len(sound)) * FRAME * case["sck_period"]
    for left in reversed(range(cycles)):
        await bench.edge
        assert not dut.overrun.value
        if left < 2 * FRAME * case["sck_period"]:
            ear.patience = 1  # so that no output is left when the recording ends


async def _through_axis(bench: BlockBench, ear: Ear) -> None:
    dut = bench.dut
    await bench.reset(s_axis_pcm_tvalid=0, gain=bench.case["gain"], o__ready=0)
    source = PcmAxis(dut, dut.clk)
    ear.start()
    bench.start(watch_stream(source, lambda raw: ear.predict(widened(signed_lanes(raw, PCM.width, 1)))))
    pcm = _sound(bench) >> SAMPLE.frac_bits
    await drive(source, [pack_lanes([code], PCM.width) for code in pcm], random_gaps(bench.rng), bench.rng)
