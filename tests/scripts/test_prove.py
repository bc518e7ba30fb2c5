"""All implementations in one command: a line for each, and status 0 only if all are equal."""

import importlib.util
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from fxp_model import network as golden
from fxp_model.artifact import save_artifact
from fxp_model.data.audio import read_audio
from fxp_model.ear.engine import EarEngine
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError
from hw.protocol import encode_trace
from tb.harness.stimulus import answering, random_network, random_samples
from tests.hw.hls import units as hls_units
from tests.paths import ROOT

pytestmark = pytest.mark.slow

if (missing := hls_units.missing_tool()) is not None:
    pytest.skip(missing, allow_module_level=True)

STEPS = 6


@pytest.fixture(scope="module")
def prove():
    spec = importlib.util.spec_from_file_location("prove", ROOT / "scripts" / "prove.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(random_network(5, 6), tmp_path_factory.mktemp("artifact") / "small")


def saved(network, path):
    samples = random_samples(np.random.default_rng(0), network.spec, 3, STEPS)
    save_artifact(
        path,
        network=network,
        labels=tuple(map(str, range(network.spec.n_out))),
        encoder=None,
        provenance={},
        metrics={},
        stimulus=hls_units.same_length(samples, STEPS).astype(np.uint8),
    )
    return path


def call(prove, monkeypatch, folder, tmp_path, *arguments):
    options = ["--artifact", str(folder), "--out", str(tmp_path / "out"), *arguments]
    monkeypatch.setattr(sys, "argv", ["prove.py", *options])
    return prove.main()


def test_every_form_is_there(prove):
    assert list(prove.FORMS) == ["torch", "golden", "engine", "rtl-verilator", "rtl-icarus", "hls"]


def test_every_form_of_an_ear_is_there(prove):
    assert list(prove.EAR_FORMS) == ["ear-golden", "ear-engine", "ear-rtl-verilator", "ear-rtl-icarus"]


def test_equal_forms_are_a_line_each_and_status_0(prove, monkeypatch, capsys, folder, tmp_path):
    forms = ["torch", "golden", "engine", "hls"]
    status = call(prove, monkeypatch, folder, tmp_path, "--clips", "3", "--forms", *forms)
    assert capsys.readouterr().out.splitlines() == [f"{form:19}equal" for form in forms]
    assert status == 0


def test_a_network_with_everything_is_equal_in_cpp(prove, monkeypatch, capsys, tmp_path):
    folder = saved(hls_units.active_network(hls_units.EVERYTHING), tmp_path / "everything")
    assert call(prove, monkeypatch, folder, tmp_path, "--clips", "3", "--forms", "golden", "hls") == 0
    assert capsys.readouterr().out.splitlines() == [f"{form:19}equal" for form in ("golden", "hls")]


def test_clips_of_other_lengths_get_projects_of_their_own(prove, monkeypatch, folder, tmp_path):
    stimulus = golden.check_counts(
        prove.load_artifact(folder).network.spec, prove.load_artifact(folder).stimulus
    )
    clips = [stimulus[:steps, :1] for steps in (4, STEPS)]
    monkeypatch.setattr(prove, "chosen_clips", lambda *arguments: iter(clips))
    assert call(prove, monkeypatch, folder, tmp_path, "--forms", "hls") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"hls-4", f"hls-{STEPS}"}


def test_one_other_integer_is_named_and_status_1(prove, monkeypatch, capsys, folder, tmp_path):
    def wrong(network, counts):
        trace = golden.run(network, counts)
        v_mem = trace.readout.v_mem.copy()
        v_mem[2, 0, 0] += 1
        return replace(trace, readout=replace(trace.readout, v_mem=v_mem))

    monkeypatch.setattr("fxp_model.qat.evaluate.run", wrong)
    status = call(prove, monkeypatch, folder, tmp_path, "--forms", "torch", "golden", "--json", "-")
    forms = json.loads(capsys.readouterr().out)["forms"]
    assert status == 1
    assert forms["torch"]["result"].startswith("clip 0: readout.v_mem: sample 0 step 2 neuron 0: expected ")
    assert forms["golden"]["result"] == "equal"


def test_a_form_that_cannot_run_is_no_proof(prove, monkeypatch, capsys, folder, tmp_path):
    monkeypatch.setattr("tb.harness.runner.missing_tool", lambda sim: f"{sim} is not installed")
    assert call(prove, monkeypatch, folder, tmp_path, "--forms", "rtl-icarus") == 1
    assert capsys.readouterr().out == "rtl-icarus         not run: icarus is not installed\n"


def test_answers_per_step_are_equal_in_cpp(prove, monkeypatch, capsys, tmp_path):
    stepped = saved(answering(random_network(5, 6), 4), tmp_path / "stepped")
    assert call(prove, monkeypatch, stepped, tmp_path, "--clips", "3", "--forms", "golden", "hls") == 0
    assert capsys.readouterr().out.splitlines() == [f"{form:19}equal" for form in ("golden", "hls")]


def test_another_beat_is_named_and_status_1(prove, monkeypatch, capsys, tmp_path):
    stepped = saved(answering(random_network(5, 6), 4), tmp_path / "stepped")
    monkeypatch.setattr(prove, "encode_trace", lambda trace: encode_trace(trace)[:-1])
    assert call(prove, monkeypatch, stepped, tmp_path, "--forms", "hls") == 1
    assert capsys.readouterr().out == "hls                clip 0: beats of the output differ\n"


def test_a_form_that_refuses_a_network_is_named_beside_the_others(prove, monkeypatch, capsys, tmp_path):
    stepped = saved(answering(random_network(5, 6), STEPS + 1), tmp_path / "stepped")
    status = call(prove, monkeypatch, stepped, tmp_path, "--forms", "hls", "engine", "--json", "-")
    forms = json.loads(capsys.readouterr().out)["forms"]
    assert status == 1
    assert forms["hls"]["result"] == "not run: steps of a project must be at least its stride, 7, not 6"
    assert forms["engine"]["result"] == "equal"


EAR_FORMS = ["ear-golden", "ear-engine", "ear-rtl-icarus"]


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """An artifact with an ear, and recordings for it."""
    place = tmp_path_factory.mktemp("heard")
    network = random_network(5, 6)
    first = network.spec.layers[0]
    ear = EarSpec.design(channels=first.n_in, sections=1, count_bits=first.input_bits)
    labels = tuple(f"word{index:02}" for index in range(network.spec.n_out))
    save_artifact(
        place / "artifact",
        network=network,
        labels=labels,
        encoder=ear.to_dict(),
        provenance={},
        metrics={},
        stimulus=np.zeros((1, 1, first.n_in), np.uint8),
    )
    rng, rows = np.random.default_rng(0), ["file,class"]
    for index, label in enumerate(labels):
        soundfile.write(place / f"{label}.wav", rng.normal(0, 0.2, 500 + index), 16_000)
        rows.append(f"{label}.wav,{label}")
    (place / "val.csv").write_text("\n".join([*rows, ""]), encoding="utf-8")
    return place


def test_a_proof_begins_at_sound_where_there_is_an_ear(prove, monkeypatch, capsys, heard, tmp_path):
    forms = [*EAR_FORMS, "golden", "engine"]
    options = ("--data", str(heard), "--clips", "2", "--forms", *forms)
    seen = []
    monkeypatch.setitem(prove.FORMS, "engine", lambda artifact, clips, args: seen.extend(clips))
    status = call(prove, monkeypatch, heard / "artifact", tmp_path, *options)
    assert capsys.readouterr().out.splitlines() == [f"{form:19}equal" for form in forms]
    assert status == 0
    ear = EarEngine(EarSpec.from_dict(prove.load_artifact(heard / "artifact").encoder))
    files = sorted(heard.glob("*.wav"))
    for file, counts in zip((files[0], files[-1]), seen, strict=True):
        samples = np.rint(read_audio(file)[0] * 32768).astype(int)
        np.testing.assert_array_equal(counts[:, 0], ear.step(np.pad(samples, (0, -len(samples) % 160))))
        assert counts.any()


@pytest.mark.parametrize("microphone", ["i2s", "pdm"])
def test_a_microphone_is_heard_by_all(prove, monkeypatch, capsys, heard, tmp_path, microphone):
    forms = ["ear-golden", "ear-engine", "golden"]
    options = ("--data", str(heard), "--microphone", microphone, "--forms", *forms)
    seen = []
    for name in ("ear-rtl-icarus", "golden"):
        table = prove.EAR_FORMS if name in prove.EAR_FORMS else prove.FORMS
        monkeypatch.setitem(table, name, lambda first, second, *args: seen.append((first, second)))
    assert call(prove, monkeypatch, heard / "artifact", tmp_path, *options, "ear-rtl-icarus") == 0
    (_, (counts,)), (own, _) = seen
    assert own.microphone.microphone == microphone
    alike = np.array_equal(own.sound, own.recordings[0])
    assert alike == (microphone == "i2s")  # PDM is not without loss, and late
    np.testing.assert_array_equal(counts[:, 0], EarEngine(own.spec).step(own.recordings[0]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("counts", "clip 0: frame 0 channel 0: expected "),
        ("state", "clip 0: level of the ear after it differs"),
    ],
)
def test_another_ear_is_named_and_status_1(prove, monkeypatch, capsys, heard, tmp_path, wrong, message):
    step = EarEngine.step

    def other(ear, samples):
        counts = step(ear, samples)
        if wrong == "counts":
            counts[0, 0] ^= 1
        else:
            ear.state.level += 1
        return counts

    monkeypatch.setattr(EarEngine, "step", other)
    options = ("--data", str(heard), "--forms", "ear-engine")
    assert call(prove, monkeypatch, heard / "artifact", tmp_path, *options) == 1
    assert message in capsys.readouterr().out


def test_an_ear_needs_sound(prove, monkeypatch, heard, folder, tmp_path):
    for artifact, more in ((heard / "artifact", ()), (folder, ("--data", str(heard)))):
        message = "^--forms ear-engine must have --data and an artifact whose encoder is an ear$"
        with pytest.raises(InputError, match=message):
            call(prove, monkeypatch, artifact, tmp_path, "--forms", "ear-engine", *more)
