"""Play a recording to the simulated device of a network with an ear: a class, equal to the golden one."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import sys
from pathlib import Path

import numpy as np

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.data.audio import checked_clip, pcm, read_audio, resampled
from fxp_model.ear.gain import MAX_GAIN
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.encoding import check_limit
from fxp_model.errors import InputError
from fxp_model.options import Parser, add_json_option, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from hw.ear import MICROPHONES, ear_of
from hw.options import add_width_options, config_of
from hw.rtl.ear.schedule import MULTIPLIERS
from tb.harness.hearing import hear
from tb.harness.runner import SIMULATORS, BenchFailure, Workspace, missing_tool


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument("sound", type=some_path, metavar="FILE", help="wav or flac, mono, of any rate")
    add_artifact_argument(parser)
    add = parser.add_argument
    add("--microphone", choices=MICROPHONES, default="i2s", help="its interface (default: %(default)s)")
    add("--sim", choices=SIMULATORS, default="verilator", help="simulator (default: %(default)s)")
    add(
        "--multipliers",
        type=whole(1, 4),
        choices=MULTIPLIERS,
        default=1,
        help="of the ear (default: %(default)s)",
    )
    add("--gain", type=whole(0, MAX_GAIN), default=0, help="in bits of 6 dB (default: %(default)s)")
    add_width_options(parser)
    add("--out", type=some_path, default=Path("build/hear"), help="work folder (default: %(default)s)")
    add_json_option(parser, "class, scores, registers and seconds")
    return parser


def main() -> int:
    """Simulate, print the class."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    ear = ear_of(artifact)
    audio, rate_hz = read_audio(args.sound)
    sound = pcm(resampled(checked_clip(audio, rate_hz), rate_hz, ear.rate_hz))
    frames = -(-len(sound) // ear.samples_per_frame)
    check_limit("frames of the recording", frames, frames <= 4095, "at most 4095")
    trigger = TriggerSpec(free=True, duration=frames, preroll=0, log_frac_bits=ear.log_frac_bits)
    missing = missing_tool(args.sim)
    if missing is not None:
        raise InputError(missing)
    try:
        with Workspace.of_run(args.out.resolve()) as workspace:
            figures = hear(
                args.artifact,
                sound,
                args.microphone,
                args.sim,
                workspace,
                trigger=trigger,
                gain=args.gain,
                multipliers=args.multipliers,
                config=config_of(args, artifact.network.spec),
            )
    except BenchFailure as failure:
        print(f"hear.py: {failure}", file=sys.stderr)
        return 1
    *scores, winner = (np.array(figures["hears"]["answers"][0]).astype(np.uint32).view(np.int32)).tolist()
    result = {
        "class": artifact.labels[winner],
        "scores": dict(zip(artifact.labels, scores, strict=True)),
        "registers": figures["hears"]["registers"],
        "seconds": figures["seconds"],
    }
    if args.json:
        write_json(args.json, result)
    else:
        seconds = ", ".join(f"{name} {value} s" for name, value in figures["seconds"].items())
        print(f"{result['class']}, through the pins of {args.microphone} ({args.sim}: {seconds})")
    return 0
