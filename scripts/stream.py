"""Misses, false alarms per hour and latency of an artifact on an endless stream of words in noise.

Scenes of the data set's words and of recordings that training left out go through the artifact's ear and
network. One that answers per step is followed by the golden detector; one that answers per sample stands
behind the golden trigger, and the class and margin of each sample are decided by a detector without hold and
rest. A decision for the right class between the start of a word and a second after its end is a hit, the
first one only; every other one there is a confusion. A decision elsewhere, in other speech or noise, is a
false alarm. The threshold on the margin is swept. What is reported at 1 false alarm per hour of sound without
words is of the threshold with the fewest misses among those with at most that.

With --gru, a GRU of the same widths (gru.py --stride) hears the same frames in place of the network, with its
logits in 1/256 for scores.

With --rtl, the first minutes of that stream are played to the device, from PCM through ear and core to the
detector, as Verilog under Verilator. Every answer, and every word at that threshold, must be the same.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import write_json
from fxp_model.data import Part, SpeechDataset, open_dataset, open_noise
from fxp_model.data.scene_frames import NONE, check_rate
from fxp_model.data.scenes import (
    DISTANCE_M,
    GAP_S,
    LEVEL_DB,
    OTHER_SHARE,
    PIECE_S,
    RATE_HZ,
    SNR_DB,
    Scenes,
    SceneSpec,
    Word,
)
from fxp_model.detector import MAX_MARGIN, DetectorSpec, words
from fxp_model.encoding import check_limit
from fxp_model.errors import CheckFailed, InputError
from fxp_model.options import (
    SEED,
    Parser,
    add_data_options,
    add_json_option,
    output_file,
    real,
    some_path,
    whole,
)
from fxp_model.pretrained import add_artifact_argument
from fxp_model.spec import Answer
from fxp_model.spotting.answers import Listener
from fxp_model.spotting.detectors import add_detector_options, detector_of
from fxp_model.trace import Answers
from hw.ear import ear_of, trigger_of
from hw.options import add_width_options, config_of
from hw.rtl.ear.schedule import MULTIPLIERS


def parser() -> Parser:
    """The command-line options."""
    spec = SceneSpec()
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser)
    add = parser.add_argument
    add("--noise", type=some_path, required=True, metavar="FOLDER", help="recordings; a fifth measures")
    add(
        "--hours",
        type=real(0.01, 1000),
        default=2.0,
        help="of sound, in whole minutes (default: %(default)s)",
    )
    add(
        "--snr-db",
        type=real(*SNR_DB),
        nargs="+",
        metavar="S",
        default=[20.0],
        help="of words over noise, or the least and the largest (default: 20)",
    )
    span: dict[str, Any] = {"nargs": 2, "metavar": ("LOW", "HIGH")}
    low, high = spec.level_db
    level = f"of words, full scale (default: {low:g} {high:g})"
    add("--level-db", type=real(*LEVEL_DB), default=[low, high], help=level, **span)
    add(
        "--gap-s",
        type=real(*GAP_S),
        default=spec.gap_s,
        help="mean silence between words (default: %(default)s)",
    )
    share = "of words that are other speech (default: %(default)s)"
    add("--other-share", type=real(*OTHER_SHARE), default=spec.other_share, help=share)
    distance = "of words, with the echoes of a room (default: as recorded)"
    add("--distance-m", type=real(*DISTANCE_M), help=distance, **span)
    add("--seed", type=SEED, default=0, help="of all that is drawn (default: %(default)s)")
    add_detector_options(add)
    gru = add(
        "--gru",
        type=some_path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="listen with this GRU, as gru.py --stride keeps it, in place of the network",
    )
    group = parser.add_argument_group("device")
    rtl = group.add_argument(
        "--rtl",
        type=real(0.01, 1e6),
        metavar="MINUTES",
        help="play so much of the stream to the simulated device and compare every decision",
    )
    multipliers = group.add_argument(
        "--multipliers",
        type=whole(1, max(MULTIPLIERS)),
        choices=MULTIPLIERS,
        default=max(MULTIPLIERS),
        help="of its ear (default: %(default)s)",
    )
    work = group.add_argument(
        "--out", type=some_path, default=Path("build/stream"), help="work folder (default: %(default)s)"
    )
    margin = group.add_argument(
        "--margin",
        type=whole(0, MAX_MARGIN),
        help="of its detector (default: the threshold at 1 false alarm per hour)",
    )
    parser.only_with(rtl, multipliers, work, margin)
    parser.not_with(gru, rtl)
    add_width_options(parser)
    add("--figure", type=output_file, metavar="FILE", help="draw the curve as SVG")
    add_json_option(parser, "the result")
    return parser


def scenes_of(artifact: Artifact, args: argparse.Namespace) -> tuple[Scenes, dict[str, Any]]:
    """The stream that the options say, and what it is of."""
    if len(args.snr_db) > 2:
        raise InputError(f"--snr-db must be 1 or 2 values, not {len(args.snr_db)}")
    spec = SceneSpec(
        snr_db=(args.snr_db[0], args.snr_db[-1]),
        level_db=tuple(args.level_db),
        gap_s=args.gap_s,
        other_share=args.other_share,
        distance_m=None if args.distance_m is None else tuple(args.distance_m),
        seed=args.seed,
    )
    dataset = open_dataset(args.data)
    if not isinstance(dataset, SpeechDataset):
        raise InputError(f"{dataset.name} must hold sound, not {dataset.holds}")
    if artifact.labels not in (dataset.classes, (*dataset.classes, NONE)):
        raise InputError(
            f"classes of {args.data} must be those of the artifact ({', '.join(artifact.labels)}), "
            f"not {', '.join(dataset.classes)}"
        )
    clips, noise = dataset.split(args.split), open_noise(args.noise, Part.MEASURE)
    told = {
        "data": str(args.data),
        "split": args.split,
        "noise": str(args.noise),
        "noise_sha256": noise.sha256,
    }
    told |= {"snr_db": list(spec.snr_db), "level_db": list(spec.level_db), "gap_s": spec.gap_s}
    told |= {"other_share": spec.other_share, "distance_m": args.distance_m, "seed": spec.seed}
    return Scenes(spec, clips, noise), told


def played(
    artifact: Artifact, args: argparse.Namespace, scenes: Scenes, heard: Answers, detector: DetectorSpec
) -> dict[str, Any]:
    """Figures of the device to which `args.rtl` minutes were played, with the same decisions.

    Raises
    ------
    CheckFailed
        It decides otherwise, or its simulation failed.
    """
    from tb.harness.device_sim import built, first_difference, play
    from tb.harness.runner import BenchFailure, Workspace

    samples = round(args.rtl * 60 * RATE_HZ)
    pieces = (scenes.piece(index).samples for index in range(math.ceil(args.rtl * 60 / PIECE_S)))
    cut = (piece[: max(0, samples - index * len(piece))] for index, piece in enumerate(pieces))
    config = config_of(args, artifact.network.spec)
    try:
        with Workspace.of_run(args.out.resolve()) as workspace:
            started = time.perf_counter()
            program = built(artifact, config, args.multipliers, workspace)
            ready = time.perf_counter()
            found = play(program, artifact, detector, cut, workspace)
            done = time.perf_counter()
    except BenchFailure as failure:
        raise CheckFailed(str(failure)) from None
    count = samples // ear_of(artifact).samples_per_frame // artifact.network.spec.readout.stride
    golden = Answers(*(column[:count] for column in heard))
    said = words(detector, golden)
    difference = first_difference(found, golden, said, artifact.labels)
    if difference is not None:
        raise CheckFailed(f"the device decides otherwise: {difference}")
    return {
        "minutes": args.rtl,
        "margin": detector.margin,
        "answers": len(golden.classes),
        "words": len(said),
        "cycles": found.cycles,
        "build_seconds": round(ready - started, 1),
        "seconds": round(done - ready, 1),
    }


def check_rtl(artifact: Artifact, args: argparse.Namespace, minutes: int) -> None:
    """`InputError` unless the device of `artifact` can be played `args.rtl` of the `minutes`."""
    from tb.harness.runner import missing_tool

    if artifact.network.spec.readout.answer is not Answer.STEP:
        raise InputError(f"{artifact.name} answers per sample; --rtl is for answers per step")
    check_limit("--rtl", args.rtl, args.rtl <= minutes, f"at most the {minutes} minutes of --hours")
    config_of(args, artifact.network.spec)
    missing = missing_tool("verilator")
    if missing is not None:
        raise InputError(missing)


def _listener(artifact: Artifact, gru: Path | None) -> Listener:
    """What listens: the network of `artifact`, or the GRU in a file."""
    from fxp_model.spotting.answers import listener_of

    if gru is None:
        return listener_of(artifact.network, trigger_of(artifact))
    from fxp_model.qat.gru import GruListener, load_gru

    return GruListener(load_gru(artifact.network.spec, gru))


def main() -> int:
    """Listen, sweep, print."""
    from fxp_model.spotting.answers import heard
    from fxp_model.spotting.curve import COARSE, FINE, Truth, curve
    from fxp_model.spotting.report import report

    args = parser().options()
    artifact = load_artifact(args.artifact)
    ear, detector = ear_of(artifact), detector_of(artifact, args.hold, args.refractory)
    check_rate(ear)
    scenes, told = scenes_of(artifact, args)
    gru = getattr(args, "gru", None)
    listener = _listener(artifact, gru)
    started = time.perf_counter()
    minutes = math.ceil(args.hours * 3600 / PIECE_S)
    if args.rtl is not None:
        check_rtl(artifact, args, minutes)
    spoken: list[Word] = []
    others: list[tuple[int, int]] = []

    def sound() -> Iterator[NDArray[np.int16]]:
        for index in tqdm(range(minutes), "listen", unit="min"):
            piece = scenes.piece(index)
            spoken.extend(piece.words)
            others.extend(piece.others)
            yield piece.samples

    answers = heard(ear, listener, sound())
    truth = Truth(tuple(spoken), tuple(others), minutes * PIECE_S / 3600)
    with tqdm(total=COARSE + FINE, desc="detect", unit="threshold") as bar:
        points = curve(answers, truth, detector, bar.update)
    readout = artifact.network.spec.readout
    summary: dict[str, Any] = {
        "artifact": str(args.artifact),
        "gru": None if gru is None else str(gru),
        **told,
        "answer": str(readout.answer),
        "stride": readout.stride,
        "hold": detector.hold,
        "refractory": detector.refractory,
        "answers": len(answers.times),
        **report(points, truth),
        "seconds": round(time.perf_counter() - started, 3),
    }
    if args.rtl is not None:
        margin = summary["at_1_per_hour"]["threshold"] if args.margin is None else args.margin
        chosen = replace(detector, margin=margin)
        summary["rtl"] = played(artifact, args, scenes, answers.answers, chosen)
    if args.figure is not None:
        from fxp_model.results.det import draw

        draw(args.figure, {artifact.name: summary["curve"]})
    if args.json:
        write_json(args.json, summary)
    else:
        print("\n".join(f"{key:20}{value}" for key, value in summary.items() if key != "curve"))
    return 0
