"""Model checking by yosys and ABC, both in the package pyosys: a monitor to AIGER, and to a verdict."""

from __future__ import annotations

import re
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyosys
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal

from hw.rtl.tap import INDEXED_BIT
from tb.formal.monitor import Monitor
from tb.formal.netlist import Circuit, circuit
from tb.harness.planted import run_with

ABC = Path(pyosys.__file__).parent / "yosys-abc"
STAGES = ("lemmas", "claims")
FRAMES = 4
"""Depth of the induction, over all pairs of nets that may be equal."""
SEARCH = 64
"""Cycles in which a counterexample is looked for."""
SECONDS = 300
"""CPU time of a solver."""
_REDUCE = f"scorr -F {FRAMES} -C 100000; write_aiger reduced.aig"
_LOWER = """\
hierarchy -check -top top
proc
flatten
opt_clean
opt -full -nodffe -nosdff
memory -nomap
memory_map
opt -full -nodffe -nosdff
techmap
dffunmap
opt -nodffe -nosdff
aigmap
"""
_OUTPUTS = """\
design -save all
delete -port w:claims w:either
opt_clean
write_aiger -zinit lemmas.aig
design -load all
delete -port w:lemmas w:either
opt_clean
write_aiger -zinit claims.aig
design -load all
delete -port w:lemmas w:claims
opt_clean
write_aiger -zinit either.aig
"""
_TWIN = """\
{read} {twin}.{kind}
hierarchy -check -top {name}
proc
flatten
rename {name} {twin}
design -stash {twin}
"""
_MITER = """\
design -copy-from one one
design -copy-from other other
miter -equiv -flatten one other top
"""
_WHOLE = """\
read_verilog -sv whole.v
hierarchy -check -top {name}
rename {name} top
"""
_SYMBOLS = """\
opt_clean -purge
write_aiger -zinit -symbols whole.aig
"""
_RUN_YOSYS = "from pyosys import libyosys as ys; ys.run_pass('script design.ys', ys.Design())"


@dataclass(frozen=True)
class Verdict:
    """What was found of a property.

    broken : the first cycle in which it is false, if one was found
    method : that proved it for ever: ``induction`` or ``pdr``, or for some cycles: ``bmc``; else empty
    seconds : CPU time of the solver
    """

    broken: int | None
    method: str
    seconds: float


class UndecidedError(RuntimeError):
    """A solver came to no verdict, or to the end of its time."""


def export(monitor: Monitor, folder: Path) -> None:
    """Write the lemmas and the claims of a monitor as circuits, each with one output that must stay low."""
    (folder / "design.il").write_text(_converted(*monitor.finish()), encoding="utf-8")
    (folder / "design.ys").write_text(f"read_rtlil design.il\n{_LOWER}{_OUTPUTS}", encoding="utf-8")
    _run([sys.executable, "-c", _RUN_YOSYS], folder)


def _converted(m: Module, ports: Sequence[Signal]) -> str:
    text = rtlil.convert(m, name="top", ports=ports, emit_src=False)
    return re.sub(rf"(?m)^(\s*cell) \\{INDEXED_BIT} ", rf"\1 ${INDEXED_BIT} ", text)


def export_with(sources: Path, name: str, folder: Path) -> None:
    """Export the property `name` of `tb.formal.properties`, by the RTL in `sources`, in its own process."""
    run_with(sources, _EXPORT, name, str(folder))


_EXPORT = """\
from tb.formal.engine import export
from tb.formal.properties import PROPERTIES

name, result = sys.argv[2:]
export(PROPERTIES[name].build(), Path(result))
"""


def seen_of(monitor: Monitor) -> str:
    """RTLIL of a monitor's component in its surroundings, with `Monitor.outputs`."""
    return _converted(*monitor.outputs())


def seen_with(sources: Path, name: str, folder: Path) -> str:
    """The same of the property `name`, by the RTL in `sources`, in its own process."""
    run_with(sources, _SEEN, name, str(folder))
    return (folder / "seen.il").read_text(encoding="utf-8")


_SEEN = """\
from tb.formal.engine import seen_of
from tb.formal.properties import PROPERTIES

name, result = sys.argv[2:]
(Path(result) / "seen.il").write_text(seen_of(PROPERTIES[name].build()), encoding="utf-8")
"""


def prove(folder: Path, cycles: int | None = None) -> Verdict:
    """Prove what `export` wrote, for ever or in `cycles`: first the lemmas, then the claims with their help.

    Raises
    ------
    UndecidedError
        If neither a proof nor a counterexample was found.
    """
    if cycles is not None:
        found = search(folder, cycles)
        return replace(found, method="bmc") if found.broken is None else found
    methods, seconds = set(), 0.0
    for stage in STAGES:
        reduce = f"read_aiger {stage}.aig; strash; {_REDUCE}"
        before = _cpu_seconds()
        out = _run([str(ABC), "-c", f"{reduce}; pdr -s -f"], folder)
        seconds += _cpu_seconds() - before
        if _is_constant_low((folder / "reduced.aig").read_bytes()):
            methods.add("induction")
        elif _proved(out):
            methods.add("pdr")
        elif (frame := _asserted(out)) is not None:
            return Verdict(frame, "", seconds)
        else:
            raise UndecidedError(f"ABC has no verdict:\n{out[-2000:]}")
    return Verdict(None, max(methods), seconds)


def search(folder: Path, bound: int = SEARCH, seconds: int = SECONDS) -> Verdict:
    """Look for a counterexample of at most `bound` cycles, for `seconds` of CPU time."""
    before = _cpu_seconds()
    out = _run([str(ABC), "-c", f"read_aiger either.aig; strash; bmc3 -F {bound}"], folder, seconds)
    found = _asserted(out)
    if found is None and f"No output asserted in {bound} frames" not in out:
        raise UndecidedError(f"ABC has no verdict:\n{out[-2000:]}")
    return Verdict(found, "", _cpu_seconds() - before)


def equivalent(
    one: str, other: str, name: str, folder: Path, seconds: int = SECONDS, kind: str = "v"
) -> bool:
    """Whether two texts of the module `name` are shown to give equal outputs in every cycle.

    The texts are of Verilog, or with `kind` "il" of RTLIL. Found by the induction over equal nets, or else by
    PDR, in `seconds` of CPU time each; False says nothing.
    """
    twins = {"one": one, "other": other}
    for twin, text in twins.items():
        (folder / f"{twin}.{kind}").write_text(text, encoding="utf-8")
    read = {"v": "read_verilog -sv", "il": "read_rtlil"}[kind]
    start = "".join(_TWIN.format(read=read, twin=twin, kind=kind, name=name) for twin in twins) + _MITER
    (folder / "design.ys").write_text(start + _LOWER + "write_aiger -zinit miter.aig\n", encoding="utf-8")
    _run([sys.executable, "-c", _RUN_YOSYS], folder, seconds)
    _run([str(ABC), "-c", f"read_aiger miter.aig; strash; {_REDUCE}"], folder, seconds)
    if _is_constant_low((folder / "reduced.aig").read_bytes()):
        return True
    return _proved(_run([str(ABC), "-c", "read_aiger reduced.aig; pdr -s -f"], folder, seconds))


def lowered(text: str, name: str, folder: Path, seconds: int = SECONDS) -> Circuit:
    """The module `name` of a text, its memories in registers, without what no output sees."""
    (folder / "whole.v").write_text(text, encoding="utf-8")
    (folder / "design.ys").write_text(_WHOLE.format(name=name) + _LOWER + _SYMBOLS, encoding="utf-8")
    _run([sys.executable, "-c", _RUN_YOSYS], folder, seconds)
    clean = "read_aiger whole.aig; strash; scleanup; write_aiger -s clean.aig"
    _run([str(ABC), "-c", clean], folder, seconds)
    return circuit((folder / "clean.aig").read_bytes())


def _proved(out: str) -> bool:
    """Whether PDR found an invariant, and this was verified."""
    return "Property proved" in out and "Verification of invariant" in out and "was successful" in out


def _asserted(out: str) -> int | None:
    found = re.search(r"was asserted in frame (\d+)", out)
    return int(found[1]) if found else None


def _is_constant_low(aiger: bytes) -> bool:
    """Whether a circuit of one output has neither latches nor gates, and is 0."""
    head, output = aiger.split(b"\n")[:2]
    return head.split()[3:] == [b"0", b"1", b"0"] and output == b"0"


def _cpu_seconds() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def _run(command: list[str], folder: Path, seconds: int = SECONDS) -> str:
    """Run a tool in `folder`, for at most `seconds` of CPU time."""
    limit = partial(resource.setrlimit, resource.RLIMIT_CPU, (seconds, seconds))
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", preexec_fn=limit
    )
    if done.returncode:
        limited = done.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        kind = UndecidedError if limited else RuntimeError
        raise kind(
            f"{Path(command[0]).name}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr}"
        )
    return done.stdout
