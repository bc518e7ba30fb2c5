"""Write tables of the Free Spoken Digit Dataset: OUT/train.csv, val.csv and test.csv.

The official split: recordings 0 .. 4 of each digit and speaker are for test, and of the others 5 .. 9 for
validation here. By speaker: all of --speaker are for test, and all of the next speaker for validation.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import os
import re
from pathlib import Path

from fxp_model.errors import InputError
from fxp_model.files import replacing, write_text
from fxp_model.options import Parser, nonempty, some_path

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
    lines: dict[str, list[str]] = {split: ["file,class"] for split in ("train", "val", "test")}
    for path, digit, speaker, index in clips:
        file = Path(os.path.relpath(path.resolve(), args.out.resolve())).as_posix()
        lines[split_of(speaker, index, args.speaker, val)].append(f"{file},{digit}")
    for split, own in lines.items():
        with replacing(args.out / f"{split}.csv") as table:
            write_text(table, "\n".join(own) + "\n")
        print(f"{args.out / split}.csv: {len(own) - 1} recordings")
    return 0
