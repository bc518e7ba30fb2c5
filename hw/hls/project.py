"""An artifact as a project folder for Vitis or Vivado HLS. Same input, same bytes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import hls4ml
import numpy as np
from numpy.typing import NDArray

from fxp_model.artifact import Artifact
from fxp_model.files import json_text, read_text, write_text
from fxp_model.folders import FolderKind
from fxp_model.network import run
from fxp_model.trace import Trace
from hw.hls import shell
from hw.hls.emulation import Emulation, Unit, compile_units
from hw.hls.graph import model_graph
from hw.hls.limits import answers_of, check_steps
from hw.hls.register import BACKENDS, HEADERS
from hw.names import check_name, free_name
from hw.protocol import Beat, encode_sample, encode_trace

FOLDER = FolderKind("project", "project.json", "spikeline-hls-project")
_CHECK = "check.sh"
_EMULATED = Path(__file__).resolve().parent / "emulated"
_COMMANDS = {
    "Vitis": "vitis-run --tcl build_prj.tcl --mode hls     # C simulation, synthesis, co-simulation",
    "Vivado": 'vivado_hls -f build_prj.tcl "reset=1"        # C simulation, synthesis, co-simulation',
}


def project_name(artifact: Artifact) -> str:
    """The artifact's name as that of a project (`hw.names.free_name`)."""
    return free_name(artifact.name, _is_taken)


def generate(
    artifact: Artifact,
    name: str,
    out: Path,
    backend: str = "Vitis",
    lanes: int | None = None,
    steps: int | None = None,
    **options: Any,
) -> None:
    """Write the project `name` of `artifact` into the folder `out`, completely or not at all.

    The artifact's stimulus becomes golden vectors. An earlier project is replaced; other files in the
    folder, such as the results of a synthesis there, are kept.

    Parameters
    ----------
    steps : int, optional
        Steps of a sequence; by default those of the stimulus. Otherwise the stimulus is cut, or padded with
        silence.
    backend, lanes, options
        As in `hw.hls.graph.model_graph`.

    Raises
    ------
    InputError
        If an option does not fit, there are fewer steps than the stride, the name cannot be that of a project
        (`hw.names`), or `out` holds something else.
    """
    check_name("a project", name, _is_taken)
    FOLDER.check(out)
    network, stimulus = artifact.network, artifact.stimulus
    if steps is not None:
        check_steps(steps, network.spec.readout)
        stimulus = np.pad(stimulus[:steps], ((0, max(0, steps - len(stimulus))), (0, 0), (0, 0)))
    steps, samples, _ = stimulus.shape
    with FOLDER.writing(out) as folder:
        graph = model_graph(network, steps, folder, f"{name}_network", backend, "io_stream", lanes, **options)
        with redirect_stdout(StringIO()):
            graph.write()
        _settle(folder, name, artifact.sha256[:8])
        readout, trace = network.spec.readout, run(network, stimulus)
        codes = list(_codes(trace))
        texts = {
            "name": name,
            "guard": name.upper(),
            # Vivado HLS requires side channels of at least one bit
            "side": 0 if backend == "Vitis" else 1,
            "backend": backend,
            "command": _COMMANDS[backend],
            "artifact": _code(artifact.name),
            "sha256": artifact.sha256,
            "steps": steps,
            "samples": samples,
            "n_in": network.spec.n_in,
            "input_bits": network.spec.layers[0].input_bits,
            "classes": network.spec.n_out,
            "stages": "\n".join(_stages(graph)),
            "more": "".join(_more(graph)),
            "codes": len(codes),
            "stride": readout.stride,
            "answers": answers_of(readout, steps),
            "in_flight": max(2, answers_of(readout, steps)),
        }
        parts = shell.PER_SAMPLE if trace.answers is None else shell.PER_STEP
        texts |= {part: text.format(**texts) for part, text in parts.items()}
        for file, text in (
            (f"firmware/{name}.h", shell.HEADER),
            (f"firmware/{name}.cpp", shell.SOURCE),
            (f"{name}_test.cpp", shell.TESTBENCH),
            (_CHECK, shell.CHECK),
            ("README.md", shell.README),
        ):
            write_text(folder / file, text.format(**texts))
        for header in _EMULATED.glob("*.h"):
            shutil.copyfile(header, folder / "firmware" / "ap_types" / header.name)
        data = folder / "tb_data"
        beats = [beat for b in range(samples) for beat in encode_sample(stimulus[:, b])]
        write_text(data / "stimulus.dat", _lines(beats))
        write_text(data / "expected.dat", _lines(encode_trace(trace)))
        write_text(data / "codes.dat", "".join(f"{code}\n" for code in codes))
        made = {"format": FOLDER.format, "name": name, "backend": backend, "artifact_sha256": artifact.sha256}
        write_text(folder / FOLDER.mark, json_text(made))


def emulation(project: Path, name: str, artifact: Artifact, steps: int, program: Path) -> Emulation:
    """The network of the project `name` in the folder `project`, compiled so that it gives whole traces."""
    firmware = project.resolve() / "firmware"
    unit = Unit(artifact.network, steps, firmware / f"{name}_network.cpp", f"{name}_network")
    weights = f'-DWEIGHTS_DIR="{firmware / "weights"}"'
    return compile_units([unit], program, [firmware / "ap_types", firmware], ["-O2", "-w", weights])


_NUMBERED = re.compile(
    r"([bdrw]|bias|config|delay|input_delay|layer|own_(alpha|beta|v_th)|recurrent|weight)\d+(_\w+)?|\w+_t"
)
"""Arrays, configurations and types of the stages of a project."""


def _is_taken(name: str) -> bool:
    """Whether a project uses `name` in its C++, for a variable, a type or a file."""
    return name in _names() or _NUMBERED.fullmatch(name) is not None


@cache
def _names() -> frozenset[str]:
    """Every name in the headers copied into each project, and in the texts of `shell`."""
    folders = [Path(hls4ml.__file__).parent / "templates" / backend.lower() for backend in BACKENDS]
    headers = [file for folder in (*folders, _EMULATED) for file in folder.rglob("*.h")]
    texts = [read_text(file) for file in (*headers, *HEADERS)]
    code = re.sub(r"//[^\n]*|/\*.*?\*/", " ", "\n".join([*texts, *shell.CODE]), flags=re.DOTALL)
    return frozenset(re.findall(r"[A-Za-z]\w*", code, flags=re.ASCII))


def _code(text: str) -> str:
    """`text` as code in Markdown, with any content."""
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if len(fence) > 1 else f"`{text}`"


def _settle(folder: Path, name: str, stamp: str) -> None:
    """Make the shell the top, and remove whatever differs from run to run."""
    _substitute(folder / "project.tcl", rf'"{name}_network"', f'"{name}"')
    _substitute(folder / "build_lib.sh", r"^LIB_STAMP=.*$", f"LIB_STAMP={stamp}")
    _substitute(folder / "hls4ml_config.yml", r"^Stamp: .*$", f"Stamp: '{stamp}'")
    _substitute(folder / "hls4ml_config.yml", r"^OutputDir: .*$", "OutputDir: .")
    # only the top function has an interface, here the shell
    _substitute(folder / "firmware" / f"{name}_network.cpp", r"^ *#pragma HLS INTERFACE .*\n", "")
    (folder / f"{name}_network_test.cpp").unlink()


def _substitute(file: Path, pattern: str, text: str) -> None:
    changed, times = re.subn(pattern, text, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if times != 1:
        raise RuntimeError(f"{file.name}: {pattern} must occur once, not {times} times: not hls4ml 1.3?")
    file.write_text(changed, encoding="utf-8")


def _codes(trace: Trace) -> Iterator[int]:
    """Codes of the first sample that a testbench checks, in its order."""
    stages: dict[str, list[NDArray[np.integer]]] = {}
    for stage, field, array in trace.arrays():
        if field not in ("answered", "scores"):
            stages.setdefault(stage, []).append(array[:, 0].astype(np.int64))
    for arrays in stages.values():
        yield from np.stack(arrays, axis=-1).ravel().tolist()
    if trace.answered is not None:
        yield from trace.scores[0].tolist()


def _lines(beats: list[Beat]) -> str:
    return "".join(f"{beat.tdata} {int(beat.tlast)}\n" for beat in beats)


def _more(graph: Any) -> Iterator[str]:
    """Lines of the README about what only some networks have."""
    layers = [layer for layer in graph.get_layers() if layer.class_name != "Input"]
    present: set[str] = set()
    for layer in layers:
        present |= layer.get_attr("more_constants").keys() | layer.get_attr("arrays").keys()
    return (f"{line}\n" for name, line in shell.MORE.items() if name in present)


def _stages(graph: Any) -> Iterator[str]:
    """A row of the README for each stage."""
    for layer in graph.get_layers():
        if layer.class_name == "Input":
            continue
        get = layer.get_attr
        n_in, n_out, words, lanes = (get(key) for key in ("n_in", "n_out", "words", "lanes"))
        dense = get("recurrence") == "dense"
        width = lanes * get("weight_bits")
        rows = n_in + (n_out if dense else 0)
        cells = (layer.name, n_in, n_out, lanes, words, rows * words * width, width, (rows + 1) * words)
        yield f"| {' | '.join(map(str, cells))} |"
