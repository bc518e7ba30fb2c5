"""Every public name rejects invalid input with an `InputError`."""

import numpy as np
import pytest

import fxp_model
import hw
from fxp_model import InputError, Overflow, QFormat, Rounding

WORD = QFormat(True, 2, 6)


@pytest.fixture(scope="module")
def given():
    """A small network, a configuration, counts and the trace of their run."""
    spec = fxp_model.NetworkSpec(
        (fxp_model.LayerSpec(n_in=3, n_out=4, weight=WORD, bias=WORD, membrane=WORD, beta=200, v_th=64),),
        fxp_model.ReadoutSpec(n_in=4, n_out=2, weight=WORD, bias=WORD, membrane=WORD, beta=200),
    )
    shapes = [((4, 3), 4), ((2, 4), 2)]
    params = tuple(fxp_model.StageParams(np.ones(shape, int), np.zeros(n, int)) for shape, n in shapes)
    network = fxp_model.Network(spec, params)
    counts = np.ones((5, 2, 3), np.uint8)
    return network, hw.HardwareConfig.uniform(spec, lanes=2), counts, fxp_model.run(network, counts)


CASES = {
    "run a name": (lambda n, c, x, t: fxp_model.run("x", x), "network must be of type Network, not 'x'"),
    "run floats": (lambda n, c, x, t: fxp_model.run(n, x / 2), "input must hold integers, not float64"),
    "run ragged": (
        lambda n, c, x, t: fxp_model.run(n, [[1], [1, 2]]),
        "input must be an array of integers, not ",
    ),
    "params beyond int64": (
        lambda n, c, x, t: fxp_model.StageParams(np.full((2, 2), 2**64 - 1, np.uint64), [0, 0]),
        "weight must hold signed 64-bit integers, not 18446744073709551615",
    ),
    "params true": (
        lambda n, c, x, t: fxp_model.StageParams(np.ones((2, 2), bool), [0, 0]),
        "weight must hold integers, not bool",
    ),
    "network of a name": (
        lambda n, c, x, t: fxp_model.Network("x", n.params),
        "spec must be of type NetworkSpec, not 'x'",
    ),
    "network of names": (
        lambda n, c, x, t: fxp_model.Network(n.spec, ("x", "y")),
        r"params\[0\] must be of type StageParams, not 'x'",
    ),
    "load a number": (lambda n, c, x, t: fxp_model.load_artifact(3), "path must be a path, not 3"),
    "open a number": (lambda n, c, x, t: fxp_model.open_dataset(3), "source must be a path, not 3"),
    "frames for a name": (
        lambda n, c, x, t: fxp_model.frames_for("x", "y", "val"),
        "artifact must be of type Artifact, not 'x'",
    ),
    "save a name": (
        lambda n, c, x, t: save("out", network="x", stimulus=x),
        "network must be of type Network, not 'x'",
    ),
    "save one label": (
        lambda n, c, x, t: save("out", network=n, stimulus=x, labels="ab"),
        "labels must be .*",
    ),
    "save no JSON": (
        lambda n, c, x, t: save("out", network=n, stimulus=x, provenance={"made by": object()}),
        "provenance must be JSON: .*",
    ),
    "save no number": (
        lambda n, c, x, t: save("out", network=n, stimulus=x, metrics={"val": float("nan")}),
        "metrics must be JSON: .*",
    ),
    "real of a text": (lambda n, c, x, t: WORD.from_real("x"), "value for .* must be real numbers, not 'x'"),
    "no rounding": (
        lambda n, c, x, t: fxp_model.requantize(1, 3, WORD, "UP", Overflow.SAT),
        "rounding must be one of TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF, RND_CONV, not 'UP'",
    ),
    "no overflow": (
        lambda n, c, x, t: WORD.from_real(1.0, Rounding.RND, "CLIP"),
        "overflow must be one of WRAP, SAT, SAT_ZERO, SAT_SYM, not 'CLIP'",
    ),
    "mismatch with a name": (
        lambda n, c, x, t: t.first_mismatch("x"),
        "actual must be of type Trace, not 'x'",
    ),
    "mismatch of others": (
        lambda n, c, x, t: t.first_mismatch(fxp_model.run(n, x[:3])),
        r"layer0\.i_syn must have shape \(5, 2, 4\), not \(3, 2, 4\)",
    ),
    "no such sample": (lambda n, c, x, t: t.sample(2), r"index must be 0\.\.1, not 2"),
    "evaluate other labels": (
        lambda n, c, x, t: fxp_model.evaluate(fxp_model.run, n, x, np.array([1]), np.array([5, 5])),
        r"labels must have shape \(2,\), as the network answers each sample, not \(1,\)",
    ),
    "widths for a name": (
        lambda n, c, x, t: hw.HardwareConfig.uniform("x"),
        "spec must be of type NetworkSpec, not 'x'",
    ),
    "emit a name": (lambda n, c, x, t: hw.emit("x", c, "x"), "network must be of type Network, not 'x'"),
    "emit for a name": (
        lambda n, c, x, t: hw.emit(n, "x", "x"),
        "config must be of type HardwareConfig, not 'x'",
    ),
    "emit under a number": (lambda n, c, x, t: hw.emit(n, c, 3), "name of a core must be .*, not 3"),
    "emit with no digest": (
        lambda n, c, x, t: hw.emit(n, c, "x", "zz"),
        "sha256 must be 64 digits .*, not 'zz'",
    ),
    "build a name": (
        lambda n, c, x, t: hw.build_core("x", c, "x", "out"),
        "artifact must be of type Artifact, not 'x'",
    ),
    "estimate a name": (
        lambda n, c, x, t: hw.estimate("x", c, "ecp5"),
        "network must be of type Network, not 'x'",
    ),
    "estimate for nothing": (lambda n, c, x, t: hw.estimate(n, c, "virtex"), ".*not 'virtex'"),
    "events of other counts": (
        lambda n, c, x, t: hw.event_counts(n, t, x[:3]),
        r"counts must have shape \(5, 2, 3\), as the trace has, not \(3, 2, 3\)",
    ),
    "cycles of too few": (
        lambda n, c, x, t: hw.clip_cycles(n.spec, c, hw.event_counts(n, t, x)[:1], [5, 5]),
        "events must be one array for each of layer0, readout, not 1 arrays",
    ),
    "a sample of floats": (
        lambda n, c, x, t: hw.encode_sample([[1.5]]),
        "counts must hold integers, not float64",
    ),
    "a sample below 0": (lambda n, c, x, t: hw.encode_sample([[-1]]), r"counts must be 0\.\.255, not -1"),
    "a sample above 255": (lambda n, c, x, t: hw.encode_sample([[256]]), r"counts must be 0\.\.255, not 256"),
    "a sample of no step": (
        lambda n, c, x, t: hw.encode_sample(np.zeros((0, 3), int)),
        r"counts must have shape \(T >= 1, n_in <= 65536\), not \(0, 3\)",
    ),
    "scores of names": (lambda n, c, x, t: hw.encode_result(["x"]), "scores must hold integers, not .*"),
    "scores too large": (
        lambda n, c, x, t: hw.encode_result([1, 2**40]),
        r"scores\[1\] must be .*, not 1099511627776",
    ),
}


def save(path, **changes):
    parts = {"labels": ("a", "b"), "encoder": None, "provenance": {}, "metrics": {}} | changes
    return fxp_model.save_artifact(path, **parts)


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_usable_is_told(given, case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, message = CASES[case]
    with pytest.raises(InputError, match=f"^{message}"):
        call(*given)
    assert not any(tmp_path.iterdir())


def test_an_engine_tells_likewise(given):
    pytest.importorskip("numba")
    network, _, counts, _ = given
    for call, message in (
        (lambda: fxp_model.Engine("x"), "network must be of type Network, not 'x'"),
        (lambda: fxp_model.Engine(network, threads="2"), "threads must be .*, not '2'"),
        (lambda: fxp_model.Engine(network).run(counts / 2), "input must hold integers, not float64"),
        (lambda: fxp_model.Engine(network).run(counts, lengths=[5]), "lengths must have shape .*"),
        (lambda: fxp_model.Engine(network).stream("x"), "batch must be .*, not 'x'"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            call()
