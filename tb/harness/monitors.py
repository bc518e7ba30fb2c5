"""Monitors of the benches: streams, with their protocol, and the probes of the stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge
from numpy.typing import NDArray

from hw.protocol import END_OF_STEP, Beat, unpacked
from hw.verilog import Probe
from tb.harness.drivers import Stream, T


class ProtocolError(AssertionError):
    """A stream violated its protocol."""


async def watch_stream(
    stream: Stream[T], transferred: Callable[[T], object], waited: Callable[[], object] = int
) -> None:
    """Report every transfer and every cycle in which an item waits; fail if an item changes or is withdrawn.

    Sleeps while the stream is idle.
    """
    edge, wake = RisingEdge(stream.clock), RisingEdge(stream.valid)
    stalled: T | None = None
    while True:
        await edge
        if not stream.valid.value:
            if stalled is not None:
                raise ProtocolError(f"{stalled} was withdrawn before it was taken")
            await wake
            continue
        item = stream.read()
        if stalled is not None and item != stalled:
            raise ProtocolError(f"{stalled} became {item} before it was taken")
        stalled = item
        if stream.ready.value:
            transferred(item)
            stalled = None
        else:
            waited()


async def watch_probe(
    clock: Any, instance: Any, probe: Probe, seen: Callable[[int, int, int, int], object]
) -> None:
    """Report (group, current, v_mem, spikes) of every update, as raw words. Sleeps between the sweeps."""
    edge, wake = RisingEdge(clock), RisingEdge(instance.probe_valid)
    while True:
        await edge
        if not instance.probe_valid.value:
            await wake
            continue
        spikes = int(instance.probe_spikes.value) if probe.spiking else 0
        # a single group needs no index
        group = int(instance.probe_group.value) if probe.groups > 1 else 0
        current = int(instance.probe_current.value) if probe.current_bits else 0
        seen(group, current, int(instance.probe_v_mem.value), spikes)


@dataclass(frozen=True)
class Sample:
    """A sample as the core received it.

    counts : (T, n_in), complete steps
    specified : no sum of counts exceeds the input's width (NUMERICS.md section 8)
    """

    counts: NDArray[np.int64]
    specified: bool


@dataclass
class SampleDecoder:
    """Reference model of the protocol: from beats to samples and the numbers of events and dropped beats.

    Parameters
    ----------
    n_in, max_input : int
        Inputs of the first layer, and the largest count of an input.
    """

    n_in: int
    max_input: int
    samples: list[Sample] = field(default_factory=list)
    events: int = 0
    dropped: int = 0
    taken: int = 0
    places: list[int] = field(default_factory=list)
    """Of each step that has ended: the number of steps before it in its sample."""
    _steps: list[NDArray[np.int64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._counts = np.zeros(self.n_in, dtype=np.int64)

    def take(self, beat: Beat) -> None:
        """Account for one transfer."""
        for word in unpacked(beat):
            self._take(word)

    def _take(self, beat: Beat) -> None:
        """Account for one word."""
        self.taken += 1
        address, count = beat.tdata & 0xFFFF, beat.tdata >> 16 & 0xFF
        if beat.tlast or beat.tdata & END_OF_STEP:
            self.dropped += count != 0
            self.places.append(len(self._steps))
            self._steps.append(self._counts)
            self._counts = np.zeros(self.n_in, dtype=np.int64)
            if beat.tlast:
                self.samples.append(self._sample())
                self._steps = []
        elif address < self.n_in and 1 <= count <= self.max_input:
            self._counts[address] += count
            self.events += 1
        else:
            self.dropped += 1

    @property
    def unfinished(self) -> Sample | None:
        """The complete steps of a sample that has not ended."""
        return self._sample() if self._steps else None

    def _sample(self) -> Sample:
        counts = np.array(self._steps)
        return Sample(counts, specified=bool(counts.max() <= self.max_input))
