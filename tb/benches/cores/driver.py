"""The driver of a build on the RTL: its own code, whose reads and writes are transfers on the bus.

The plan names the `artifact`, another one for the same core in `others`, the `hardware`, and the folder
`driver` of a build.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge
from numpy.typing import NDArray

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.network import run
from hw.config import HardwareConfig
from hw.mailbox_registers import EVENT_LAST, MAILBOX_BASE
from hw.registers import RELOAD_DATA
from hw.reload import image
from tb.harness.built_driver import Bus, begin, fails, module_of
from tb.harness.counters import stage_counts
from tb.harness.monitors import Sample
from tb.harness.plan import Figures, load_plan
from tb.harness.stimulus import random_samples

PLAN = load_plan()
FIGURES = Figures()
OWN, OTHER = (load_artifact(path) for path in (PLAN["artifact"], *PLAN["others"]))
IMAGE = image(OWN.network, HardwareConfig.from_dict(PLAN["hardware"]), OTHER.network, OTHER.sha256)
LONG_S, SHORT_S = 60.0, 0.3
"""Time-outs of the driver, whose clock is not that of the simulation."""


SPIKELINE = module_of(PLAN["driver"], "spikeline")
DESCRIPTION = json.loads((Path(PLAN["driver"]) / "description.json").read_text(encoding="utf-8"))


def _samples(count: int) -> list[NDArray[np.int64]]:
    return random_samples(np.random.default_rng(PLAN["seed"]), OWN.network.spec, count, max_steps=8)


def _expect(device: Any, artifact: Artifact, samples: list[NDArray[np.int64]]) -> None:
    """Each answer is golden."""
    for counts in samples:
        answer = device.run(counts)
        scores = run(artifact.network, counts[:, np.newaxis]).scores[0]
        assert answer.scores.tolist() == scores.tolist()
        assert answer.label == int(np.argmax(scores))


@cocotb.test()
async def answers(dut: Any) -> None:
    """Identity, scores, classes and counters."""
    await begin(dut)
    samples = _samples(6)

    def host() -> dict[str, int]:
        device = SPIKELINE.Spikeline(Bus(dut), DESCRIPTION, timeout_s=LONG_S)
        device.check()
        _expect(device, OWN, samples)
        found: dict[str, int] = device.counters()
        device.clear_counters()
        assert device.counters()["SAMPLES"] == 0
        return found

    found = await bridge(host)()
    events = sum(int(np.count_nonzero(counts)) for counts in samples)
    wanted = stage_counts(OWN.network, [Sample(counts, True) for counts in samples], events)
    assert {name: found[name] for name in wanted} == wanted
    assert (found["SAMPLES"], found["LOST_ANSWERS"], found["LINE_ERRORS"]) == (len(samples), 0, 0)
    FIGURES.add("answers", {"samples": len(samples), "spikes": found["LAYER0_SPIKES"]})


@cocotb.test()
async def reloads(dut: Any) -> None:
    """Another network; none where a load is interrupted, or has another CRC."""
    await begin(dut)
    samples, left = _samples(3), [len(IMAGE.words) // 2]

    def unplugged(offset: int) -> bool:
        if offset == RELOAD_DATA.offset:
            left[0] -= 1
            if left[0] == 0:
                raise OSError("unplugged")
        return False

    def host() -> None:
        bus = Bus(dut, unplugged)
        device = SPIKELINE.Spikeline(bus, DESCRIPTION, timeout_s=LONG_S)
        fails(OSError, lambda: device.reload(IMAGE.words, IMAGE.crc32))
        _expect(device, OWN, samples)
        fails(SPIKELINE.DeviceError, lambda: device.reload(IMAGE.words, IMAGE.crc32 ^ 1))
        fails(SPIKELINE.DeviceError, lambda: device.reload(IMAGE.words[1:], IMAGE.crc32))
        device.check()
        _expect(device, OWN, samples)
        device.reload(IMAGE.words, IMAGE.crc32)
        fails(SPIKELINE.DeviceError, device.check)
        device.check(OTHER.sha256)
        _expect(device, OTHER, samples)

    await bridge(host)()


@cocotb.test()
async def recovers(dut: Any) -> None:
    """After a sample whose end got lost, the next answer is its own; a network that waits for one, too."""
    await begin(dut)
    samples, loses = _samples(3), [False]

    def host() -> None:
        bus = Bus(dut, lambda offset: loses[0] and offset == MAILBOX_BASE + EVENT_LAST.offset)
        device = SPIKELINE.Spikeline(bus, DESCRIPTION, timeout_s=LONG_S)
        before = OTHER if device.loaded() == OTHER.sha256 else OWN  # no reset undoes a load
        after = OWN if before is OTHER else OTHER
        hasty = SPIKELINE.Spikeline(bus, DESCRIPTION, timeout_s=SHORT_S)
        _expect(device, before, samples)
        for _ in range(2):
            loses[0] = True
            fails(TimeoutError, lambda: hasty.run(samples[-1]))
            loses[0] = False
            _expect(hasty, before, samples)
        loses[0] = True
        fails(TimeoutError, lambda: hasty.run(samples[-1]))
        loses[0] = False
        load = image(OWN.network, HardwareConfig.from_dict(PLAN["hardware"]), after.network, after.sha256)
        fails(TimeoutError, lambda: hasty.reload(load.words, load.crc32))
        assert hasty.loaded() == before.sha256
        hasty.reset()
        device.check(after.sha256)
        _expect(device, after, samples)

    await bridge(host)()
