"""The driver of a build on the RTL of a core with answers per step, as `tb.benches.cores.driver`.

The plan names the `artifact` and the folder `driver` of a build.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.detector import Detector, DetectorSpec
from fxp_model.network import run
from hw.mailbox_registers import EVENT_LAST, MAILBOX_BASE
from tb.harness.built_driver import Bus, begin, fails, module_of
from tb.harness.plan import Figures, load_plan
from tb.harness.stimulus import random_samples

PLAN = load_plan()
FIGURES = Figures()
OWN = load_artifact(PLAN["artifact"])
STRIDE = OWN.network.spec.readout.stride
LONG_S, SHORT_S = 60.0, 0.3
"""Time-outs of the driver, whose clock is not that of the simulation."""
DETECTOR = DetectorSpec(margin=1, hold=2, refractory=1, silent=0)
SPIKELINE = module_of(PLAN["driver"], "spikeline")
DESCRIPTION = json.loads((Path(PLAN["driver"]) / "description.json").read_text(encoding="utf-8"))


def _sequences(count: int) -> list[NDArray[np.int64]]:
    """With an answer to the last step."""
    rng = np.random.default_rng(PLAN["seed"])
    found = random_samples(rng, OWN.network.spec, count, max_steps=6)
    return [np.concatenate([own] * STRIDE) for own in found]


def _golden(counts: NDArray[np.int64]) -> list[tuple[int, str, int, int]]:
    answers = run(OWN.network, counts[:, np.newaxis]).answers
    assert answers is not None
    columns = (column[:, 0].tolist() for column in answers)
    return [(label, OWN.labels[label], score, margin) for label, score, margin in zip(*columns, strict=True)]


@cocotb.test()
async def answers(dut: Any) -> None:
    """Class, score and margin, of sequences as a whole and in parts, counters, and words of the detector."""
    await begin(dut)
    sequences = _sequences(8)
    expected = [_golden(counts) for counts in sequences]

    def host() -> tuple[list[Any], dict[str, int], dict[str, int]]:
        device = SPIKELINE.Spikeline(Bus(dut), DESCRIPTION, timeout_s=LONG_S)
        device.check()
        device.reset()
        device.detect(DETECTOR.margin, DETECTOR.hold, DETECTOR.refractory, DETECTOR.silent)
        found = []
        for index, counts in enumerate(sequences):
            first = STRIDE * (index % 2 * (len(counts) // STRIDE) // 2)
            own = device.steps(counts[:first], ends=False) if first else []
            found.append(own + device.steps(counts[first:]))
        return found, device.counters(), device.core.fields("DETECTED")

    found, counters, detected = await bridge(host)()
    assert found == expected
    count = sum(map(len, expected))
    assert (counters["SAMPLES"], counters["LOST_ANSWERS"], counters["LINE_ERRORS"]) == (count, 0, 0)
    detector = Detector(DETECTOR)
    each = (detector.step(label, margin) for own in expected for label, _, _, margin in own)
    words = [word for word in each if word is not None]
    assert detected == {"COUNT": len(words), "WORD": words[-1]}
    FIGURES.add("answers", {"answers": count, "words": len(words)})


@cocotb.test()
async def recovers(dut: Any) -> None:
    """After a sequence whose end got lost, or that was left, the next answers are its own."""
    await begin(dut)
    sequences, loses = _sequences(3), [False]

    def host() -> None:
        bus = Bus(dut, lambda offset: loses[0] and offset == MAILBOX_BASE + EVENT_LAST.offset)
        hasty = SPIKELINE.Spikeline(bus, DESCRIPTION, timeout_s=SHORT_S)
        for counts in sequences:
            loses[0] = True
            fails(TimeoutError, partial(hasty.steps, counts))
            loses[0] = False
            device = SPIKELINE.Spikeline(bus, DESCRIPTION, timeout_s=LONG_S)
            assert device.steps(counts) == _golden(counts)
            device.steps(counts[:STRIDE], ends=False)
            device.reset()
            assert device.steps(counts) == _golden(counts)

    await bridge(host)()
