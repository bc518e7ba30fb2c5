"""Pages of the manual as programs: their blocks run in order, in one folder and one namespace.

``python`` blocks are executed. A ``sh`` block is run line by line: ``python scripts/NAME.py`` in this
process, everything else by a shell. A ``text`` block is the output of the previous block, with ``...`` for
what may differ. A block after ``<!-- skip: next "REASON" -->`` is not run; its commands must still be
accepted by the scripts' parsers.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from fxp_model import (
    Artifact,
    LayerSpec,
    Network,
    NetworkSpec,
    StageParams,
    find,
    load_artifact,
    save_artifact,
)
from tests.calls import call
from tests.paths import ROOT

PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "\n```" in page.read_text(encoding="utf-8")),
]
SCRIPT = re.compile(r"python scripts/([a-z_]+)\.py\b(.*)")


def commands(text: str) -> list[str]:
    """The lines of a ``sh`` block, continued ones joined."""
    lines = text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def arguments(command: str) -> tuple[str, list[str]] | None:
    """Script and arguments, if the command runs a script, at any position."""
    found = SCRIPT.search(command)
    return None if found is None else (found[1], shlex.split(found[2].partition("&")[0], comments=True))


def small(name: str, folder: Path) -> Artifact:
    """A part of the bundled network `name`, under that name in `folder`: 12 neurons per layer, 12 steps."""
    whole = load_artifact(find(name))
    spec, params, n_in = whole.network.spec, whole.network.params, whole.network.spec.n_in
    stages, own = [], []
    for stage, values in zip(spec.stages, params, strict=True):
        n_out = min(stage.n_out, 12) if isinstance(stage, LayerSpec) else stage.n_out
        stages.append(replace(stage, n_in=n_in, n_out=n_out))
        delays = None if values.delay_steps is None else values.delay_steps[:n_out]
        own.append(StageParams(values.weight[:n_out, :n_in], values.bias[:n_out], values.recurrent, delays))
        n_in = n_out
    return save_artifact(
        folder / name,
        network=Network(NetworkSpec(tuple(stages[:-1]), stages[-1]), tuple(own)),
        labels=whole.labels,
        encoder=whole.encoder,
        provenance=whole.provenance,
        metrics=whole.metrics,
        stimulus=whole.stimulus[30:42],
    )


def _python(example: Example) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        PythonEvaluator()(example)
    example.namespace["printed"] = output.getvalue()


def _shell(example: Example) -> None:
    printed = []
    for command in commands(example.parsed):
        found = arguments(command)
        if found is not None and command.startswith("python "):
            ended = call(f"{found[0]}.py", *found[1])
            assert ended.returncode == 0, f"{command}: {ended.stderr}"
            printed.append(ended.stdout)
            continue
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, encoding="utf-8", timeout=600
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        printed.append(done.stdout)
    example.namespace["printed"] = "".join(printed)


def _text(example: Example) -> None:
    """Each line must be among those printed."""
    printed = example.namespace["printed"].splitlines()
    check = doctest.OutputChecker().check_output
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    for line in example.parsed.splitlines():
        assert any(check(line, got, flags) for got in printed), f"{line!r} was not printed, but {printed}"


MANUAL = Sybil(
    parsers=[
        SkipParser(),
        CodeBlockParser("python", _python),
        CodeBlockParser("sh", _shell),
        CodeBlockParser("text", _text),
    ]
)


def run(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the blocks of `page` in `folder`; yields for each that it was run, or the reason why not."""
    (folder / "scripts").symlink_to(ROOT / "scripts")
    monkeypatch.chdir(folder)
    for example in MANUAL.parse(page):
        try:
            example.evaluate()
        except SkipTest as reason:
            yield f"not run: {reason}"
        else:
            yield "run"
