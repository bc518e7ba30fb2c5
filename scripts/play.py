"""Send clips to a board, or a simulated one, and compare every score with the compiled engine's.

So a board proves itself in a minute. What is lost, doubled or damaged on the line is sent again: it costs
time, and never changes a score.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import sys
import time
from typing import Any

import numpy as np
from tqdm import tqdm

from fxp_model.artifact import load_artifact
from fxp_model.cli import write_json
from fxp_model.engine import Engine
from fxp_model.errors import CheckFailed, InputError
from fxp_model.options import COUNT, Parser, add_data_options, add_json_option, real
from fxp_model.pretrained import add_artifact_argument, find_artifact
from hw.driver.spikeline import Answer, DeviceError, StepAnswer
from hw.ear import EarConfig
from hw.options import add_width_options, config_of
from hw.reload import image
from tb.harness.boards import SIM, Connected, add_board_options, connected
from tb.harness.clips import Clip, chosen_clips

TRIES = 5
"""Of a clip: a line that gave up is greeted again, and the core forgets the clip."""
CHANCE = real(0, 0.5)


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser, "the artifact's stimulus")
    add = parser.add_argument
    add("--clips", type=COUNT, default=10, help="number of clips (default: %(default)s)")
    add("--ear", action="store_true", help="the board has an ear, which does not hear meanwhile")
    add(
        "--load",
        type=find_artifact,
        metavar="ARTIFACT",
        help="first replace the network by that of ARTIFACT, whose clips are played then; the core, that of "
        "--artifact and of the widths, must have been generated with --reload",
    )
    add_board_options(parser)
    for name, what in (("lose", "lost"), ("double", "doubled"), ("flip", "flipped in a bit")):
        add(f"--{name}", type=CHANCE, default=0.0, metavar="P", help=f"simulated bytes that are {what}")
    add_width_options(parser)
    add_json_option(parser, "numbers of clips, equal answers, errors and resyncs")
    return parser


def answer(reached: Connected, counts: Clip) -> Answer | list[StepAnswer]:
    """The board's answer, or those per step, to a clip (T, 1, n_in), played again if the line gave up."""
    board = reached.board
    for last in (*(False,) * (TRIES - 1), True):
        try:
            return board.run(counts[:, 0]) if board.stride is None else board.steps(counts[:, 0])
        except TimeoutError:
            if last:
                raise
    raise AssertionError


def expected_of(engine: Engine, counts: Clip) -> Any:
    """What the engine says to a clip: scores, or class, score and margin of each answer per step."""
    result = engine.run(counts)
    if result.answers is None:
        return result.scores[0]
    return np.stack([column[:, 0] for column in result.answers], axis=1)


def difference(index: int, found: Answer | list[StepAnswer], expected: Any) -> str | None:
    """What is not equal in an answer, or None."""
    if isinstance(found, Answer):
        return _scores_differ(index, found, expected)
    told = [(own.label, own.score, own.margin) for own in found]
    for number, (own, golden) in enumerate(zip(told, map(tuple, expected.tolist()), strict=True)):
        if own != golden:
            return f"clip {index} answer {number}: expected {golden}, got {own}"
    return None


def _scores_differ(index: int, found: Answer, scores: Any) -> str | None:
    wrong = np.flatnonzero(found.scores != scores)
    if wrong.size:
        place = wrong[0]
        return f"clip {index} class {place}: expected score {scores[place]}, got {found.scores[place]}"
    label = int(np.argmax(scores))
    return None if found.label == label else f"clip {index}: expected class {label}, got {found.label}"


def main() -> int:
    """Play, compare, print."""
    args = parser().options()
    faults = args.lose, args.double, args.flip
    if any(faults) and args.port != SIM:
        raise InputError(f"--lose, --double and --flip must come with --port {SIM}, not {args.port}")
    artifact = load_artifact(args.artifact)
    config, loaded, words = config_of(args, artifact.network.spec), artifact, None
    if args.load is not None:
        loaded = load_artifact(args.load)
        words = image(artifact.network, config, loaded.network, loaded.sha256)
    clips = list(chosen_clips(loaded, args.data, args.split, args.clips))
    engine = Engine(loaded.network)
    expected = [expected_of(engine, counts) for counts in clips]
    own = EarConfig(settles=False) if args.ear else None
    mismatches = []
    try:
        with connected(args, artifact, own=own, faults=faults) as reached:
            board, started = reached.board, time.perf_counter()
            if words is None:
                board.check()
            if args.ear:
                board.listen(False)
            if words is not None:
                board.reload(words.words, words.crc32)
                board.check(loaded.sha256)
            pairs = tqdm(zip(clips, expected, strict=True), desc="board", total=len(clips), unit="clip")
            for index, (counts, scores) in enumerate(pairs):
                own_mismatch = difference(index, answer(reached, counts), scores)
                if own_mismatch is not None:
                    mismatches.append(own_mismatch)
                    tqdm.write(f"play.py: {own_mismatch}", file=sys.stderr)
            seconds = time.perf_counter() - started
            if args.ear:
                board.listen()
    except DeviceError as failure:
        raise CheckFailed(str(failure)) from None
    result = {
        "clips": len(clips),
        "equal": len(clips) - len(mismatches),
        "errors": reached.line.errors,
        "resyncs": reached.line.resyncs,
        "seconds": round(seconds, 1),
        **({"simulated": reached.figures} if args.port == SIM else {}),
    }
    if args.json:
        write_json(args.json, result)
    else:
        print(
            f"{result['equal']} of {len(clips)} clips equal, {result['errors']} errors and "
            f"{result['resyncs']} resyncs of the line, {seconds:.1f} s"
        )
    return 1 if mismatches else 0
