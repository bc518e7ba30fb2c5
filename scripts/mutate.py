"""How sharp the proofs and benches of the core are: small changes of the RTL, each of which must be noticed.

A mutant changes one place of ``hw/rtl``; those that leave the Verilog of all cores of
`tb.harness.planted` as it is are not counted. Every other one is given to the benches of the cores that it
changes, to that of its component, and to the proofs of its file, until one fails: it is killed. The rest are
compared with the original: equivalent, if each changed part of the cores is the same net by net without what
no output sees, or by induction, or if components of its file are in the surroundings that proofs assume of
them; else survived.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports, as Ctrl-C may come during them
    from fxp_model.cli import run_script

    run_script(__file__)

import hashlib
import json
import os
import re
import resource
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache, partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from pkgutil import iter_modules
from threading import Lock
from typing import Any, TypeAlias

from tqdm import tqdm

from fxp_model.cli import write_json
from fxp_model.errors import InputError
from fxp_model.files import check_file_target, read_json_lines
from fxp_model.folders import owned
from fxp_model.options import COUNT as SOME
from fxp_model.options import Parser, add_json_option, some_path, whole
from fxp_model.tables import COUNT, TEXT, check_fields, one_of
from hw.verilog import EmittedCore
from tb.benches import blocks
from tb.formal.engine import UndecidedError, equivalent, export_with, lowered, search, seen_of, seen_with
from tb.formal.netlist import Circuit, alike
from tb.formal.properties import PROPERTIES
from tb.harness import planted
from tb.harness.mutants import Mutant, all_mutants
from tb.harness.runner import BenchFailure, Design, Outcome, Workspace, missing_tool

SIM = "icarus"
FRAMES, SECONDS = 32, 30
"""Cycles in which a proof's counterexample is looked for; CPU time of a solver."""
AHEAD = 8
"""Mutants that are begun for each job, so that one that takes long holds nobody up."""
BENCH_SECONDS = 60
"""CPU time of a bench, six times what the longest takes: a mutant may never end."""
_MODULE = re.compile(r"^module \\?(\S+?) ?\((.*?)^endmodule", re.MULTILINE | re.DOTALL)
_PORT = re.compile(r"^ *((?:input|output)\b.*);", re.MULTILINE)
BLOCKS = {module.name: module.name for module in iter_modules(blocks.__path__)}
BLOCKS |= {"spike_scanner": "event_encoder"}
"""Bench of each component; one that has none of its own is in another."""
BENCHES = {
    "network": ("network", "control"),
    "reload": ("reload",),
    "answers": ("answers",),
    "reloaded": ("reloaded",),
    "strides": ("answers",),
}
"""Of each core."""
Cores: TypeAlias = dict[str, EmittedCore]


def parser() -> Parser:
    """The command-line options."""
    parser = Parser(description=__doc__)
    parser.add_argument("--mutants", type=SOME, default=400, help="mutants to count (default: %(default)s)")
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=0, help="of their choice (default: %(default)s)"
    )
    parser.add_argument("--jobs", type=whole(1, 64), default=2, help="at a time (default: %(default)s)")
    parser.add_argument(
        "--kept",
        type=some_path,
        default=Path("build/mutants.jsonl"),
        help="results, from which another run goes on (default: %(default)s)",
    )
    add_json_option(parser, "the score")
    return parser


def main() -> int:
    """Change, run, print; 1 if a mutant survived."""
    args = parser().options()
    os.environ["COCOTB_MAX_FAILURES"] = "1"  # one is enough
    if missing := missing_tool(SIM):
        raise InputError(missing)
    check_file_target(args.kept)
    begun = time.monotonic()
    originals = _originals()
    chosen = in_order(all_mutants(planted.PROJECT / "hw" / "rtl"), args.seed)
    counted: list[dict[str, Any]] = []
    made = {
        "command": f"python scripts/mutate.py --seed {args.seed}",
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in ("amaranth", "cocotb", "pyosys")},
    }
    with (
        owned(args.kept.parent),
        tqdm(total=args.mutants, desc="mutants", unit="mutant") as bar,
        limited_children() as limit,
        ThreadPoolExecutor(args.jobs) as pool,
    ):
        known, lock = kept_rows(args.kept), Lock()

        def judge(mutant: Mutant) -> dict[str, Any]:
            row = known.get(_key(mutant))
            if row is None:
                limit()
                row = _judged(mutant, originals) | made
                with lock, args.kept.open("a", encoding="utf-8") as kept:
                    kept.write(json.dumps(row) + "\n")
            return row

        begun_ones: deque[Future[dict[str, Any]]] = deque()
        while (chosen or begun_ones) and len(counted) < args.mutants:
            while chosen and len(begun_ones) < AHEAD * args.jobs:
                begun_ones.append(pool.submit(judge, chosen.pop(0)))
            row = begun_ones.popleft().result()
            if row["result"] in ("same", "invalid"):
                continue
            counted.append(row)
            bar.update()
            if not args.json:
                bar.write(f"{row['file']}:{row['line']}: {row['change']}: {row['result']} {row['by']}")
        pool.shutdown(cancel_futures=True)
    survived = [row for row in counted if row["result"] == "survived"]
    score = {
        "mutants": len(counted),
        **{result: sum(row["result"] == result for row in counted) for result in ("killed", "equivalent")},
        "survived": [{name: row[name] for name in ("file", "line", "change")} for row in survived],
        "seconds": round(time.monotonic() - begun, 1),
    }
    if args.json:
        write_json(args.json, score)
    else:
        print(
            f"{score['mutants']} mutants: {score['killed']} killed, {score['equivalent']} equivalent, ",
            end="",
        )
        print(f"{len(survived)} survived; {score['seconds']} s")
    return int(bool(survived))


def in_order(mutants: Sequence[Mutant], seed: int) -> list[Mutant]:
    """Mutants in an order of the `seed`, in which those of other lines stay where they are if one changes."""
    same: Counter[tuple[str, str]] = Counter()

    def place(mutant: Mutant) -> bytes:
        same[mutant.file, mutant.change] += 1
        number = same[mutant.file, mutant.change]
        return hashlib.sha256(f"{seed}\0{mutant.file}\0{mutant.change}\0{number}".encode()).digest()

    return sorted(mutants, key=place)


_KEPT = {
    **dict.fromkeys(("key", "file", "change", "by"), TEXT),
    "line": COUNT,
    "result": one_of(("killed", "equivalent", "survived", "same", "invalid")),
}


def kept_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Results of earlier runs by the key of their mutant; `InputError` if the file holds something else."""
    if not path.exists() or path.stat().st_size == 0:
        return {}
    rows = read_json_lines(path)
    for name, row in rows:
        check_fields(name, row, _KEPT)
    return {row["key"]: row for _, row in rows}


def _key(mutant: Mutant) -> str:
    """Of a mutant of today's RTL; benches and proofs may become sharper, so delete the file then."""
    source = (planted.PROJECT / "hw" / "rtl" / mutant.file).read_text(encoding="utf-8")
    return hashlib.sha256(f"{mutant.file}\0{mutant.applied(source)}".encode()).hexdigest()[:16]


def _originals() -> Cores:
    with tempfile.TemporaryDirectory(prefix="spikeline-") as name:
        _plant(Path(name), None)
        return {core: _emitted(Path(name), core) for core in BENCHES}


def _emitted(folder: Path, core: str) -> EmittedCore:
    network, config = planted.design_of(core)
    artifact = planted.save_network(folder / f"artifact-of-{core}", network)
    return planted.generate(folder / "sources", artifact, config)


def _plant(folder: Path, mutant: Mutant | None) -> None:
    planted.plant(folder / "sources", None)
    if mutant is not None:
        file = folder / "sources" / "hw" / "rtl" / mutant.file
        file.write_text(mutant.applied(file.read_text(encoding="utf-8")), encoding="utf-8")


def _judged(mutant: Mutant, originals: Cores) -> dict[str, Any]:
    """What became of a mutant, and what killed it."""
    row = {"key": _key(mutant), "file": mutant.file, "line": mutant.line, "change": mutant.change, "by": ""}
    with tempfile.TemporaryDirectory(prefix="spikeline-") as name:
        folder, changed = Path(name), []
        workspace = Workspace(folder / "builds", folder, brief=True)
        _plant(folder, mutant)
        for core, original in originals.items():
            try:
                own = _emitted(folder, core)
            except RuntimeError:  # it is no hardware
                return row | {"result": "invalid"}
            if own.verilog == original.verilog:
                continue
            changed.append((original.verilog, own.verilog))
            for bench in BENCHES[core]:
                if _fails(partial(planted.run_core_bench, folder, workspace, bench, SIM, own, core)):
                    return row | {"result": "killed", "by": f"bench {bench} of {core}"}
        if not changed:
            return row | {"result": "same"}
        if killer := _failing_block(mutant, folder, workspace) or _failing_proof(mutant, folder):
            return row | {"result": "killed", "by": killer}
        if all(_is_equivalent(*pair, folder) for pair in changed):
            return row | {"result": "equivalent"}
        if names := _same_in_surroundings(mutant, folder):
            return row | {"result": "equivalent", "by": f"surroundings of {', '.join(names)}"}
    return row | {"result": "survived"}


def _is_equivalent(one: str, other: str, folder: Path) -> bool:
    """Whether two cores are shown to be equivalent: each changed part is, or something around it."""
    return all(
        any(
            _shown(_alike, one, other, name, folder) or _shown(equivalent, one, other, name, folder, SECONDS)
            for name in _upwards(part)
        )
        for part in changed_parts(one, other)
    )


def changed_parts(one: str, other: str) -> list[str]:
    """The smallest modules, with the same ports in both cores, that hold all that differs between them."""
    ours, theirs = (dict(_MODULE.findall(text)) for text in (one, other))
    parts = {
        next((own for own in _upwards(name) if _ports(ours.get(own)) == _ports(theirs.get(own))), "core")
        for name in ours.keys() | theirs.keys()
        if ours.get(name) != theirs.get(name)
    }
    return sorted(part for part in parts if parts.isdisjoint(list(_upwards(part))[1:]))


def _upwards(module: str) -> Iterator[str]:
    """A module, and those around it up to the core."""
    names = module.split(".")
    return (".".join(names[:end]) for end in range(len(names), 0, -1))


def _ports(module: str | None) -> list[str] | None:
    return None if module is None else sorted(_PORT.findall(module))


def _shown(by: Callable[..., bool], *given: Any) -> bool:
    try:
        return by(*given)
    except RuntimeError:  # undecided, or their ports differ
        return False


def _alike(one: str, other: str, name: str, folder: Path) -> bool:
    return alike(_whole(one, name), lowered(other, name, folder))


@lru_cache(maxsize=64)
def _whole(text: str, name: str) -> Circuit:
    """Of an original, of which that of a core takes most of a minute."""
    with tempfile.TemporaryDirectory(prefix="spikeline-") as folder:
        return lowered(text, name, Path(folder))


def _same_in_surroundings(mutant: Mutant, folder: Path) -> list[str]:
    """Properties, one of the mutant's file among them, whose component is shown to give the same outputs.

    They are all that the mutant changes, but those of a whole core; none if one of them is not shown.
    """
    own = [name for name, of in PROPERTIES.items() if of.bug.file == mutant.file]
    others = [name for name in PROPERTIES if name not in own and not name.startswith("core_")]
    same: list[str] = []
    for name in own + others:
        if name not in own and not same:
            return []
        one = seen_of(PROPERTIES[name].build())
        try:
            other = seen_with(folder / "sources", name, folder)
        except RuntimeError:
            return []
        if one == other:
            continue
        if not _shown(equivalent, one, other, "top", folder, SECONDS, "il"):
            return []
        same.append(name)
    return same


def _failing_block(mutant: Mutant, folder: Path, workspace: Workspace) -> str:
    """A case of the bench of the mutant's component."""
    stem = BLOCKS.get(mutant.file.removesuffix(".py"))
    if stem is None:
        return ""
    bench = import_module(f"{blocks.__name__}.{stem}")
    for case in getattr(bench, "CASES", {}):
        try:
            verilog = planted.generate_block(folder / "sources", bench.__name__, case)
        except RuntimeError:
            return f"bench {stem} {case}: not built"
        design = Design("block", verilog, getattr(bench, "VISIBLE", ()))
        plan = {"case": bench.CASES[case], "seed": 1}
        if _fails(partial(workspace.simulate, design, SIM, bench.__name__, plan, case)):
            return f"bench {stem} {case}"
    return ""


def _failing_proof(mutant: Mutant, folder: Path) -> str:
    """A property of the mutant's file."""
    for name, own in PROPERTIES.items():
        if own.bug.file == mutant.file:
            try:
                export_with(folder / "sources", name, folder)
            except RuntimeError:
                return f"proof {name}: not built"
            with suppress(UndecidedError):  # that kills none
                if search(folder, FRAMES, SECONDS).broken is not None:
                    return f"proof {name}"
    return ""


def _fails(run: Callable[[], Outcome]) -> bool:
    try:
        return bool(run().failed)
    except BenchFailure:
        return True


@contextmanager
def limited_children() -> Iterator[Callable[[], None]]:
    """Within it, what is given limits the processor time of children that are then begun.

    They inherit the limit of this process, which is always ahead of it, and not what was used of it.
    """
    before = resource.getrlimit(resource.RLIMIT_CPU)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + BENCH_SECONDS, before[1]))

    try:
        yield limit
    finally:
        resource.setrlimit(resource.RLIMIT_CPU, before)
