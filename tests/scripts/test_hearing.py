"""scripts/hearing.py on tones: a listener is trained, measured as evaluate.py does, and gone on from."""

import json
import shutil

import pytest

from fxp_model.qat.hearing import LISTENERS, ROW, table
from fxp_model.qat.train import CHECKPOINT
from tests import sounds
from tests.calls import call

pytestmark = pytest.mark.slow

MEASURED = {
    "clean": (),
    "from_rest": ("--from-rest",),
    **{f"snr_{snr}_db": ("--snr-db", str(snr)) for snr in (30, 20, 10, 0)},
    **{f"gain_{gain}_db": ("--gain-db", str(gain)) for gain in (-30, -20, -10, 12)},
}
"""Options of evaluate.py for each accuracy in a row."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Data, noise, and the folder of the trainings."""
    data, noise, out = (tmp_path_factory.mktemp(name) for name in ("data", "noise", "out"))
    return sounds.spoken(data), sounds.noise(noise), out


def hear(folders, *more):
    data, noise, out = map(str, folders)
    own = ("--listeners", "ear-32x1", "--seeds", "3", "--epochs", "1")
    return call("hearing.py", "--data", data, "--noise", noise, "--out", out, *own, *map(str, more))


@pytest.fixture(scope="module")
def heard(folders):
    return hear(folders, "--table", folders[2] / "table.jsonl")


def test_a_row_is_what_evaluate_measures(folders, heard):
    assert heard.returncode == 0, heard.stderr
    data, noise, out = folders
    row = json.loads((out / "table.jsonl").read_text(encoding="utf-8"))
    assert (row["listener"], row["seed"], row["epochs"]) == ("ear-32x1", 3, 1)
    assert row["products_per_second"] == 2 * 32 * 16000
    shares = ", ".join(f"{name} {100 * row[name]:.1f}" for name in MEASURED)
    assert heard.stdout == f"ear-32x1 seed 3: {shares} %\n"
    own = ("--artifact", out / "ear-32x1-3" / "artifact", "--data", data, "--engine", "engine", "--json", "-")
    for name, options in MEASURED.items():
        more = ("--noise", noise, *options) if "--snr-db" in options else options
        assert row[name] == json.loads(call("evaluate.py", *map(str, (*own, *more))).stdout)["accuracy"], name


def test_it_goes_on_from_rows_and_from_checkpoints(folders, heard, tmp_path):
    data, noise, out = folders
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (copy / "ear-32x1-3" / CHECKPOINT).unlink()
    again = hear((data, noise, copy))  # the row is there: nothing is trained
    assert (again.returncode, again.stdout) == (0, heard.stdout)
    assert not (copy / "ear-32x1-3" / CHECKPOINT).exists()
    shutil.copyfile(out / "ear-32x1-3" / CHECKPOINT, copy / "ear-32x1-3" / CHECKPOINT)
    row = json.loads((copy / "ear-32x1-3" / ROW).read_bytes())
    (copy / "ear-32x1-3" / ROW).unlink()
    again = hear((data, noise, copy))  # all epochs are done: it is only measured
    assert (again.returncode, again.stdout) == (0, heard.stdout)
    renewed = json.loads((copy / "ear-32x1-3" / ROW).read_bytes())
    assert str(copy) in renewed.pop("command")
    assert str(out) in row.pop("command")
    assert renewed == row


def test_rows_of_other_questions_do_not_stand_in_one_table(folders, heard, tmp_path):
    *_, out = folders
    row = out / "ear-32x1-3" / ROW
    other = hear(folders, "--epochs", "2")
    assert other.returncode == 2
    assert other.stderr == f"hearing.py: {row}: epochs must be 2, not 1; name another folder\n"
    for index, key in ((0, "data_sha256"), (1, "noise_train_sha256")):
        changed = list(folders)
        changed[index] = tmp_path / key
        shutil.copytree(folders[index], changed[index])
        sound = min(changed[index].rglob("*.wav"))
        sound.write_bytes(max(changed[index].rglob("*.wav")).read_bytes())
        other = hear(changed)
        assert other.returncode == 2
        assert other.stderr.startswith(f"hearing.py: {row}: {key} must be ")
    assert hear(folders).stdout == heard.stdout


def test_a_table_is_in_the_order_of_the_listeners():
    rows = [{"listener": name, "seed": seed} for seed in (1, 0) for name in reversed(LISTENERS)]
    lines = [json.loads(line) for line in table(rows).splitlines()]
    assert lines == [{"listener": name, "seed": seed} for name in LISTENERS for seed in (0, 1)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--noise", "/dev/null"), "/dev/null: noise must be a folder"),
        (("--seeds", -1), "--seeds must be at least 0, not -1"),
        (("--epochs", 0), "--epochs must be at least 1, not 0"),
        (
            ("--table", "/dev/null/table"),
            "argument --table: /dev/null/table cannot be written: /dev/null is not a folder",
        ),
    ],
)
def test_errors_are_one_line_and_status_2(folders, tmp_path, options, message):
    data, noise, _ = folders
    result = hear((data, noise, tmp_path / "out"), *options)
    assert result.returncode == 2
    assert result.stderr.splitlines() == [f"hearing.py: {message}"]
    assert not (tmp_path / "out").exists()
