"""A network replaced at run time: exact before and after; the old one stays if a load is broken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, ValueChange

from fxp_model.artifact import load_artifact
from hw.config import HardwareConfig
from hw.protocol import END_OF_STEP, Beat
from hw.registers import (
    ARTIFACT_HASH,
    CONTROL,
    RELOAD_BEGIN,
    RELOAD_COMMIT,
    RELOAD_DATA,
    RELOAD_POSITION,
    RELOAD_STATUS,
    RELOAD_WORDS,
    STATUS,
    hash_words,
)
from hw.reload import Image, image
from tb.harness.drivers import AxiLite, accept, drive, no_gaps, random_gaps
from tb.harness.master import Master
from tb.harness.network_bench import NetworkBench
from tb.harness.plan import Figures, load_plan
from tb.harness.scoreboard import MismatchError
from tb.harness.stimulus import encode, random_samples, scattered

PLAN = load_plan()
FIGURES = Figures()
CONFIG = HardwareConfig.from_dict(PLAN["hardware"])
ARTIFACTS = [load_artifact(path) for path in (PLAN["artifact"], *PLAN["others"])]
IMAGES = [image(ARTIFACTS[0].network, CONFIG, other.network, other.sha256) for other in ARTIFACTS]
MASK = (1 << 32) - 1
PENDING, WRONG_LENGTH, WRONG_CRC, BANK = (
    RELOAD_STATUS[name].mask for name in ("PENDING", "WRONG_LENGTH", "WRONG_CRC", "BANK")
)


class ReloadBench(NetworkBench):
    """A core under continuous traffic, whose golden model changes network when the core does."""

    def __init__(self, dut: Any) -> None:
        self.master = Master(dut)
        super().__init__(dut, PLAN, self.master)
        self.swaps = 0
        self.coming = 0
        """Number of the next artifact; every test ends with the first one."""

    @classmethod
    async def started(cls, dut: Any) -> ReloadBench:
        """After a reset; the bank before that is ignored."""
        bench = cls(dut)
        await bench.restart()
        cocotb.start_soon(bench._follow())
        return bench

    async def begin(self) -> None:
        """Reset, then start the traffic."""
        await self.restart()
        self._stop = False
        self._acceptor = cocotb.start_soon(accept(self.sink, random_gaps(self.rng)))
        self._driver = cocotb.start_soon(self._traffic())

    async def end(self) -> None:
        """Stop at the end of a sample, and compare everything since the last swap."""
        self._stop = True
        await self._driver
        wanted = sum(map(self.scoreboard.beats_of, self.decoder.samples))
        while len(self.scoreboard.results) < wanted:
            await self.edge
        while self.per_step and await self.master.read(STATUS) & STATUS["BUSY"].mask:
            pass
        self._acceptor.cancel()
        self.dut.m_axis_tready.value = 0
        self.check_results()

    async def samples(self, count: int) -> None:
        """Wait until `count` more samples have ended, or for as many answers per step."""
        wanted = len(self.scoreboard.results) + count * self.scoreboard.answer_beats
        while len(self.scoreboard.results) < wanted:
            await self.edge

    async def load(self, words: Sequence[int]) -> None:
        """Write `words`, at any pace."""
        gaps = random_gaps(self.rng)
        for word in words:
            await self.master.write(RELOAD_DATA, word)
            for _ in range(gaps()):
                await self.edge

    async def commit(self, number: int) -> None:
        """Load and commit the artifact `number`, and wait until it is in use."""
        self.coming = number
        swaps = self.swaps
        await self.load(IMAGES[number].words)
        await self.expect(RELOAD_POSITION, len(IMAGES[number].words))
        await self.master.write(RELOAD_COMMIT, IMAGES[number].crc32)
        while await self.status() == PENDING:
            pass
        self.expect_swaps(swaps + 1)
        await self.has(number)

    async def status(self) -> int:
        """RELOAD_STATUS but for the bank, which is the one in use."""
        word = await self.master.read(RELOAD_STATUS)
        if not word & PENDING:
            assert bool(word & BANK) == bool(self.dut.control.reload__bank.value)
        return word & ~BANK

    async def expect_status(self, word: int) -> None:
        """Fail unless `status` is `word`."""
        got = await self.status()
        if got != word:
            raise MismatchError(f"RELOAD_STATUS: expected {word:#x}, got {got:#x}")

    def expect_swaps(self, count: int) -> None:
        """Fail unless the banks were swapped `count` times."""
        if self.swaps != count:
            raise MismatchError(f"banks: expected {count} swaps, saw {self.swaps}")

    async def has(self, number: int) -> None:
        """The host finds the artifact `number`."""
        for register, word in zip(ARTIFACT_HASH, hash_words(ARTIFACTS[number].sha256), strict=True):
            await self.expect(register, word)

    async def _traffic(self) -> None:
        while not self._stop:
            samples = random_samples(self.rng, self.network.spec, 5, max_steps=6)
            words = encode(self.rng, samples[int(self.rng.integers(len(samples)))])
            gaps = random_gaps(self.rng) if self.rng.integers(2) else no_gaps
            await drive(self.source, scattered(self.rng, words, self.slots), gaps, self.rng)

    async def _follow(self) -> None:
        while True:
            await ValueChange(self.dut.control.reload__bank)
            self.swaps += 1
            self.replace(ARTIFACTS[self.coming].network)


@cocotb.test()
async def replaced(dut: Any) -> None:
    """From network to network during traffic, each exact from its first sample; no reset undoes it."""
    bench = await ReloadBench.started(dut)
    await bench.begin()
    await bench.expect(RELOAD_WORDS, len(IMAGES[0].words))
    await bench.has(0)
    for number in (1, 2, 0, 2):
        await bench.commit(number)
        await bench.samples(3)
    await bench.end()
    bench.expect_swaps(4)
    assert bench.tally.samples > 12
    assert bench.tally.spikes_fired > 0

    # the other bank holds half of another network
    await bench.load(IMAGES[1].words[: len(IMAGES[1].words) // 2])
    await bench.begin()
    await bench.expect(RELOAD_POSITION, 0)
    await bench.has(2)
    await bench.samples(5)
    await bench.commit(0)
    await bench.samples(5)
    await bench.commit(0)
    await bench.end()
    FIGURES.add("replaced", bench.figures())


def _flipped(loaded: Image, word: int, bit: int) -> Image:
    words = list(loaded.words)
    words[word] ^= 1 << bit
    return Image(tuple(words))


@cocotb.test()
async def refused(dut: Any) -> None:
    """Every error of a load is reported, and the old network continues, exact in every integer."""
    bench = await ReloadBench.started(dut)
    await bench.begin()
    rng, good = bench.rng, IMAGES[1]
    flipped = _flipped(good, int(rng.integers(len(good.words))), int(rng.integers(32)))
    broken: dict[str, tuple[Sequence[int], int, int]] = {
        "another CRC": (good.words, good.crc32 ^ 1 << int(rng.integers(32)), WRONG_CRC),
        "another bit": (flipped.words, good.crc32, WRONG_CRC),
        "short": (good.words[:-1], Image(good.words[:-1]).crc32, WRONG_LENGTH),
        "nothing": ((), 0, WRONG_LENGTH),
        "long": ((*good.words, 0), Image((*good.words, 0)).crc32, WRONG_LENGTH),
        "long, with the CRC of what fits": ((*good.words, 0), good.crc32, WRONG_LENGTH),
    }
    for number, (words, crc32, why) in enumerate(broken.values()):
        await bench.load(words)
        await bench.master.write(RELOAD_COMMIT, crc32)
        await bench.expect_status(why)
        await bench.expect(RELOAD_POSITION, 0)
        await bench.has(0)
        await bench.samples(2)
        if number % 2 == 0:  # a beginning clears what is wrong, but need not be written
            await bench.master.write(RELOAD_BEGIN, 1)
            await bench.expect_status(0)
    await bench.load(good.words[: len(good.words) // 3])
    await bench.master.write(RELOAD_BEGIN, MASK ^ 1)
    await bench.expect(RELOAD_POSITION, len(good.words) // 3)
    await bench.master.write(RELOAD_BEGIN, 1)
    await bench.expect_status(0)
    await bench.expect(RELOAD_POSITION, 0)
    await bench.samples(2)
    bench.expect_swaps(0)

    await bench.commit(1)
    await bench.samples(2)
    await bench.commit(0)
    await bench.end()
    assert bench.tally.samples > 14
    FIGURES.add("refused", bench.figures())


@cocotb.test()
async def waiting(dut: Any) -> None:
    """A network that waits for a sample in flight cannot be changed; the input waits after that sample."""
    bench = await ReloadBench.started(dut)
    rng, master = bench.rng, bench.master
    for whole in (False, True, False, True):
        sample = encode(rng, random_samples(rng, bench.network.spec, 5, max_steps=4)[-1])
        sent = len(sample) if whole else len(sample) - 1
        dut.m_axis_tready.value = 0
        await drive(bench.source, sample[:sent], no_gaps, rng)
        bench.coming, swaps = 1 - bench.coming, bench.swaps
        await bench.load(IMAGES[bench.coming].words)
        await master.write(RELOAD_COMMIT, IMAGES[bench.coming].crc32)
        await bench.expect_status(PENDING)
        assert bool(dut.s_axis_tready.value) != whole
        for register in (RELOAD_BEGIN, RELOAD_DATA, RELOAD_COMMIT):
            assert await master.refuses_write(register.offset)
        await bench.expect_status(PENDING)
        bench.expect_swaps(swaps)
        await drive(bench.source, sample[sent:], no_gaps, rng)
        dut.m_axis_tready.value = 1
        while await bench.status() == PENDING:
            pass
        bench.expect_swaps(swaps + 1)
        await bench.has(bench.coming)
    assert bench.tally.samples == 4


@cocotb.test()
async def soft_reset(dut: Any) -> None:
    """A soft reset ends the sample that a network waits for, and keeps the network in use."""
    bench = await ReloadBench.started(dut)
    rng, master, spec = bench.rng, bench.master, bench.network.spec
    dut.m_axis_tready.value = 1
    for number in (1, 0):
        for wait in (True, False):
            await drive(bench.source, encode(rng, random_samples(rng, spec, 5)[-1])[:-1], no_gaps, rng)
            if wait:
                bench.coming = number
                await bench.load(IMAGES[number].words)
                await master.write(RELOAD_COMMIT, IMAGES[number].crc32)
            asked = cocotb.start_soon(master.write(CONTROL, CONTROL["SOFT_RESET"].mask))
            while not dut.control.restarts.value:
                await bench.edge
            await ReadOnly()
            bench.cut()
            await asked
            while await bench.status() == PENDING:
                pass
            await bench.has(number)
            await drive(bench.source, encode(rng, random_samples(rng, spec, 5)[-1]), no_gaps, rng)
            await bench.samples(1)
    bench.check_results()
    bench.expect_swaps(2)


@cocotb.test()
async def beside_a_beat(dut: Any) -> None:
    """A commit in each cycle around a sample of one beat: the whole sample uses one network, old or new."""
    bench = await ReloadBench.started(dut)
    dut.m_axis_tready.value = 1
    # the cycles are the same in all cores, and long images take long to write
    for late in range(12 if len(IMAGES[0].words) <= 256 else 2):
        bench.coming, swaps = 1 - bench.coming, bench.swaps
        await bench.load(IMAGES[bench.coming].words)
        asked = cocotb.start_soon(bench.master.write(RELOAD_COMMIT, IMAGES[bench.coming].crc32))
        for _ in range(late):
            await bench.edge
        await drive(bench.source, [Beat(END_OF_STEP, tlast=True)], no_gaps, bench.rng)
        await asked
        while await bench.status() == PENDING:
            pass
        bench.expect_swaps(swaps + 1)
        while await bench.master.read(STATUS) & STATUS["BUSY"].mask:
            pass
    bench.check_results()


@cocotb.test()
async def beside_a_swap(dut: Any) -> None:
    """A write in any of the cycles before the banks are swapped, which is refused, does not put that off."""
    bench = await ReloadBench.started(dut)
    dut.m_axis_tready.value = 1

    async def swapped(asked_at: int | None) -> int:
        """Cycles from the end of a sample to the swap; a write is begun at the cycle `asked_at`."""
        bench.coming, swaps = 1 - bench.coming, bench.swaps
        await drive(bench.source, [Beat(END_OF_STEP)], no_gaps, bench.rng)
        await bench.load(IMAGES[bench.coming].words)
        await bench.master.write(RELOAD_COMMIT, IMAGES[bench.coming].crc32)
        for _ in range(300):
            await bench.edge
        bench.expect_swaps(swaps)
        await drive(bench.source, [Beat(END_OF_STEP, tlast=True)], no_gaps, bench.rng)
        asked, cycle = None, 0
        while bench.swaps == swaps:
            if cycle == asked_at:
                asked = cocotb.start_soon(bench.master.refuses_write(RELOAD_BEGIN.offset))
            await bench.edge
            cycle += 1
        if asked is not None:
            await asked
        return cycle

    usual = [await swapped(None) for _ in range(2)]  # to one network, and back
    for early in range(1, 9 if len(IMAGES[0].words) <= 256 else 2):
        for cycles in usual:
            took = await swapped(cycles - early)
            if took != cycles:
                raise MismatchError(f"banks: expected a swap in {cycles} cycles, took {took}")
    bench.check_results()


@cocotb.test()
async def strobes(dut: Any) -> None:
    """A write without a strobe is neither a word nor a commit; bytes that are not strobed are zeros."""
    host, own = AxiLite(dut), IMAGES[0]
    bench = NetworkBench(dut, PLAN, host)
    await bench.restart()
    bank = await host.read(RELOAD_STATUS) & BANK
    parts = Image((*own.words[:-1], own.words[-1] & 0x00FF00FF))
    for loaded, strobe in ((parts, 0b0101), (own, 0b1111)):
        for index, word in enumerate(own.words[:-1]):
            await host.write(RELOAD_DATA, word)
            if index % 32 == 0:
                await host.write(RELOAD_DATA, word, strobe=0)
        await host.write(RELOAD_DATA, own.words[-1], strobe)
        await host.write(RELOAD_BEGIN, 1, strobe=0)
        await host.write(RELOAD_COMMIT, loaded.crc32, strobe=0)
        await bench.expect(RELOAD_POSITION, len(own.words))
        await host.write(RELOAD_COMMIT, loaded.crc32)
        while await host.read(RELOAD_STATUS) & PENDING:
            pass
        bank ^= BANK
        await bench.expect(RELOAD_STATUS, bank)
    await bench.play(encode(bench.rng, random_samples(bench.rng, bench.network.spec, 5)[-1]))
    bench.check_results()
