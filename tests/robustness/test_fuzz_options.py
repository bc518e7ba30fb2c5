"""Unusual options of every script: accepted, or refused in one line before any work."""

import argparse
import json
import random
import resource
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from unittest import mock

import pytest

from fxp_model.options import Parser
from fxp_model.pretrained import DEFAULT
from tb.harness.depth import FULL, depth
from tests.calls import SCRIPTS, call
from tests.scene_sounds import noise_folder
from tests.tiny import tiny_artifact

SECONDS, MESSAGE, MEMORY = 20, 2000, 4 << 30
"""Most seconds of a call, longest line, and most bytes of address space for all calls together."""

for package in ("torch", "optuna", "hls4ml", "soundfile"):
    pytest.importorskip(package)


class AcceptedError(Exception):
    """The options were accepted, and the work would begin."""


def accept(*args: object, **kwargs: object) -> None:
    raise AcceptedError


def frames(dataset: mock.Mock, split: str, *args: object, **kwargs: object) -> None:
    dataset.split(split)
    raise AcceptedError


WORK: dict[str, Callable[..., None]] = {
    "fxp_model.data.artifact_frames.load_frames": frames,
    "fxp_model.qat.bench.measure": accept,
    "fxp_model.qat.session.Training": accept,
    "fxp_model.qat.session.load_frames": frames,
    "fxp_model.results.figures.draw": accept,
    "hw.hls.project.generate": accept,
    "scripts.build_board.build_board": accept,
    "scripts.check_engine.difference": accept,
    "scripts.cosim.cosimulate": accept,
    "scripts.ear_table.extend": accept,
    "scripts.ear_table.table": accept,
    "scripts.export_nir.nir_graph": accept,
    "scripts.explore.golden": mock.Mock(run=accept),
    "scripts.fit_board.extend": accept,
    "scripts.fit_board.table": accept,
    "scripts.fit_ear.fit": accept,
    "scripts.fit_resources.fit": accept,
    "scripts.fit_resources.synthesise": accept,
    "scripts.gen_hw.build_core": accept,
    "scripts.mutate._originals": accept,
    "scripts.neuron_table.extend": accept,
    "scripts.neuron_table.fit": accept,
    "fxp_model.data.scene_frames.scene_frames": accept,
    "fxp_model.spotting.answers.heard": accept,
    "scripts.synth.emit": accept,
    **{f"scripts.prove.by_{form}": accept for form in ("torch", "golden", "engine", "hls")},
}
"""Where the work of a script begins."""
NEEDED = {
    "compare.py": ["folder", "folder"],
    "evaluate.py": ["--data", "synthetic"],
    "export_nir.py": ["--out", "new", "--dt", "1"],
    "import_network.py": ["text", "--out", "new"],
    "latency.py": ["--data", "synthetic"],
    "phrases.py": ["--speech", "folder", "--out", "new"],
    "reproduce.py": ["--data", "synthetic", "--out", "new"],
    "scenes.py": ["--data", "synthetic", "--noise", "noise", "--out", "new"],
    "search.py": ["--data", "synthetic", "--out", "new"],
    "stream.py": ["--data", "synthetic", "--noise", "noise"],
    "synth.py": ["--target", "ecp5"],
    "train.py": ["--data", "synthetic", "--out", "new"],
    "vivado_report.py": ["text", "text"],
}
NUMBERS = (
    *("0", "1", "-1", "2", "7", "1.5", "-0", "1e3", "1e-308", "1e308", "1e400", "nan", "-nan", "inf", "-inf"),
    *("", " ", "1_0", "0x10", "٣", "½", "1,5", "--", "true", "None", "[1]", "1\n", "9" * 400, "9" * 5000),
    *(str(2**power + more) for power in (31, 32, 63, 64, 100) for more in (-1, 0, 1)),
)
TEXTS = (
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "-",
        "--",
        "-x",
        "~",
        "*",
        "a b",
        "a\nb",
        "\t",
        "\x1b[31m",
        "é",
        "\u202e",
        "\udcff",
    ),
    *("$HOME", "[exit]", "'", '"', "`id`", "%s%n", "{0}", "<script>", "a=b", "../x", "x" * 300, "x" * 70000),
    *("val", "train", "none", "synthetic", "sqlite:///x"),
)
FILES = {
    "empty": b"",
    "text": b"module x;\n",
    "bytes": bytes(range(256)),
    "utf16": "{}".encode("utf-16"),
    "deep": b"[" * 100_000,
    "array": b"[1, 2]",
    "object": b"{}",
    "nan": b'{"stages": NaN}',
    "large": b'{"reload": 1e999, "stages": []}',
    "digits": b'{"stages": ' + b"9" * 5000 + b"}",
    "types": json.dumps({"stages": {}, "reload": [], "front": 3, "picked": None, "part": 7}).encode(),
    "rows": b'{"system": "x"}\n[]\n',
}
PATHS = (
    *FILES,
    "folder",
    "nowhere/x",
    "text/x",
    "dangling",
    "loop",
    "socket",
    "new",
    "tiny",
    "damaged",
    "asc20",
)
PATHS += ("/dev/null", "/dev/zero", "/dev/full", "read-only", "project")


@pytest.fixture
def bounded() -> Iterator[None]:
    """Allocations beyond `MEMORY` fail, so that the script reports them."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with files of every kind, where no work is done."""
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "note").write_text("mine", encoding="utf-8")
    (tmp_path / "dangling").symlink_to("nothing")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "read-only").touch(0o444)
    (tmp_path / "asc20").symlink_to(DEFAULT)
    tiny_artifact(tmp_path / "tiny")
    noise_folder(tmp_path / "noise")
    shutil.copytree("tiny", "damaged")
    (tmp_path / "damaged" / "spec.json").write_bytes(b"{}")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "project.tcl").write_bytes("set".encode("utf-16"))
    with socket.socket(socket.AF_UNIX) as node:
        node.bind("socket")
        forms = dict.fromkeys(import_module("scripts.prove").FORMS, accept)
        with mock.patch.dict("scripts.prove.FORMS", forms):
            for name, stub in WORK.items():
                import_module(name.rpartition(".")[0])
                monkeypatch.setattr(name, stub)
            yield tmp_path


def parser_of(script: str) -> Parser:
    parser = import_module(f"scripts.{Path(script).stem}").parser()
    assert isinstance(parser, Parser)
    return parser


def value_of(rng: random.Random, action: argparse.Action) -> str:
    """A value that is valid, nearly valid, or invalid."""
    numeric = isinstance(action.default, int | float) or (action.type is not None and rng.random() < 0.3)
    kinds = [PATHS, TEXTS, NUMBERS, *[NUMBERS] * 3 * numeric]
    if action.choices:
        kinds += [tuple(map(str, action.choices))] * 4
    return rng.choice(rng.choice(kinds))


def arguments_of(rng: random.Random, script: str) -> list[str]:
    """Required options, and a few others of the script, with values of every kind."""
    arguments = list(NEEDED.get(script, ()))
    if rng.random() < 0.3:  # required options may be unusual as well
        arguments = [own if own.startswith("-") else rng.choice((*PATHS, *TEXTS)) for own in arguments]
    options = [action for action in parser_of(script)._actions if action.option_strings]
    for action in rng.sample(options, min(len(options), rng.randint(1, 4))):
        option = rng.choice(action.option_strings)
        if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
            arguments.append(option)
        elif action.nargs == "+":
            arguments += [option, *(value_of(rng, action) for _ in range(rng.randint(0, 3)))]
        else:
            value = value_of(rng, action)
            arguments += [f"{option}={value}"] if rng.random() < 0.5 else [option, value]
    return arguments


def state_of(folder: Path) -> dict[str, object]:
    """Every name in the folder; of files the content, of links where they lead."""

    def content(path: Path) -> object:
        if path.is_symlink():
            return str(path.readlink())
        return path.read_bytes() if path.is_file() else None

    return {str(path.relative_to(folder)): content(path) for path in sorted(folder.rglob("*"))}


def restore(folder: Path, before: dict[str, object]) -> None:
    """Remove new files, and restore changed ones."""
    after = state_of(folder)
    for name in sorted(set(after) - set(before), reverse=True):
        path = folder / name
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    for name, content in before.items():
        if after.get(name) != content:
            assert isinstance(content, bytes)
            (folder / name).write_bytes(content)


def flaw(folder: Path, script: str, arguments: list[str]) -> tuple[str, str]:
    """The outcome of a call (accepted, done or refused), and what was wrong with it, if anything."""
    before, began = state_of(folder), time.monotonic()
    try:
        done = call(script, *arguments)
    except AcceptedError:
        return "accepted", ""
    except BaseException as error:
        return "failed", repr(error)
    seconds, after = time.monotonic() - began, state_of(folder)
    wrong = []
    if seconds > SECONDS:
        wrong.append(f"{seconds:.1f} s")
    if done.returncode == 0:
        changed = [name for name in after if after[name] != before.get(name, "")]
        wrong += [f"{name} is empty" for name in changed if after[name] == b""]
        return "done", ", ".join(wrong)
    lines = done.stderr.splitlines()
    if done.returncode != 2 or done.stdout or len(lines) != 1 or not lines[0].startswith(f"{script}: "):
        wrong.append(repr(done))
    if "memory" in done.stderr:
        wrong.append(done.stderr)
    if len(done.stderr) > MESSAGE:
        wrong.append(f"{len(done.stderr)} characters: {done.stderr[:60]}")
    if after != before:
        wrong.append(f"left {set(after) ^ set(before)}")
    return "refused", ", ".join(wrong)


@pytest.mark.timeout(3600)
def test_an_odd_option_is_taken_or_refused_in_a_line(world: Path, bounded: None) -> None:
    before, flaws = state_of(world), []
    ends: dict[str, set[str]] = {script: set() for script in SCRIPTS}
    for number in range(depth(60, 1000)):
        script = SCRIPTS[number % len(SCRIPTS)]
        arguments = arguments_of(random.Random(number), script)
        end, wrong = flaw(world, script, arguments)
        if wrong:
            flaws.append(f"example {number}: {script} {arguments}: {wrong}")
        ends[script].add(end)
        restore(world, before)
    assert flaws == []
    assert {"accepted", "done", "refused"} == set.union(*ends.values())
    assert all("refused" in own for own in ends.values()) >= FULL
