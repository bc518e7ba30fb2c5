"""Cut recordings of speech at its pauses: OUT/NAME/00000.flac and so on, a word or a phrase each, at 16 kHz.

They are other speech for scenes.py, which a network learns to refuse. Takes all wav, flac and ogg files in
each folder and the folders below it, of any number of channels; NAME is the folder's. A recording that is
empty or silent has no phrase. OUT is a new folder, or an earlier one of this script, which is replaced.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import tqdm

from fxp_model.data.audio import MAX_SAMPLES, check_rate, pcm, resampled
from fxp_model.data.phrases import phrase_spans
from fxp_model.encoding import check_limit
from fxp_model.errors import InputError
from fxp_model.files import json_text, write_text
from fxp_model.folders import FolderKind
from fxp_model.options import Parser, some_path

FOLDER = FolderKind("folder of phrases.py", "phrases.json", "spikeline-phrases")
SUFFIXES = (".wav", ".flac", ".ogg")
RATE_HZ = 16_000
EDGE = RATE_HZ // 20
"""Samples that are kept on both sides of a phrase."""


def parser() -> Parser:
    """The options."""
    parser = Parser(description=__doc__)
    add = parser.add_argument
    speech = "folders of recordings, of different names"
    add("--speech", type=some_path, nargs="+", required=True, metavar="FOLDER", help=speech)
    add("--out", type=some_path, required=True, help="folder to write")
    return parser


def recordings(folder: Path) -> list[Path]:
    """The sound files in a folder and those below it, in order of their paths."""
    if not folder.is_dir():
        raise InputError(f"{folder}: speech must be a folder")
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES and path.is_file()]
    if not found:
        raise InputError(f"{folder}: must hold a wav, flac or ogg file, not 0")
    return found


def heard(path: Path) -> NDArray[np.float64]:
    """Mono sound of a recording, at `RATE_HZ`; `InputError` names one that cannot be read."""
    try:
        with soundfile.SoundFile(path) as file:
            check_limit("samples", file.frames, file.frames <= MAX_SAMPLES, f"at most {MAX_SAMPLES}")
            check_rate(file.samplerate)
            sound = file.read(always_2d=True).mean(axis=1)
            if not np.isfinite(sound).all():
                raise InputError("every sample must be finite")
            return resampled(sound, file.samplerate, RATE_HZ) if len(sound) else sound
    except (soundfile.SoundFileError, InputError) as error:
        raise InputError(f"{path}: {error}") from None


def main() -> int:
    """Write the phrases, say how many there are."""
    args = parser().options()
    FOLDER.check(args.out)
    folders = {path.resolve().name: recordings(path) for path in args.speech}
    if len(folders) < len(args.speech):
        raise InputError("--speech must be folders of different names")
    lines, counts = [], {}
    with (
        FOLDER.writing(args.out) as out,
        tqdm(total=sum(map(len, folders.values())), unit="file") as bar,
    ):
        for name, paths in folders.items():
            (out / name).mkdir()
            number, samples = 0, 0
            for path in paths:
                sound = heard(path)
                for start, end in phrase_spans(sound, RATE_HZ) if pcm(sound).any() else ():
                    phrase = pcm(sound[max(start - EDGE, 0) : end + EDGE])
                    soundfile.write(out / name / f"{number:05d}.flac", phrase, RATE_HZ)
                    number, samples = number + 1, samples + len(phrase)
                bar.update()
            counts[name] = number
            minutes = samples / RATE_HZ / 60
            lines.append(f"{args.out / name}: {number} phrases, {minutes:.1f} minutes")
        write_text(out / FOLDER.mark, json_text({"format": FOLDER.format, "phrases": counts}))
    print("\n".join(lines))
    return 0
