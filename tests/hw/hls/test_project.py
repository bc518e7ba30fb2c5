"""HLS projects: what is written, its testbench under g++ alone, and what is refused."""

import filecmp
import re
import subprocess

import numpy as np
import pytest

from fxp_model import network as golden
from fxp_model.artifact import load_artifact, save_artifact
from fxp_model.errors import InputError
from fxp_model.pretrained import DEFAULT
from fxp_model.spec import Answer
from hw.protocol import encode_sample, encode_trace
from tb.harness.stimulus import answering, corrupt, encode, random_network, random_samples
from tests.hw.hls import units as hls_units

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

import hls4ml

from hw.hls import register, shell
from hw.hls.emulation import write_firmware
from hw.hls.graph import hls_config, model_graph
from hw.hls.optional import optional
from hw.hls.project import generate

pytestmark = pytest.mark.slow

STEPS, SAMPLES = 10, 5
STRIDE = 3


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return saved(random_network(3, 12), tmp_path_factory.mktemp("artifact") / "narrow")


def saved(network, folder):
    samples = random_samples(np.random.default_rng(0), network.spec, SAMPLES, STEPS)
    return save_artifact(
        folder,
        network=network,
        labels=tuple(map(str, range(network.spec.n_out))),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=hls_units.same_length(samples, STEPS).astype(np.uint8),
    )


@pytest.fixture(scope="module")
def project(artifact, tmp_path_factory):
    """A project with its compiled testbench, and the testbench's output."""
    out = tmp_path_factory.mktemp("project") / "narrow"
    generate(artifact, "narrow", out, lanes=4)
    return out, subprocess.run(["sh", out / "check.sh"], capture_output=True, text=True, encoding="utf-8")


def bench(project, **files):
    """Run the compiled testbench with other files in tb_data."""
    out, _ = project
    kept = {name: (out / "tb_data" / f"{name}.dat").read_text(encoding="utf-8") for name in files}
    try:
        for name, text in files.items():
            (out / "tb_data" / f"{name}.dat").write_text(text, encoding="utf-8")
        return subprocess.run(
            ["./narrow_test"], cwd=out / "csim", capture_output=True, text=True, encoding="utf-8", timeout=60
        )
    finally:
        for name, text in kept.items():
            (out / "tb_data" / f"{name}.dat").write_text(text, encoding="utf-8")


def lines(beats):
    """Beats as a file of a testbench."""
    return "".join(f"{beat.tdata} {int(beat.tlast)}\n" for beat in beats)


def test_the_testbench_passes_under_gcc_alone_without_a_warning_of_ours(project, artifact):
    assert_passes(project[1], artifact.network)


def test_so_does_that_of_a_network_with_everything(tmp_path):
    network, out = hls_units.active_network(hls_units.EVERYTHING), tmp_path / "narrow"
    generate(saved(network, tmp_path / "artifact"), "narrow", out, lanes=4)
    done = subprocess.run(["sh", out / "check.sh"], capture_output=True, text=True, encoding="utf-8")
    assert_passes(done, network)
    text = (out / "firmware" / "parameters.h").read_text(encoding="utf-8")
    for name in ("leak_rounded", "reset_shift", "max_input_delay", "synapse"):
        assert f" {name} = " in text
    for name in ("own_beta", "own_alpha", "own_v_th", "input_delay"):
        assert f" {name}(" in text
    assert "\n".join(shell.MORE.values()) in (out / "README.md").read_text(encoding="utf-8")


def assert_passes(done, network):
    assert done.returncode == 0, done.stdout + done.stderr
    per_step = network.spec.readout.answer is Answer.STEP
    beats = SAMPLES * (3 * (STEPS // STRIDE) if per_step else network.spec.n_out + 1)
    assert re.fullmatch(rf"PASS: {SAMPLES} samples, {beats} beats, \d+ codes, 0 differences\n", done.stdout)
    ours = ("nnet_spikeline", "firmware/narrow", "narrow_test.cpp", "ap_axi_sdata")
    warned = [line for line in done.stderr.splitlines() if "warning:" in line and line.startswith("firmware")]
    assert [line for line in warned if any(name in line for name in ours)] == []


def test_a_network_without_them_does_not_mention_what_only_some_have():
    network = load_artifact(DEFAULT).network
    for stage, params in zip(network.spec.stages, network.params, strict=True):
        assert optional(stage, params) == {"more_constants": {}, "more_types": {}, "arrays": {}}


def test_it_compiles_as_the_tcl_says(project):
    out, _ = project
    tcl, check = (
        (out / "build_prj.tcl").read_text(encoding="utf-8"),
        (out / "check.sh").read_text(encoding="utf-8"),
    )
    assert 'add_files firmware/${project_name}.cpp -cflags "-std=c++0x"' in tcl
    assert 'add_files -tb ${project_name}_test.cpp -cflags "-std=c++0x"' in tcl
    assert "set_top ${project_name}" in tcl
    assert 'set project_name "narrow"' in (out / "project.tcl").read_text(encoding="utf-8")
    assert "-std=c++0x" in check
    assert "narrow_test.cpp firmware/narrow.cpp" in check


@pytest.mark.parametrize("name", ["expected", "codes", "stimulus"])
def test_one_other_integer_fails(project, name):
    text = (project[0] / "tb_data" / f"{name}.dat").read_text(encoding="utf-8")
    lines = text.splitlines()
    value, *rest = lines[0].split()
    lines[0] = " ".join([str(int(value) ^ 1), *rest])
    done = bench(project, **{name: "\n".join(lines) + "\n"})
    assert done.returncode == 1
    assert "FAIL" in done.stdout


@pytest.mark.parametrize("name", ["expected", "codes", "stimulus"])
def test_missing_vectors_fail(project, name):
    assert bench(project, **{name: ""}).returncode == 1


def test_faulty_beats_and_other_lengths_reach_no_later_sample(project, artifact):
    network, rng = artifact.network, np.random.default_rng(5)
    layer = network.spec.layers[0]
    first = artifact.stimulus[:, 0].astype(np.int64)
    short, long = (rng.integers(0, layer.max_input + 1, (steps, layer.n_in)) for steps in (3, STEPS + 4))
    samples = [first, short, first, long, first]
    beats = encode_sample(first)
    for sample in samples[1:]:
        beats += corrupt(rng, encode(rng, sample), layer.n_in, layer.max_input)
    answers = encode_trace(golden.run(network, hls_units.same_length(samples, STEPS)))
    done = bench(project, stimulus=lines(beats), expected=lines(answers))
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def stepped(tmp_path_factory):
    """An artifact with answers per step; its project and the output of its testbench as above."""
    folder = tmp_path_factory.mktemp("stepped")
    network = answering(hls_units.active_network(hls_units.EVERYTHING), STRIDE)
    artifact, out = saved(network, folder / "artifact"), folder / "narrow"
    generate(artifact, "narrow", out, lanes=4)
    done = subprocess.run(["sh", out / "check.sh"], capture_output=True, text=True, encoding="utf-8")
    return artifact, (out, done)


def test_the_testbench_of_answers_per_step_passes_without_a_warning_of_ours(stepped):
    artifact, (out, done) = stepped
    assert_passes(done, artifact.network)
    text = (out / "firmware" / "parameters.h").read_text(encoding="utf-8")
    assert f" stride = {STRIDE};" in text
    assert f"after every {STRIDE} steps" in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "lengths",
    [(1, STRIDE, STEPS + 4, STEPS), (3 * STEPS, STRIDE - 1, 2 * STRIDE + 1, STEPS - 1)],
    ids=["one to longer", "longer first"],
)
def test_the_steps_of_a_sample_are_answered_and_no_silence_behind_it(stepped, lengths):
    artifact, project = stepped
    network, rng = artifact.network, np.random.default_rng(5)
    layer = network.spec.layers[0]
    samples = [rng.integers(0, layer.max_input + 1, (steps, layer.n_in)) for steps in lengths]
    first = artifact.stimulus[:, 0].astype(np.int64)
    beats, answers = encode_sample(first), []
    for sample in samples:
        beats += corrupt(rng, encode(rng, sample), layer.n_in, layer.max_input)
    for sample in (first, *samples):
        answers += encode_trace(golden.run(network, sample[:STEPS, None]))
    done = bench(project, stimulus=lines(beats), expected=lines(answers))
    assert done.returncode == 0, done.stdout
    assert f" {3 * sum(min(steps, STEPS) // STRIDE for steps in (STEPS, *lengths))} beats, " in done.stdout


@pytest.mark.parametrize("name", ["expected", "codes", "stimulus"])
def test_one_other_integer_of_answers_per_step_fails(stepped, name):
    test_one_other_integer_fails(stepped[1], name)


@pytest.mark.parametrize("more", [True, False], ids=["more", "fewer"])
def test_another_number_of_answers_fails(stepped, more):
    _, project = stepped
    text = (project[0] / "tb_data" / "expected.dat").read_text(encoding="utf-8")
    other = text + "0 0\n0 0\n0 1\n" if more else "".join(text.splitlines(keepends=True)[:-3])
    assert bench(project, expected=other).returncode == 1


def test_same_input_same_bytes(project, artifact, tmp_path):
    generate(artifact, "narrow", tmp_path / "again", lanes=4)
    files = [
        file.relative_to(tmp_path / "again") for file in (tmp_path / "again").rglob("*") if file.is_file()
    ]
    assert len(files) > 100
    results = {"tb_data/csim_results.log"}
    _, differ, failed = filecmp.cmpfiles(project[0], tmp_path / "again", map(str, files), shallow=False)
    assert (set(differ) - results, failed) == (set(), [])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"name": "a-b"},
            "name of a project must be letters and digits with single _ between, a letter first, not 'a-b'",
        ),
        ({"backend": "Quartus"}, "backend must be one of Vitis, Vivado, not 'Quartus'"),
        ({"lanes": 0}, "lanes must be a positive integer, not 0"),
        ({"steps": 0}, "steps of a project must be 1..65536, not 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_written(artifact, tmp_path, changes, message):
    arguments = {"name": "narrow", "out": tmp_path / "out"} | changes
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        generate(artifact, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_fewer_steps_than_a_stride_are_refused(tmp_path):
    artifact = saved(answering(random_network(3, 12), STEPS + 1), tmp_path / "artifact")
    message = rf"^steps of a project must be at least its stride, {STEPS + 1}, not {STEPS}$"
    with pytest.raises(InputError, match=message):
        generate(artifact, "narrow", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    generate(artifact, "narrow", tmp_path / "out", steps=STEPS + 1)


def test_a_folder_of_something_else_is_left_alone(artifact, tmp_path):
    (tmp_path / "note").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"holds files and is not an earlier project; name another folder$"):
        generate(artifact, "narrow", tmp_path)


def test_registering_again_changes_nothing():
    from hls4ml.model.optimizer.optimizer import optimizer_map

    for backend in register.BACKENDS:
        register.register(backend)
        before = dict(optimizer_map)
        sources = dict(hls4ml.backends.get_backend(backend).get_custom_source())
        register.register(backend)
        assert optimizer_map == before
        assert hls4ml.backends.get_backend(backend).get_custom_source() == sources
        assert {f"nnet_utils/{header.name}" for header in register.HEADERS} <= set(sources)


def test_a_layer_of_another_package_is_not_overwritten(monkeypatch):
    monkeypatch.setitem(hls4ml.model.layers.layer_map, "SpikelineCell", hls4ml.model.layers.Dense)
    with pytest.raises(
        InputError, match=r"^another package has registered a layer SpikelineCell with hls4ml$"
    ):
        register.register("Vitis")


def test_a_reuse_factor_or_an_input_that_does_not_fit_is_refused(artifact, tmp_path, monkeypatch):
    bits = artifact.network.spec.layers[0].input_bits
    for key, value, message in (
        ("ReuseFactor", 1000, r"layer0: ReuseFactor must be 1\.\.\d+ \(its neurons\), not 1000"),
        ("Precision", {"result": "ap_uint<9>"}, rf"layer0: input must be ap_uint<{bits}>, not .*"),
    ):
        config = hls_config(artifact.network)
        config["LayerName"]["layer0" if key == "ReuseFactor" else "counts"][key] = value
        monkeypatch.setattr("hw.hls.graph.hls_config", lambda network, lanes, config=config: config)
        with pytest.raises(InputError, match=f"^{message}$"):
            model_graph(artifact.network, STEPS, tmp_path)


@pytest.mark.parametrize("stride", [None, STRIDE], ids=["per sample", "per step"])
def test_hls4mls_own_compile_and_predict_give_the_scores(artifact, tmp_path, stride):
    network = answering(artifact.network, stride)
    graph = model_graph(network, STEPS, tmp_path / "vivado", backend="Vivado")
    graph.compile()
    counts = artifact.stimulus.transpose(1, 0, 2).astype(np.float64)
    scores = np.asarray(graph.predict(np.ascontiguousarray(counts))).reshape(SAMPLES, -1)
    trace = golden.run(network, artifact.stimulus)
    expected = trace.scores if trace.answered is None else trace.answered.swapaxes(0, 1)
    assert np.array_equal(scores, expected.reshape(SAMPLES, -1))


def test_a_trained_module_converts_through_hls4mls_own_front_end(artifact, tmp_path, capsys):
    pytest.importorskip("torch")
    from fxp_model.qat.network import from_network

    network = from_network(artifact.network).export()
    assert_converts(network, artifact.stimulus, tmp_path)


@pytest.mark.parametrize("stride", [None, STRIDE], ids=["per sample", "per step"])
def test_so_does_a_network_with_everything(tmp_path, capsys, stride):
    pytest.importorskip("torch")
    network = answering(hls_units.active_network(hls_units.EVERYTHING), stride)
    assert_converts(network, hls_units.counts_of(network, hls_units.EVERYTHING), tmp_path)


def assert_converts(network, stimulus, tmp_path):
    """The module gives the golden model's scores, and the same project as the description without torch.

    With answers per step, those of each.
    """
    import torch

    from hw.hls.pytorch import converter

    for _ in range(2):
        module = converter(network)
    counts = torch.from_numpy(stimulus.transpose(1, 0, 2).astype(np.float64))
    trace = golden.run(network, stimulus)
    scores = trace.scores if trace.answered is None else trace.answered.swapaxes(0, 1)
    assert np.array_equal(module(counts).numpy(), scores)
    register.register("Vitis")
    options = {"backend": "Vitis", "channels_last_conversion": "off"}
    config = hls4ml.utils.config_from_pytorch_model(module, (STEPS, network.spec.n_in), "name", **options)
    read = hls4ml.converters.convert_from_pytorch_model(
        module,
        output_dir=str(tmp_path / "read"),
        project_name="network",
        backend="Vitis",
        io_type="io_stream",
        hls_config=config | hls_config(network, 4),
    )
    described = model_graph(network, STEPS, tmp_path / "described", lanes=4)
    for graph in (read, described):
        write_firmware(graph)
    names = ["network.cpp", "network.h", "parameters.h", "defines.h"]
    names += [f"weights/{file.name}" for file in (tmp_path / "described" / "firmware").glob("weights/*.txt")]
    assert {"weights/w2.txt", "weights/d2.txt"} <= set(names)
    _, differ, failed = filecmp.cmpfiles(
        tmp_path / "read" / "firmware", tmp_path / "described" / "firmware", names, shallow=False
    )
    assert (differ, failed) == ([], [])
