"""Make scenes of a data set's words in real noise, as a folder for train.py with a class for every step.

Hours of sound in which the words are said at random times, at random levels, between other speech: the
recordings in a folder called other-words. The ear hears them without a break. Clips of equal length are
cut out of that, with the class of a word for 0.3 s from its end on, and the class "none" elsewhere.
Noise is of the recordings that train.py takes; stream.py measures with the others. OUT is a new folder, or
an earlier one of this script, which is replaced.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
from typing import Any

from fxp_model.folders import FolderKind
from fxp_model.options import SEED, Parser, nonempty, real, some_path, whole

FOLDER = FolderKind("data set of scenes.py", "dataset.json", "spikeline-scenes")
VAL_SHARE = 0.1
"""Of the hours for training, how many there are for validation."""
MAX_HOURS = 1000.0


def parser() -> Parser:
    """The options."""
    from fxp_model.data.scenes import (
        COLOUR_DB,
        DISTANCE_M,
        GAP_S,
        LEVEL_DB,
        OTHER_SHARE,
        SNR_DB,
        SPEED,
        SPLICED,
        SceneSpec,
    )
    from fxp_model.ear.spec import MAX_CHANNELS, MAX_SECTIONS, MIN_CHANNELS

    spec = SceneSpec()
    parser = Parser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    needed: dict[str, Any] = {"required": True, "default": argparse.SUPPRESS}
    span: dict[str, Any] = {"nargs": 2, "metavar": ("LOW", "HIGH")}
    add("--data", type=nonempty, help="folder of a data set of sound, or 'synthetic'", **needed)
    add("--noise", type=some_path, metavar="FOLDER", help="recordings; a fifth is left out", **needed)
    speech = "folders of other speech, each heard as often as other-words; a fifth is left out"
    add("--other-speech", type=some_path, nargs="+", metavar="FOLDER", default=argparse.SUPPRESS, help=speech)
    add("--out", type=some_path, help="folder to write", **needed)
    add("--split", type=nonempty, default="train", help="split whose words are in train.npz")
    add("--val-split", type=nonempty, default="val", help="split whose words are in val.npz, a tenth as long")
    add("--hours", type=real(0.01, MAX_HOURS), default=2.0, help="of sound for training")
    add("--steps", type=whole(50, 6000), default=400, help="of a clip, 10 ms each")
    add("--seed", type=SEED, default=0, help="of all that is drawn")
    add("--snr-db", type=real(*SNR_DB), default=list(spec.snr_db), help="words over noise", **span)
    add("--level-db", type=real(*LEVEL_DB), default=list(spec.level_db), help="of words, full scale", **span)
    add("--gap-s", type=real(*GAP_S), default=2.0, help="mean silence between words")
    add("--other-share", type=real(*OTHER_SHARE), default=0.3, help="of words that are other speech")
    spliced = "of other speech that begins as one recording and ends as another, keywords among them"
    add("--spliced", type=real(*SPLICED), default=spec.spliced, help=spliced)
    distance = "of words, with the echoes of a room (default: as recorded)"
    add("--distance-m", type=real(*DISTANCE_M), default=argparse.SUPPRESS, help=distance, **span)
    speed = "of words for training, each of its own"
    add("--speed", type=real(*SPEED), default=[0.9, 1.1], help=speed, **span)
    colour = "largest gain of each octave of a word for training, as of another microphone, either way"
    add("--colour-db", type=real(*COLOUR_DB), default=spec.colour_db, help=colour)
    add("--channels", type=whole(MIN_CHANNELS, MAX_CHANNELS), default=140, help="filters of the ear")
    add("--sections", type=whole(1, MAX_SECTIONS), default=2, help="second-order sections of each")
    return parser


def main() -> int:
    """Write the files, say what they hold."""
    import numpy as np
    from tqdm import tqdm

    from fxp_model.archives import packed
    from fxp_model.data import Part, SpeechDataset, open_dataset, open_noise
    from fxp_model.data.arrays import CLASSES, ENCODER, MAX_COUNTS
    from fxp_model.data.scene_frames import NONE, STREAM_LEVEL, scene_frames
    from fxp_model.data.scenes import Scenes, SceneSpec
    from fxp_model.ear.spec import FRAME_MS, EarSpec
    from fxp_model.errors import InputError
    from fxp_model.files import json_text, write_text

    args = parser().options()
    FOLDER.check(args.out)
    ear = EarSpec.design(channels=args.channels, sections=args.sections, **STREAM_LEVEL)
    clips_per_hour = 3600 * 1000 / FRAME_MS / args.steps
    clips = {"train": max(1, int(args.hours * clips_per_hour))}
    clips["val"] = max(1, int(VAL_SHARE * args.hours * clips_per_hour))
    size = clips["train"] * args.steps * ear.channels
    if size > MAX_COUNTS:
        raise InputError(f"steps * channels must be at most {MAX_COUNTS}, not {size}: ask for fewer hours")
    dataset = open_dataset(args.data)
    if not isinstance(dataset, SpeechDataset):
        raise InputError(f"{dataset.name} must hold sound, not {dataset.holds}")
    if NONE in dataset.classes:
        raise InputError(f"{dataset.name}: {NONE!r} must not be a class, it is what no word is")
    splits = {"train": dataset.split(args.split), "val": dataset.split(args.val_split)}
    noise = open_noise(args.noise, Part.TRAIN)
    speech = [open_noise(folder, Part.TRAIN) for folder in getattr(args, "other_speech", ())]
    numbers: dict[str, Any] = {
        "snr_db": tuple(args.snr_db),
        "level_db": tuple(args.level_db),
        "gap_s": args.gap_s,
        "other_share": args.other_share,
        "spliced": args.spliced,
        "distance_m": tuple(args.distance_m) if hasattr(args, "distance_m") else None,
    }
    varied = {"speed": tuple(args.speed), "colour_db": args.colour_db}
    lines = []
    with FOLDER.writing(args.out) as folder:
        for number, (split, own) in enumerate(splits.items()):
            # not the same minutes of noise for both
            spec = SceneSpec(**numbers | (varied if split == "train" else {}), seed=2 * args.seed + number)
            scenes = Scenes(spec, own, noise, speech)
            seconds = clips[split] * args.steps * FRAME_MS // 1000
            with tqdm(total=seconds, desc=split, unit="s") as bar:
                counts, labels = scene_frames(
                    scenes, ear, len(dataset.classes), clips[split], args.steps, bar.update
                )
            (folder / f"{split}.npz").write_bytes(
                packed({"counts": counts, "labels": labels.astype(np.int32)})
            )
            word = (labels >= 0) & (labels < len(dataset.classes))
            said = np.count_nonzero(word[:, 1:] & ~word[:, :-1])
            lines.append(f"{args.out / split}.npz: {len(counts)} clips, {said} words")
        write_text(folder / CLASSES, "".join(f"{name}\n" for name in (*dataset.classes, NONE)))
        write_text(folder / ENCODER, json_text(ear.to_dict()))
        mark: dict[str, Any] = {
            "format": FOLDER.format,
            "data": dataset.name,
            "noise_sha256": noise.sha256,
        }
        if speech:
            mark["other_speech_sha256"] = [own.sha256 for own in speech]
        mark |= {"split": args.split, "val_split": args.val_split, "hours": args.hours, "seed": args.seed}
        mark |= {"steps": args.steps}
        write_text(folder / FOLDER.mark, json_text(mark | numbers | varied))
    print("\n".join(lines))
    return 0
