"""I2sInput: every sample of a microphone that is late, missing, stuck, starting or not listened to."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np
from amaranth.lib import wiring

from fxp_model.ear.gain import SAMPLE
from fxp_model.ear.i2s import FRAME, SLOTS, I2sSpec, receive
from hw.rtl.ear.i2s import I2sInput
from tb.harness.block_bench import BlockBench, signed_lanes
from tb.harness.depth import depth
from tb.harness.drivers import BlockStream, accept
from tb.harness.i2s_microphone import I2sMicrophone
from tb.harness.monitors import watch_stream

CASES: dict[str, dict[str, Any]] = {
    "left": {"sck_period": 4, "right": 0, "settle": 5, "absent": 6, "delay_ns": (1, 19)},
    "right": {"sck_period": 5, "right": 1, "settle": 3, "absent": 4, "delay_ns": (20, 29)},
    "fastest": {"sck_period": 2, "right": 0, "settle": 1, "absent": 1, "delay_ns": (1, 9)},
    "slow": {"sck_period": 11, "right": 1, "settle": 0, "absent": 3, "delay_ns": (10, 59)},
}
FRAMES = depth(80, 800)


def component(sck_period: int, right: int, settle: int, absent: int, delay_ns: Any) -> wiring.Component:
    return I2sInput(I2sSpec(settle, absent), sck_period)


class Pins:
    """Looks at the pins at every clock edge, and at what the samples become.

    line : levels of the data line at the edges that raise SCK
    absent : the flag, `I2sInput.LATENCY` cycles after each sample's last bit
    outcomes : for each sample at `o` or dropped, in order, its code or None
    """

    def __init__(self, bench: BlockBench) -> None:
        self.line: list[int] = []
        self.absent: list[bool] = []
        self.outcomes: list[int | None] = []
        self._bench = bench

    async def run(self) -> None:
        """SCK is low for the longer part of its period, and WS changes as SCK falls."""
        bench, dut, case = self._bench, self._bench.dut, self._bench.case
        lengths = (case["sck_period"] + 1) // 2, case["sck_period"] // 2
        sck = ws = sd = 0
        length, rises = 0, 0
        since_last_bit = None
        while True:
            await bench.edge
            old_sck, old_ws, old_sd = sck, ws, sd
            sck, ws, sd = int(dut.sck.value), int(dut.ws.value), int(dut.sd.value)
            if sck != old_sck:
                assert length == lengths[old_sck] or not rises, f"SCK was {old_sck} for {length} cycles"
                length = 0
            length += 1
            assert ws == old_ws or old_sck > sck, "WS changed, and SCK did not fall"
            if dut.overrun.value:
                waits = dut.o__valid.value and not dut.o__ready.value
                assert waits, "a sample was dropped without need"
                self.outcomes.append(None)
            if dut.o__valid.value and dut.o__ready.value:
                self.outcomes.append(signed_lanes(int(dut.o__payload.value), SAMPLE.width, 1)[0])
            if since_last_bit is not None:
                since_last_bit += 1
            if since_last_bit == I2sInput.LATENCY:
                self.absent.append(bool(dut.absent.value))
                assert len(self.absent) <= case["settle"] or dut.o__valid.value, "a sample is late"
            if sck > old_sck:
                slot = rises % FRAME
                assert ws == slot // SLOTS
                rises += 1
                self.line.append(old_sd)
                if slot == SLOTS * case["right"] + SAMPLE.width:
                    since_last_bit = 0


def _words(rng: np.random.Generator) -> list[int]:
    """A recording: noise of all sizes, the ends, and words that look like a line at one level."""
    noise = rng.integers(SAMPLE.min_raw, SAMPLE.max_raw + 1, FRAMES) >> rng.integers(0, 24, FRAMES)
    ends = rng.choice([SAMPLE.min_raw, SAMPLE.max_raw, 0, -1], FRAMES)
    words: list[int] = np.where(rng.random(FRAMES) < 0.3, ends, noise).tolist()
    return words


@cocotb.test()
async def received(dut: Any) -> None:
    bench = BlockBench(dut)
    case, rng = bench.case, bench.rng
    right, settle, absent = case["right"], case["settle"], case["absent"]

    # the line is held for a word too few, then long enough at 0 and at once at 1
    held = [None] * 12 + [0] * (absent - 1) + [None] * 3 + [0] * (absent + 2) + [1] * (absent + 3)

    def stuck_at(word: int) -> int | None:
        return held[word % FRAMES] if word % FRAMES < len(held) else None

    microphone = I2sMicrophone(
        dut.sck,
        dut.ws,
        dut.sd,
        _words(rng),
        right,
        case["delay_ns"],
        rng,
        startup_words=settle,
        stuck_at=stuck_at,
    )
    frame = FRAME * case["sck_period"]
    await bench.reset(sd=0, right=right, o__ready=0)
    pins, sink = Pins(bench), BlockStream(dut, "o")
    bench.start(pins.run())
    bench.start(microphone.run())
    bench.start(watch_stream(sink, lambda raw: None))
    # at first nobody hesitates for longer than a frame
    patience = frame - 1
    bench.start(accept(sink, lambda: int(rng.choice([0, 1, patience // 2, patience]))))
    while len(pins.line) < FRAME * FRAMES:
        await bench.edge
        if len(pins.line) == FRAME * (FRAMES // 2) and patience < frame:
            assert None not in pins.outcomes, "a sample was dropped, and none waited"
            patience = 3 * frame

    heard = receive(I2sSpec(settle, absent), np.reshape(pins.line, (FRAMES, FRAME)), bool(right))
    place, dropped = 0, 0
    for outcome in pins.outcomes:
        if outcome is None:
            dropped += 1
        else:
            bench.expect(heard.samples[place])
            bench.see(outcome)
            place, dropped = place + 1 + dropped, 0
    assert place + dropped + int(dut.o__valid.value) == len(heard.samples)
    assert pins.outcomes.count(None) > 2
    for flag, seen in zip([False] * settle + heard.absent.tolist(), pins.absent, strict=True):
        bench.expect(flag)
        bench.see(seen)
    assert 0 < np.count_nonzero(heard.absent) < len(heard.absent)
    await bench.finish()

    # and it is what the microphone said; one on the left hears the first change of WS a frame late
    first = settle - (not right)
    said = [word for word in enumerate(microphone.played[first:], first) if stuck_at(word[0]) is None]
    assert len(said) > FRAMES // 2
    for number, word in said[: len(heard.samples) - absent]:
        if number - first < len(heard.samples):
            assert heard.samples[number - first] == word
