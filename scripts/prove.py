"""Compare six implementations: PyTorch, golden model, engine, RTL under two simulators, HLS C++.

All run the same clips and are compared with the golden model: every current, membrane, spike and
score; for the RTL every membrane, spike, score and cycle; for RTL and HLS also every beat of the output. The
golden model itself is compared with a run of each clip batched with another one.

With recordings for an artifact whose encoder is an ear it begins at sound: one ear hears them one after the
other, and its counts are the clips of the others. The compiled ear, and the golden ear that hears the
recordings in pieces, are compared in all counts and in the state after each recording; the RTL, from a
microphone on, in every sample and its cycles, every state after it, every neuron, level, count and event.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fxp_model import network as golden
from fxp_model.artifact import Artifact, load_artifact
from fxp_model.cli import write_json
from fxp_model.ear.gain import amplify
from fxp_model.ear.model import Ear, EarState
from fxp_model.ear.spec import EarSpec
from fxp_model.ear.trigger import TriggerSpec
from fxp_model.errors import InputError
from fxp_model.folders import owned
from fxp_model.options import COUNT, Parser, add_data_options, add_json_option, some_path
from fxp_model.pretrained import add_artifact_argument
from fxp_model.trace import Trace
from hw.ear import MICROPHONES, EarConfig, ear_of, trigger_of
from hw.options import add_width_options, config_of
from hw.protocol import encode_trace
from tb.harness.clips import Clip, chosen_clips
from tb.harness.microphones import Played

Form = Callable[[Artifact, list[Clip], argparse.Namespace], str | None]
"""Runs clips (T, 1, n_in); returns None or the first mismatch.

ImportError: not installed. InputError: the form has no such networks.
"""


def differing(clips: list[Clip], artifact: Artifact, run_clip: Callable[[Clip], Trace]) -> str | None:
    """First difference of the traces by `run_clip` from the golden model's; `InputError` without clips."""
    if not clips:
        raise InputError("clips to compare must be at least 1, not 0")
    for index, counts in enumerate(clips):
        mismatch = golden.run(artifact.network, counts).first_mismatch(run_clip(counts))
        if mismatch is not None:
            return f"clip {index}: {mismatch}"
    return None


def by_torch(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """PyTorch in eval mode."""
    from fxp_model.qat.evaluate import run as run_torch

    return differing(clips, artifact, lambda counts: run_torch(artifact.network, counts))


def by_golden(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """The golden model, batched with the same clip reversed in time."""

    def beside(counts: Clip) -> Trace:
        both = golden.run(artifact.network, np.concatenate([counts[::-1], counts], axis=1))
        return both.sample(1)

    return differing(clips, artifact, beside)


def by_engine(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """The compiled engine."""
    from fxp_model.engine import Engine

    return differing(clips, artifact, Engine(artifact.network).trace)


def by_rtl(sim: str) -> Form:
    """The core under the simulator `sim`, with random stalls and at full rate."""

    def form(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
        from tb.harness.cosim import cosimulate
        from tb.harness.runner import BenchFailure, Workspace, missing_tool

        missing = missing_tool(sim)
        if missing is not None:
            raise ImportError(missing)
        lengths = np.array([len(clip) for clip in clips])
        padded = [np.pad(clip, ((0, lengths.max() - len(clip)), (0, 0), (0, 0))) for clip in clips]
        counts, config = np.concatenate(padded, axis=1), config_of(args, artifact.network.spec)
        try:
            with Workspace.of_run(args.out) as workspace:
                cosimulate(args.artifact, config, counts, lengths, len(clips), sim, workspace)
        except BenchFailure as failure:
            return str(failure)
        return None

    return form


def by_hls(artifact: Artifact, clips: list[Clip], args: argparse.Namespace) -> str | None:
    """The C++ of hls4ml's project, compiled with g++: one project per clip length."""
    from hw.hls.emulation import Emulation, missing_tool
    from hw.hls.project import emulation, generate, project_name

    missing = missing_tool()
    if missing is not None:
        raise ImportError(missing)
    lanes = max(stage.lanes for stage in config_of(args, artifact.network.spec).stages)
    name = project_name(artifact)
    programs: dict[int, Emulation] = {}
    for steps in sorted({len(clip) for clip in clips}):
        project = args.out / f"hls-{steps}"
        generate(artifact, name, project, lanes=lanes, steps=steps)
        programs[steps] = emulation(project, name, artifact, steps, project / "csim" / "trace")
    mismatch = differing(clips, artifact, lambda counts: programs[len(counts)].run(counts))
    for index, counts in enumerate(() if mismatch else clips):
        if programs[len(counts)].beats(counts) != encode_trace(golden.run(artifact.network, counts)):
            return f"clip {index}: beats of the output differ"
    return mismatch


FORMS: dict[str, Form] = {
    "torch": by_torch,
    "golden": by_golden,
    "engine": by_engine,
    "rtl-verilator": by_rtl("verilator"),
    "rtl-icarus": by_rtl("icarus"),
    "hls": by_hls,
}


Samples = NDArray[np.int64]
EAR_MULTIPLIERS = 4
"""Of the simulated ear: these take the fewest cycles."""


class Heard(NamedTuple):
    """Recordings (n,) that a golden ear heard one after the other, its counts (T, channels), its states.

    sound : (n,) what was played to the microphone, all of them
    """

    spec: EarSpec
    trigger: TriggerSpec
    microphone: EarConfig
    sound: Samples
    recordings: list[Samples]
    counts: list[NDArray[np.uint8]]
    states: list[EarState]

    @classmethod
    def of(cls, artifact: Artifact, microphone: EarConfig, played: list[Samples]) -> Heard:
        """Heard whole, from rest, as the golden receiver of the microphone delivers them."""
        spec, sound = ear_of(artifact), np.concatenate(played)
        ear = Ear(spec)
        pcm, _ = amplify(Played.to(microphone, spec, sound).samples, 0)
        recordings = np.split(pcm, np.cumsum([len(own) for own in played])[:-1])
        counts, states = [], []
        for samples in recordings:
            counts.append(ear.step(samples))
            states.append(copy.deepcopy(ear.state))
        return cls(spec, trigger_of(artifact), microphone, sound, recordings, counts, states)

    def differing(self, state: EarState, step: Callable[[Samples], NDArray[np.uint8]]) -> str | None:
        """First difference of counts by `step`, or of `state` after them."""
        for index, samples in enumerate(self.recordings):
            counts = step(samples)
            if counts.shape != self.counts[index].shape:
                return f"clip {index}: frames: expected {len(self.counts[index])}, got {len(counts)}"
            for frame, channel in np.argwhere(counts != self.counts[index])[:1]:
                expected, got = self.counts[index][frame, channel], counts[frame, channel]
                return f"clip {index}: frame {frame} channel {channel}: expected {expected}, got {got}"
            field = self.states[index].differs(state)
            if field is not None:
                return f"clip {index}: {field} of the ear after it differs"
        return None


EarForm = Callable[[Heard, argparse.Namespace], str | None]
"""Hears recordings; as `Form`."""


def by_golden_ear(heard: Heard, args: argparse.Namespace) -> str | None:
    """The golden ear, which gets the samples in pieces, of a millisecond on average."""
    ear, rng = Ear(heard.spec), np.random.default_rng(0)

    def step(samples: Samples) -> NDArray[np.uint8]:
        cuts = rng.integers(0, len(samples), len(samples) // heard.spec.samples_per_ms)
        return np.concatenate([ear.step(piece) for piece in np.split(samples, np.sort(cuts))])

    return heard.differing(ear.state, step)


def by_ear_engine(heard: Heard, args: argparse.Namespace) -> str | None:
    """The compiled ear."""
    from fxp_model.ear.engine import EarEngine

    ear = EarEngine(heard.spec)
    return heard.differing(ear.state, ear.step)


def by_ear_rtl(sim: str) -> EarForm:
    """The ear behind its microphone under the simulator `sim`."""

    def form(heard: Heard, args: argparse.Namespace) -> str | None:
        from tb.harness.ear_recorder import hear
        from tb.harness.runner import BenchFailure, Workspace, missing_tool

        missing = missing_tool(sim)
        if missing is not None:
            raise ImportError(missing)
        try:
            with Workspace.of_run(args.out) as workspace:
                hear(heard.spec, heard.trigger, heard.microphone, heard.sound, sim, workspace)
        except BenchFailure as failure:
            return str(failure)
        return None

    return form


EAR_FORMS: dict[str, EarForm] = {
    "ear-golden": by_golden_ear,
    "ear-engine": by_ear_engine,
    "ear-rtl-verilator": by_ear_rtl("verilator"),
    "ear-rtl-icarus": by_ear_rtl("icarus"),
}


def heard_clips(artifact: Artifact, args: argparse.Namespace) -> Heard | None:
    """The recordings, where there are any and the encoder is an ear; `InputError` if an ear is to run."""
    if args.data is not None and (artifact.encoder or {}).get("name") == EarSpec.name:
        from fxp_model.data.artifact_frames import recordings_for

        microphone = EarConfig(args.microphone, EAR_MULTIPLIERS, settles=False)
        _, recordings = recordings_for(artifact, args.data, args.split, args.clips)
        return Heard.of(artifact, microphone, recordings)
    for name in args.forms or ():
        if name in EAR_FORMS:
            raise InputError(f"--forms {name} must have --data and an artifact whose encoder is an ear")
    return None


def run_forms(
    artifact: Artifact, heard: Heard | None, clips: list[Clip], args: argparse.Namespace
) -> dict[str, Any]:
    """Result and seconds of each requested form; prints a line for it."""
    runs: dict[str, Callable[[], str | None]] = {}
    if heard is not None:
        runs = {name: partial(form, heard, args) for name, form in EAR_FORMS.items()}
    runs |= {name: partial(form, artifact, clips, args) for name, form in FORMS.items()}
    forms: dict[str, Any] = {}
    for name in args.forms or runs:
        started = time.perf_counter()
        try:
            mismatch = runs[name]()
            result = "equal" if mismatch is None else mismatch
        except (ImportError, InputError) as error:  # not installed; a form that has no such network
            result = f"not run: {error}"
        forms[name] = {"result": result, "seconds": round(time.perf_counter() - started, 1)}
        if args.json != "-":
            print(f"{name:19}{result}", flush=True)
    return forms


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    add_artifact_argument(parser)
    add_data_options(parser, "the artifact's stimulus")
    parser.add_argument("--clips", type=COUNT, default=1, help="number of clips (default: %(default)s)")
    parser.add_argument(
        "--forms",
        nargs="+",
        choices=(*EAR_FORMS, *FORMS),
        help="implementations to run (default: all; those of an ear where there are recordings for one)",
    )
    parser.add_argument(
        "--microphone",
        choices=MICROPHONES,
        default="pcm",
        help="through which recordings reach an ear; pcm: as they are (default: %(default)s)",
    )
    add_width_options(parser)
    parser.add_argument(
        "--out", type=some_path, default=Path("build/prove"), help="work folder (default: %(default)s)"
    )
    add_json_option(parser, "the results")
    return parser


def main() -> int:
    """Run every form, print a line for each."""
    args = parser().options()
    artifact = load_artifact(args.artifact)
    config_of(args, artifact.network.spec)
    heard = heard_clips(artifact, args)
    if heard is not None:
        clips: list[Clip] = [counts[:, None] for counts in heard.counts]
    else:
        clips = list(chosen_clips(artifact, args.data, args.split, args.clips))
    args.out = args.out.resolve()
    with owned(args.out):
        forms = run_forms(artifact, heard, clips, args)
    if args.json:
        write_json(args.json, {"artifact": artifact.name, "clips": len(clips), "forms": forms})
    return 0 if all(form["result"] == "equal" for form in forms.values()) else 1
