"""Show what a board with an ear hears: each word as it comes, a level meter and counters."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import json
import math
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import load_artifact
from fxp_model.detector import MAX_MARGIN
from fxp_model.ear.gain import MAX_GAIN
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import CheckFailed, InputError
from fxp_model.options import Parser, json_output, real, some_path, whole
from fxp_model.pretrained import add_artifact_argument
from fxp_model.spec import Answer
from fxp_model.spotting.detectors import add_detector_options, detector_of
from hw.driver.spikeline import DeviceError
from hw.ear import EarConfig, ear_of, trigger_of
from hw.options import add_width_options
from hw.rtl.ear.schedule import MULTIPLIERS
from tb.harness.boards import SIM, Connected, add_board_options, connected

POLL_S = 0.2
"""Between two looks at the meter."""
BAR = 20
"""Characters of the meter."""
PER_OCTAVE = 2
"""Of these."""
MARGIN = 10
"""Frames in which an answer is computed and told."""

COUNTERS = ("frames", "clipped", "overruns", "dropped_frames")


class Word(NamedTuple):
    """A line of text that the board sent."""

    label: str
    score: int
    margin: int
    time_s: float

    @classmethod
    def of(cls, line: str, labels: Sequence[str]) -> Word | None:
        """``<class> <score> <margin> <time>``; None if it is something else."""
        parts = line.rsplit(" ", 3)
        try:
            label, score, margin, time_s = parts[0], int(parts[1]), int(parts[2]), float(parts[3])
        except (IndexError, ValueError):
            return None
        return cls(label, score, margin, time_s) if label in labels else None


def bar(meter: dict[str, float]) -> str:
    """The meter: loudness above the floor, a character for half an octave (3 dB).

    Without a trigger there is none: the slow level of what is loud is then in the middle of the bar.
    """
    floor = meter.get("floor", meter["level"] - BAR / 2 / PER_OCTAVE)
    filled = min(max(round(PER_OCTAVE * (meter["loudness"] - floor)), 0), BAR)
    return "#" * filled + "." * (BAR - filled)


def status_line(meter: dict[str, float], words: int) -> str:
    """Meter and counters."""
    peak = f"{20 * math.log10(meter['peak']):.0f} dB" if meter["peak"] else "silent"
    counts = ", ".join(f"{int(meter[name])} {name.replace('_', ' ')}" for name in COUNTERS)
    microphone = "no microphone, " if meter["absent"] else ""
    return f"[{bar(meter)}] peak {peak}, {microphone}{words} words, {counts}"


class Display:
    """Words on standard output, the meter on a terminal, and all to `log` as JSON lines."""

    def __init__(self, log: TextIO | None) -> None:
        self._log, self._plain = log, log is not sys.stdout
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self.words = 0

    def word(self, word: Word) -> None:
        """A word that was heard."""
        self.words += 1
        self._write({"word": word.label, "score": word.score, "margin": word.margin, "time_s": word.time_s})
        if self._plain:
            self.clear()
            print(
                f"{word.time_s:9.2f} s  {word.label:12} score {word.score}, margin {word.margin}", flush=True
            )

    def damaged(self, line: str) -> None:
        """A line that is no word."""
        self._write({"damaged": line})

    def meter(self, meter: dict[str, float]) -> None:
        """A look at the meter."""
        self._write({"meter": meter})
        if self._live:
            print(f"\r{status_line(meter, self.words)}\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self, meter: dict[str, float]) -> None:
        """The last line."""
        self.clear()
        if self._plain:
            print(status_line(meter, self.words))

    def clear(self) -> None:
        """Take the meter off the terminal."""
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _write(self, record: dict[str, Any]) -> None:
        if self._log is not None:
            print(json.dumps(record), file=self._log, flush=True)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add = parser.add_argument
    add(
        "--seconds",
        type=real(0.01, 1e9),
        metavar="S",
        help="of sound (default: until Ctrl-C, or --sound ends)",
    )
    add("--gain", type=whole(0, MAX_GAIN), help="in bits of 6 dB (default: as it is set)")
    add(
        "--json",
        type=json_output,
        metavar="FILE",
        help="write words and meter as JSON lines; - for standard output",
    )
    add = parser.add_argument_group("words of a network that answers per step").add_argument
    add(
        "--margin",
        type=whole(0, MAX_MARGIN),
        help="by which the class of a word leads, in lsb of the scores (default: 0)",
    )
    add_detector_options(add)
    add_board_options(parser)
    group = parser.add_argument_group("simulated microphone")
    add = group.add_argument
    add("--sound", type=some_path, metavar="FILE", help="wav or flac, mono, of any rate, which it plays")
    add("--microphone", choices=("i2s", "pdm"), default="i2s", help="its interface (default: %(default)s)")
    add(
        "--multipliers",
        type=whole(1, max(MULTIPLIERS)),
        choices=MULTIPLIERS,
        default=max(MULTIPLIERS),
        help="of the ear (default: %(default)s)",
    )
    add_width_options(parser)
    return parser


def recording(file: Path, ear: EarSpec) -> NDArray[np.int64]:
    """The samples of a file (n,), as the microphone of `ear` hears them."""
    from fxp_model.data.audio import checked_clip, pcm, read_audio, resampled

    audio, rate_hz = read_audio(file)
    return pcm(resampled(checked_clip(audio, rate_hz), rate_hz, ear.rate_hz)).astype(np.int64)


def follow(reached: Connected, display: Display, first: int | None, frames: float) -> None:
    """Show what the board hears until its ear has heard `frames`, from frame `first` on, or from now."""
    board, labels = reached.board, reached.board.classes
    while True:
        meter = board.meter()
        for line in reached.line.lines():
            word = Word.of(line, labels)
            if word is None:
                display.damaged(line)
            else:
                display.word(word)
        display.meter(meter)
        first = int(meter["frames"]) if first is None else first
        if meter["frames"] - first >= frames:
            display.end(meter)
            return
        time.sleep(POLL_S)


def main() -> int:
    """Listen, show."""
    args = parser().options()
    if args.sound is not None and args.port != SIM:
        raise InputError(f"--sound must come with --port {SIM}, not {args.port}")
    artifact = load_artifact(args.artifact)
    ear, steps = ear_of(artifact), artifact.network.spec.readout.answer is Answer.STEP
    detector = detector_of(artifact, args.hold, args.refractory, args.margin)
    frames_per_s = ear.rate_hz / ear.samples_per_frame
    frames = math.inf if args.seconds is None else args.seconds * frames_per_s
    sound = None
    if args.sound is not None:
        sound = recording(args.sound, ear)
        if args.seconds is None:  # until a sample that began with the last frame has ended, and is told
            rest = 0 if steps else trigger_of(artifact).duration
            frames = len(sound) / ear.samples_per_frame + rest + MARGIN
    own = EarConfig(args.microphone, args.multipliers, settles=False)
    with ExitStack() as stack:
        try:
            reached = stack.enter_context(connected(args, artifact, own=own, sound=sound))
            reached.board.check()
            if steps:
                reached.board.detect(detector.margin, detector.hold, detector.refractory, detector.silent)
            assert reached.board.ear is not None
            if reached.board.ear.fields("STATUS")["HOST"]:
                reached.board.listen()
            if args.gain is not None:
                reached.board.ear.set("GAIN", BITS=args.gain)
            log = sys.stdout if args.json == "-" else None
            if args.json not in (None, "-"):  # a file of before is kept where no board answers
                log = stack.enter_context(Path(args.json).open("w", encoding="utf-8"))
            display = Display(log)
            stack.callback(display.clear)
            follow(reached, display, None if sound is None else 0, frames)
        except DeviceError as failure:
            raise CheckFailed(str(failure)) from None
    return 0
