"""A recording through the pins of a microphone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from amaranth.back import rtlil

from hw.verilog import write_verilog
from tb.benches.ear import inputs
from tb.harness.runner import Design, Workspace


def test_a_recording_through_the_pins(sim: str, workspace: Workspace, tmp_path: Path) -> None:
    rng, path = np.random.default_rng(0), tmp_path / "noise.wav"
    soundfile.write(path, rng.uniform(-1, 1, 30), 24_000, subtype="PCM_24")
    case = {**inputs.CASES["i2s"], "gain": 0, "recording": str(path)}
    design = Design(
        "block", write_verilog(rtlil.convert(inputs.component(**case), name="block", emit_src=False))
    )
    workspace.check(design, sim, inputs.__name__, {"case": case, "seed": 1}, "recording")
