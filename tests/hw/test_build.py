"""A build: complete, deterministic, and verified by its own testbench without Python."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from fxp_model.artifact import Artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.folders import SUMS
from fxp_model.network import Network
from hw.boards.boards import BOARDS
from hw.build import FOLDER, build_core, module_name
from hw.config import EVENTS_PER_CYCLE, HardwareConfig
from hw.protocol import END_OF_STEP, Beat, encode_result, encode_sample, packed, unpacked
from hw.registers import register_map
from hw.report.builds import of_core
from tb.harness.stimulus import answering, random_network
from tests.vectors import run_vectors

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return saved(random_network(3, max_neurons=12), tmp_path_factory.mktemp("artifact") / "3-small net")


def saved(network: Network, folder: Path) -> Artifact:
    layer = network.spec.layers[0]
    stimulus = np.random.default_rng(1).integers(0, layer.max_input + 1, (6, 3, layer.n_in), dtype=np.uint8)
    return save_artifact(
        folder,
        network=network,
        labels=tuple(f"class {i}" for i in range(network.spec.n_out)),
        encoder=None,
        provenance={},
        metrics={"val_accuracy": 0.5},
        stimulus=stimulus,
    )


def build_into(out: Path, artifact: Artifact, events_per_cycle: int = 1) -> dict:
    config = HardwareConfig.uniform(artifact.network.spec, 4, events_per_cycle=events_per_cycle)
    return build_core(artifact, config, module_name(artifact), out)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_same_input_gives_same_bytes(artifact: Artifact, tmp_path: Path) -> None:
    build_into(tmp_path / "a", artifact)
    build_into(tmp_path / "b", artifact)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_a_build_holds_what_it_promises(artifact: Artifact, tmp_path: Path) -> None:
    manifest = build_into(tmp_path / "out", artifact)
    name = manifest["name"]
    assert name == "core_3_small_net"
    assert set(files_of(tmp_path / "out")) == {
        f"{name}.v",
        f"{name}.core",
        "fusesoc/synth.tcl",
        "manifest.json",
        "SHA256SUMS",
        "report.html",
        "report.txt",
        "report.json",
        *(f"figures/{figure}.svg" for figure in ("cycles", "delays", "diagram", "latency", "raster")),
        "vectors/README.md",
        "vectors/expected.hex",
        "vectors/latency_cycles.hex",
        "vectors/stimulus.hex",
        f"vectors/tb_{name}.v",
        "litex/spikeline_litex.py",
        "litex/spikeline_dma.h",
        f"litex/{name}_mailbox.v",
        "vivado/block_design.tcl",
        "vivado/core.tcl",
        "vivado/create_ip.tcl",
        "vivado/ooc.xdc",
        "vivado/synth.tcl",
        *(f"driver/{name}.py" for name in ("spikeline", "uart", "linux_tty", "uio", "overlay")),
        "driver/description.json",
        *(f"driver/spikeline.{kind}" for kind in ("h", "svd", "rdl", "dtsi")),
        *(f"driver/spikeline_driver.{kind}" for kind in ("h", "c")),
    }
    stored = json.loads((tmp_path / "out/manifest.json").read_text(encoding="utf-8"))
    assert stored == json.loads(json.dumps(manifest))
    assert stored.keys() >= {"name", "artifact_sha256", "hardware", "ports", "versions", "estimate"}
    assert stored["artifact_sha256"] == artifact.sha256
    names = artifact.network.spec.stage_names
    assert [(r["name"], r["offset"]) for r in stored["registers"]] == [
        (register.name, register.offset) for register in register_map(names, reload=False)
    ]
    word = int(artifact.sha256[:8], 16)
    assert f"32'd{word}" in (tmp_path / f"out/{name}.v").read_text(encoding="utf-8")
    report = (tmp_path / "out/report.txt").read_text(encoding="utf-8")
    for clip in stored["estimate"]["clips"]:
        assert clip["cycles"] >= clip["lower_bound_cycles"]
        assert str(clip["cycles"]) in report
    assert f"{stored['estimate']['memory_bits']:,} bits" in report


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog not found: apt-get install iverilog")
@pytest.mark.parametrize("events_per_cycle", EVENTS_PER_CYCLE)
def test_the_plain_testbench_passes_and_can_fail(
    artifact: Artifact, tmp_path: Path, events_per_cycle: int
) -> None:
    out = tmp_path / "out"
    build_into(out, artifact, events_per_cycle)
    good = run_vectors(out / "vectors")
    assert (good.returncode, good.stdout.splitlines()[-1][:5]) == (0, "PASS:"), good.stdout + good.stderr

    for file, complaint in (("expected.hex", "output beat"), ("latency_cycles.hex", "predicted")):
        path = out / "vectors" / file
        original = path.read_text(encoding="utf-8")
        first, rest = original.split("\n", 1)
        path.write_text(f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}", encoding="utf-8")
        bad = run_vectors(out / "vectors")
        assert bad.returncode != 0
        assert f"FAIL: sample 0{',' if file == 'expected.hex' else ':'} {complaint}" in bad.stdout
        path.write_text(original, encoding="utf-8")


@pytest.mark.skipif(not shutil.which("iverilog"), reason="iverilog not found: apt-get install iverilog")
@pytest.mark.parametrize("stride", [1, 4])
def test_a_build_with_answers_per_step(tmp_path: Path, stride: int) -> None:
    """Complete; its testbench passes, and can fail."""
    artifact = saved(answering(random_network(3, max_neurons=12), stride), tmp_path / "artifact")
    out = tmp_path / "out"
    manifest = build_into(out, artifact, events_per_cycle=2)
    own = manifest["estimate"]["answers"]
    said = f"answers, after every {stride} steps that are far apart: mean {own['cycles_mean']:,.1f} cycles"
    assert said in (out / "report.txt").read_text(encoding="utf-8")
    assert f"An answer after every {stride} steps" in (out / "report.html").read_text(encoding="utf-8")
    assert of_core(manifest["estimate"])["answer_cycles_max"] == own["cycles_max"]
    boards = manifest["estimate"]["boards"]
    assert not any(board["lacking"] for board in boards)
    assert json.loads((out / "driver/description.json").read_text(encoding="utf-8"))["stride"] == stride
    assert {file.name for file in (out / "litex").iterdir()} >= {f"{manifest['mailbox']['name']}.v"}
    good = run_vectors(out / "vectors")
    answers = 3 * (len(artifact.stimulus) // stride)
    assert good.stdout.splitlines()[-1] == f"PASS: {answers} answers, {3 * answers} output beats, twice"
    path = out / "vectors" / "latency_cycles.hex"
    *lines, last = path.read_text(encoding="utf-8").split()
    path.write_text("\n".join([*lines, f"{int(last, 16) + 1:08x}", ""]), encoding="utf-8")
    bad = run_vectors(out / "vectors")
    assert bad.returncode != 0
    assert (
        f"FAIL: answer {answers - 1}: predicted {int(last, 16) + 1} cycles, took {int(last, 16)}"
        in bad.stdout
    )


def test_a_stride_beyond_the_stimulus_is_refused(tmp_path: Path) -> None:
    artifact = saved(answering(random_network(3, max_neurons=12), 7), tmp_path / "artifact")
    with pytest.raises(InputError, match=r"^sample 0 must have at least stride = 7 steps, not 6$"):
        build_into(tmp_path / "build", artifact)
    assert not (tmp_path / "build").exists()


def test_a_foreign_folder_is_not_overwritten(artifact: Artifact, tmp_path: Path) -> None:
    """Any web application has a manifest.json."""
    for name in ("manifest.json", "app.js"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(
        InputError, match=r"^.* holds files and is not an earlier build; name another folder$"
    ):
        build_into(tmp_path, artifact)
    assert files_of(tmp_path) == {"manifest.json": b"{}", "app.js": b"{}"}


def test_results_in_a_build_outlive_the_next(artifact: Artifact, tmp_path: Path) -> None:
    build_into(tmp_path, artifact)
    results = {"vivado/utilization.rpt": "hours", "vectors/run.vvp": "minutes", "notes.txt": "mine"}
    for name, text in results.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    other = build_core(artifact, HardwareConfig.uniform(artifact.network.spec, 4), "renamed", tmp_path)
    assert other["name"] == "renamed"
    assert FOLDER.others(tmp_path) == sorted(results)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in results} == results
    assert [path.name for path in tmp_path.glob("*.v")] == ["renamed.v"]


def test_the_list_of_files_is_one_that_sha256sum_checks(artifact: Artifact, tmp_path: Path) -> None:
    build_into(tmp_path, artifact)
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=tmp_path, check=True)


def test_beats_of_a_sample() -> None:
    counts = np.array([[0, 3, 1], [0, 0, 0]])
    marker = END_OF_STEP
    assert encode_sample(counts) == [Beat(3 << 16 | 1), Beat(1 << 16 | 2), Beat(marker), Beat(marker, True)]


def test_beats_of_a_result() -> None:
    assert encode_result(np.array([-1, 5, 5])) == [Beat(0xFFFFFFFF), Beat(5), Beat(5), Beat(1, True)]


def test_words_share_beats_within_a_step_and_come_back_in_order() -> None:
    counts = np.array([[2, 3, 1], [0, 0, 0], [0, 1, 0], [5, 0, 6]])
    words = encode_sample(counts)
    beats = packed(words, 2)
    assert [beat.tkeep for beat in beats] == [0xFF, 0xFF, 0x0F, 0xFF, 0xFF, 0x0F]
    assert beats[0].tdata == 3 << 48 | 1 << 32 | 2 << 16
    assert [word for beat in beats for word in unpacked(beat)] == words
    assert packed(words, 1) == words
    assert unpacked(Beat(7, tkeep=0)) == []
    assert unpacked(Beat(7, tlast=True, tkeep=0)) == [Beat(END_OF_STEP, tlast=True)]


@pytest.mark.parametrize(
    ("board", "kinds"), [("ulx3s-25f", ("il", "lpf", "ys")), ("pynq-z2", ("v", "xdc", "tcl"))]
)
def test_a_board_gets_a_project_for_its_tools(
    artifact: Artifact, tmp_path: Path, board: str, kinds: tuple[str, ...]
) -> None:
    pytest.importorskip("amaranth_boards", reason="amaranth-boards not found: pip install 'spikeline[flow]'")
    config = HardwareConfig.uniform(artifact.network.spec)
    manifest = build_core(artifact, config, "own", tmp_path / "out", boards=[board])
    folder = tmp_path / "out" / "boards" / board
    assert set(files_of(folder)) == {"own_board.v", "build_top.sh", *(f"top.{kind}" for kind in kinds)}
    about = manifest["boards"][board]
    assert about["build"] == "sh build_top.sh"
    assert re.fullmatch(r"openFPGALoader -b (ulx3s|pynq_z2) top\.bit", about["load"])
    assert about["device"]["clock_hz"] == BOARDS[board].clock_hz
    texts = {file: content.decode() for file, content in files_of(folder).items()}
    read = {
        "ys": r"read_(?:verilog|rtlil) +(\S+)|--lpf (\S+)",
        "tcl": r"(?:add_files|read_xdc) \"?([^\"\s]+)",
    }
    named = re.findall(read[kinds[2]], texts[f"top.{kinds[2]}"] + texts["build_top.sh"])
    assert {"".join(own) for own in named} == {"own_board.v", *(f"top.{kind}" for kind in kinds[:2])}
    assert f"top.{kinds[2]}" in texts["build_top.sh"]


def test_a_board_that_is_not_known_is_named(artifact: Artifact, tmp_path: Path) -> None:
    config = HardwareConfig.uniform(artifact.network.spec)
    with pytest.raises(InputError, match=r"^boards must be of ulx3s-85f, .*, pynq-z2, not 'icebreaker'$"):
        build_core(artifact, config, "own", tmp_path / "out", boards=["icebreaker"])
    assert not (tmp_path / "out").exists()
