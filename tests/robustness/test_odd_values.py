"""Invalid option values, each refused in one line before any work; JSON without NaN and infinities."""

import argparse
import json
from importlib import import_module
from pathlib import Path

import pytest

from fxp_model.errors import InputError
from fxp_model.qat.limits import LIMITS, check_limits
from fxp_model.spec import MAX_LAYERS, NetworkSpec
from hw.registers import register_map
from tests.calls import SCRIPTS, call
from tests.tiny import tiny_artifact

for package in ("torch", "optuna"):
    pytest.importorskip(package)

NEEDED = {
    "compare.py": ("a", "b"),
    "evaluate.py": ("--data", "x"),
    "export_nir.py": ("--out", "x", "--dt", "1"),
    "import_network.py": ("x", "--out", "x", "--calibrate", "x"),
    "latency.py": ("--data", "x"),
    "search.py": ("--data", "x", "--out", "x"),
    "synth.py": ("--target", "ecp5"),
    "train.py": ("--data", "x", "--out", "x"),
    "vivado_report.py": ("a", "b"),
}
DECIBELS = {
    *(("train.py", "--snr-db"), ("train.py", "--gain-db"), ("scenes.py", "--snr-db")),
    *(("scenes.py", "--level-db"), ("stream.py", "--level-db")),
}
PAIRS = DECIBELS | {
    *(("train.py", "--start-delays"), ("scenes.py", "--distance-m"), ("stream.py", "--distance-m")),
    ("scenes.py", "--speed"),
}
BELOW_0 = DECIBELS | {("evaluate.py", "--snr-db"), ("evaluate.py", "--gain-db"), ("stream.py", "--snr-db")}
ODD = ("nan", "inf", "-inf", "1e400", "-1", str(10**30), "9" * 5000, "", "x")


def actions(script: str) -> list[argparse.Action]:
    return [
        own for own in import_module(f"scripts.{Path(script).stem}").parser()._actions if own.dest != "help"
    ]


def numeric() -> list[tuple[str, str]]:
    """Every option of every script whose default, or limit, is a number."""
    found = []
    for script in SCRIPTS:
        for action in actions(script):
            kind = getattr(action.type, "__qualname__", "")
            if kind.startswith(("whole.", "real.")):
                found.append((script, action.option_strings[0]))
    return found


def test_every_option_of_every_script_has_a_type() -> None:
    for script in SCRIPTS:
        for action in actions(script):
            assert (
                action.nargs == 0
                or action.choices
                or action.type not in (None, int, float, str, Path)
                or (isinstance(action, argparse.BooleanOptionalAction) or action.dest == "systems")
            ), f"{script} {action.option_strings}"
            default = action.default[0] if isinstance(action.default, list) else action.default
            if isinstance(default, int | float) and not isinstance(default, bool):
                assert action.type.__qualname__.startswith(("whole.", "real.")), (
                    script,
                    action.option_strings,
                )
    assert len(numeric()) > 50


@pytest.mark.parametrize(("script", "option"), numeric(), ids=lambda own: own.removeprefix("--"))
def test_an_odd_number_is_one_line(
    script: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for value in ODD:
        given: tuple[str, ...] = (f"{option}={value}",)
        if (script, option) in PAIRS:
            given = (option, "0", value)
        if ((script, option) in BELOW_0 and value == "-1") or (len(given) > 1 and value == "-inf"):
            continue  # which is not odd, or in argparse's eyes another option
        done = call(script, *NEEDED.get(script, ()), *given)
        assert done.returncode == 2, value[:40]
        assert done.stderr.startswith(f"{script}: {option} must be "), value[:40]
        assert len(done.stderr.splitlines()) == 1
        assert len(done.stderr) < 200
        assert not done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_empty_text_is_one_line(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    checked = 0
    for action in actions(script):
        if (
            action.nargs == 0
            or not action.option_strings
            or isinstance(action, argparse.BooleanOptionalAction)
        ):
            continue
        done = call(script, *NEEDED.get(script, ()), f"{action.option_strings[0]}=")
        assert done.returncode == 2, action.option_strings
        assert len(done.stderr.splitlines()) == 1
        assert not done.stdout
        checked += 1
    assert checked > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "arguments", "line"),
    [
        ("gen_hls.py", ("--rtl", "x"), "--rtl requires --report"),
        ("gen_hls.py", ("--clips", "200"), "--clips requires --check"),
        ("gen_hls.py", ("--split", "val"), "--split requires --check"),
        (
            "gen_hls.py",
            ("--report", "x", "--rtl", "x", "--json", "-"),
            "argument --json: not allowed with argument --rtl",
        ),
        ("synth.py", ("--device", "85k"), "--device requires --pnr"),
        ("synth.py", ("--seeds", "3"), "--seeds requires --pnr"),
        ("synth.py", ("--timeout", "nan"), "--timeout must be a number from 0.001 to 1e+06, not nan"),
        ("explore.py", ("--timeout", "9"), "--timeout requires --verify"),
        ("explore.py", ("--pick", "fast"), "--pick requires --out"),
        ("explore.py", ("--max-us", "nan"), "--max-us must be a number from 0.001 to 1e+09, not nan"),
        (
            "explore.py",
            ("--clock-mhz", "1e-308"),
            "--clock-mhz must be a number from 0.001 to 10000, not 1e-308",
        ),
        ("gen_hw.py", ("--split", "val"), "--split requires --data"),
        ("train.py", ("--taught", "0.5"), "--taught requires --teacher"),
        ("train.py", ("--noise", "x"), "--noise requires --copies"),
        ("train.py", ("--copies", "2", "--snr-db", "0", "9"), "--snr-db requires --noise"),
        (
            "train.py",
            ("--copies", "2", "--gain-db", "6", "-30"),
            "gain_db must be a low and a high value, not 6 and -30",
        ),
        ("train.py", ("--copies", "2", "--noise", "x"), "x: noise must be a folder"),
        ("evaluate.py", ("--snr-db", "9"), "--snr-db requires --noise"),
        ("evaluate.py", ("--noise", "x"), "--noise requires --snr-db"),
        ("evaluate.py", ("--gain-db", "61"), "--gain-db must be a number from -120 to 60, not 61"),
        ("train.py", ("--hidden", *["8"] * (MAX_LAYERS + 1)), f"layers must be 1..{MAX_LAYERS}, not 248"),
        ("reproduce.py", ("--json", "-"), "--json requires --summary or --figures"),
        ("reproduce.py", ("--summary", "--seeds", "1"), "--seeds requires --data"),
        ("check_engine.py", ("--seed", "-1"), "--seed must be at least 0, not -1"),
        ("check_engine.py", ("--seed", str(2**64)), f"--seed must be at most {2**63 - 1}, not {2**64}"),
        ("check_engine.py", ("--artifact=--",), "--artifact must have a value, not '--'"),
        ("compare.py", ("--json", "folder"), "argument --json: {here}/folder is a folder; name a file"),
        (
            "compare.py",
            ("--html", "file/x"),
            "argument --html: {here}/file/x cannot be written: {here}/file is not a folder",
        ),
    ],
)
def test_what_means_nothing_is_refused(
    script: str, arguments: tuple[str, ...], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    done = call(script, *NEEDED.get(script, ()), *arguments)
    assert (done.returncode, done.stderr, done.stdout) == (2, f"{script}: {line.format(here=tmp_path)}\n", "")
    assert sorted(own.name for own in tmp_path.iterdir()) == ["file", "folder"]


def test_a_network_has_no_more_layers_than_a_core_has_registers(tmp_path: Path) -> None:
    spec = tiny_artifact(tmp_path / "tiny").network.spec
    table = json.loads(json.dumps(spec.to_dict()))
    first, last = table["layers"][0], table["layers"][-1]
    inner = {**last, "n_in": last["n_out"], "input_bits": 1}
    table["layers"] = [first, *table["layers"][1:], *[inner] * (MAX_LAYERS - len(table["layers"]))]
    most = NetworkSpec.from_dict(table)
    assert len(register_map(most.stage_names, reload=True)) > 3 * MAX_LAYERS
    table["layers"].append(inner)
    with pytest.raises(InputError, match=r"^a network must have at most 247 hidden layers, not 248$"):
        NetworkSpec.from_dict(table)


@pytest.mark.parametrize("name", LIMITS)
def test_limits_are_refused_by_name(name: str) -> None:
    low, high = LIMITS[name]
    for value in (low, high):
        check_limits(name, value)
    for value in (low - 1, high + 1, float("nan"), float("inf"), -float("inf")):
        with pytest.raises(InputError, match=rf"^{name} must be .*\.\..*, not "):
            check_limits(name, value)
