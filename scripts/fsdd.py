"""Write tables of the Free Spoken Digit Dataset: OUT/train.csv, val.csv and test.csv.

The official split: recordings 0 .. 4 of each digit and speaker are for test, and of the others 5 .. 9 for
validation here. By speaker: all of --speaker are for test, and all of the next speaker for validation.
OUT is a new folder, or an earlier one of this script, which is replaced.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import csv
import os
import re
from pathlib import Path

from fxp_model.errors import InputError
from fxp_model.files import json_text, write_text
from fxp_model.folders import FolderKind
from fxp_model.options import Parser, nonempty, some_path

FOLDER = FolderKind("data set of fsdd.py", "dataset.json", "spikeline-fsdd")
_NAME = re.compile(r"([0-9])_(\w+)_(\d+)\.(?:wav|flac)")


def parser() -> Parser:
    """The options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    add("--fsdd", type=some_path, required=True, help="folder of recordings, named digit_speaker_index")
    add("--out", type=some_path, required=True, help="folder to write")
    add("--speaker", type=nonempty, help="who is for test (default: the official split)")
    return parser


def split_of(speaker: str, index: int, test: str | None, val: str | None) -> str:
    """Split of recording `index` of a `speaker`."""
    if test is None:
        return "test" if index < 5 else "val" if index < 10 else "train"
    return {test: "test", val: "val"}.get(speaker, "train")


def main() -> int:
    """Write the tables, say what they hold."""
    args = parser().options()
    FOLDER.check(args.out)
    found = [(name, _NAME.fullmatch(name.name)) for name in sorted(args.fsdd.glob("*"))]
    clips = [(path, told[1], told[2], int(told[3])) for path, told in found if told is not None]
    speakers = sorted({speaker for _, _, speaker, _ in clips})
    if len(speakers) < 3:
        raise InputError(f"{args.fsdd}: must hold recordings of at least 3 speakers, not {len(speakers)}")
    val = None
    if args.speaker is not None:
        if args.speaker not in speakers:
            raise InputError(f"--speaker must be one of {', '.join(speakers)}, not {args.speaker!r}")
        val = speakers[(speakers.index(args.speaker) + 1) % len(speakers)]
    rows: dict[str, list[tuple[str, str]]] = {split: [] for split in ("train", "val", "test")}
    for path, digit, speaker, index in clips:
        file = Path(os.path.relpath(path.resolve(), args.out.resolve())).as_posix()
        rows[split_of(speaker, index, args.speaker, val)].append((file, digit))
    for split, own in rows.items():
        if not own:
            raise InputError(f"{args.fsdd}: must hold at least 1 recording for {split}, not 0")
    with FOLDER.writing(args.out) as folder:
        for split, own in rows.items():
            with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as table:
                csv.writer(table, lineterminator="\n").writerows((("file", "class"), *own))
        write_text(folder / FOLDER.mark, json_text({"format": FOLDER.format, "speaker": args.speaker}))
    for split, own in rows.items():
        print(f"{args.out / split}.csv: {len(own)} recordings")
    return 0
