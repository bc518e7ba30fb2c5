"""Bugs planted in a device that answers per step, each shown by the bench of the whole device."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

from hw.config import HardwareConfig
from tb.harness.planted import Bug, run_program

DEVICE_BUGS = {
    "sequence_of_the_ear_without_an_end": Bug(
        "ear/device.py",
        "last, ends = leaving, leaving | hosted",
        "last, ends = leaving & 0, leaving | hosted",
    ),
    "host_that_waits_for_no_frame": Bug(
        "ear/device.py", "last, ends = leaving, leaving | hosted", "last, ends = leaving, leaving | 1"
    ),
    "ear_that_cannot_come_back": Bug(
        "ear/device.py", "last, ends = leaving, leaving | hosted", "last, ends = leaving, leaving"
    ),
    "end_of_a_sequence_that_was_called_off": Bug(
        "ear/device.py", "leaving.eq(control.host & ~hosted)", "leaving.eq(leaving | control.host & ~hosted)"
    ),
    "frames_that_a_host_does_not_forget": Bug(
        "ear/device.py",
        "Mux(hosted, ~(changes & ear_between), core.s_axis_tready & ~changes)",
        "core.s_axis_tready & ~changes & ~hosted",
    ),
}
"""In the end of a sequence, when ear and host change over."""


def generate_device(folder: Path, artifact: Path, config: HardwareConfig) -> str:
    """Verilog of the device of `artifact` for PCM, with the sources in `folder`."""
    result = folder / "device.v"
    run_program(folder, _GENERATE, str(artifact), json.dumps(config.to_dict()), str(result))
    return result.read_text(encoding="utf-8")


_GENERATE = dedent("""\
    import json, sys
    from pathlib import Path

    import hw
    from fxp_model.artifact import load_artifact
    from hw.config import HardwareConfig
    from hw.ear import EarConfig, device_of
    from hw.verilog import emit_top

    assert Path(hw.__file__).parents[1] == Path.cwd(), hw.__file__
    artifact, config, result = sys.argv[1:]
    config = HardwareConfig.from_dict(json.loads(config))
    device = device_of(load_artifact(artifact), config, EarConfig("pcm", settles=False), None)
    Path(result).write_text(emit_top(device, "device")[0], encoding="utf-8")
""")
