"""Scripts end with one line and the right exit status for every kind of error."""

import json
import os
import signal
import subprocess
import sys

import pytest

from fxp_model import cli
from fxp_model.errors import CheckFailed, InputError
from fxp_model.files import read_text
from tests.tool import ended, start


@pytest.mark.parametrize("status", [0, 1])
def test_a_script_ends_with_the_status_of_main(status, capsys):
    with pytest.raises(SystemExit) as end:
        cli.run(lambda: status)
    assert end.value.code == status
    assert capsys.readouterr() == ("", "")


ERRORS = [
    (InputError("clips must be 1 or more, not 0"), 2, "clips must be 1 or more, not 0"),
    (InputError("no file a\nb\x1b[31m"), 2, r"no file a\nb\x1b[31m"),
    (FileNotFoundError(2, "No such file or directory", "a.wav"), 2, "a.wav: No such file or directory"),
    (OSError(28, "No space left on device"), 2, "No space left on device"),
    (OSError("odd"), 2, "odd"),
    (CheckFailed("spikes differ"), 1, "spikes differ"),
    (ModuleNotFoundError(name="numba"), 2, "numba not found: pip install 'spikeline[engine]'"),
    (MemoryError(), 2, "not enough memory"),
    (MemoryError("Unable to allocate 8 GiB"), 2, "not enough memory: Unable to allocate 8 GiB"),
    (KeyboardInterrupt(), 130, "interrupted"),
    (cli.Terminated(signal.SIGTERM), 143, "ended by SIGTERM"),
    (cli.Terminated(signal.SIGHUP), 129, "ended by SIGHUP"),
]


@pytest.mark.parametrize(("error", "status", "line"), ERRORS)
def test_an_error_of_the_outside_is_one_line(error, status, line, capsys, monkeypatch):
    def main():
        raise error

    monkeypatch.setattr(sys, "argv", ["scripts/evaluate.py", "--x"])
    with pytest.raises(SystemExit) as end:
        cli.run(main)
    assert end.value.code == status
    assert capsys.readouterr() == ("", f"evaluate.py: {line}\n")


def test_nobody_reads_any_more(capsys):
    def main():
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(SystemExit) as end:
        cli.run(main)
    assert end.value.code == 141
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [RuntimeError("bug"), ValueError("bug"), ModuleNotFoundError(name="nope")])
def test_an_error_of_the_program_keeps_its_traceback(error):
    def main():
        raise error

    with pytest.raises(type(error)):
        cli.run(main)


def test_json_goes_to_standard_output_or_to_a_file(tmp_path, capsys):
    value = {"accuracy": 0.5, "clips": [1, 2], "artifact": None}
    cli.write_json("-", value)
    printed = capsys.readouterr().out
    assert json.loads(printed) == value
    target = tmp_path / "deep" / "result.json"
    cli.write_json(str(target), value)
    assert read_text(target) == printed
    assert [path.name for path in target.parent.iterdir()] == ["result.json"]


# -- processes -------------------------------------------------------------------------------------


def test_ctrl_c_among_the_imports_is_one_line(tmp_path):
    process = start(tmp_path, top="os.kill(os.getpid(), signal.SIGINT)")
    assert ended(process) == (130, "tool.py: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_puts_everything_in_order(tmp_path, number):
    body = f"""
        from fxp_model.files import replacing
        with replacing("out.txt") as path:
            path.touch()
            os.kill(os.getpid(), {int(number)})
            time.sleep(30)
    """
    process = start(tmp_path, body)
    assert ended(process) == (128 + number, f"tool.py: ended by {number.name}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["tool.py"]


def test_a_closed_pipe_is_no_traceback(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    process = start(tmp_path, 'print("x" * 100_000)', stdout=writing)
    os.close(writing)
    assert ended(process) == (141, "")


@pytest.mark.parametrize("length", [10, 100_000])
def test_a_full_disk_is_one_line(tmp_path, length):
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        process = start(tmp_path, f'print("x" * {length})', stdout=full)
        assert ended(process) == (2, "tool.py: No space left on device\n")


def test_closed_streams_and_narrow_encodings_do_not_matter(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    process = start(tmp_path, 'print("zw\\u00f6lf")', env=environment, stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert (out, err, process.returncode) == ("zw\\xf6lf\n", "", 0)
    closed = ["sh", "-c", f"exec {sys.executable} tool.py >&-"]
    done = subprocess.run(closed, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
