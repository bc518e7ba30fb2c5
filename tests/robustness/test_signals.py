"""A signal at any time ends a script with one line, its child processes, and removes temporary files."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from hw.flows import nextpnr, synth, yosys
from hw.flows.synth import RouteOptions, through
from hw.flows.tool import FlowError
from tests.tool import ended, start

INTERRUPTED = (130, "tool.py: interrupted\n")


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "__pycache__")


def told(process, line="ready\n"):
    """Wait until the script says it."""
    while process.stdout.readline() != line:
        assert process.poll() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("place", ["top", "body"])
def test_a_signal_from_outside_is_one_line(tmp_path, number, place):
    process = start(tmp_path, **{place: 'print("ready", flush=True); time.sleep(60)'}, stdout=subprocess.PIPE)
    told(process)
    process.send_signal(number)
    status, err = ended(process)
    line = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
    assert (status, err) == (128 + number, f"tool.py: {line}\n")


@pytest.mark.parametrize(
    "consequence",
    [
        "raise RuntimeError('broken')",
        "sys.exit(7)",
        "raise OSError(5, 'odd')",
        "pass",
        "os.write(1, b'x' * 10)",
    ],
)
def test_what_a_library_makes_of_a_signal_is_still_the_signal(tmp_path, consequence):
    body = f"""
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        except BaseException:
            {consequence}
    """
    assert ended(start(tmp_path, body, stdout=subprocess.DEVNULL)) == INTERRUPTED


def test_a_second_signal_lets_everything_be_put_in_order(tmp_path):
    body = """
        from fxp_model.files import replacing
        with replacing("out.txt") as path:
            path.touch()
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(60)
            finally:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    os.kill(os.getpid(), number)
    """
    assert ended(start(tmp_path, body)) == INTERRUPTED
    assert names(tmp_path) == ["tool.py"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_the_shell_set_aside_stays_so(tmp_path, number):
    """SIGHUP by nohup, SIGINT for a job in the background."""
    aside = lambda: signal.signal(number, signal.SIG_IGN)  # noqa: E731
    body = f'os.kill(os.getpid(), {int(number)}); print("went on")'
    process = start(tmp_path, body, prepare=aside, stdout=subprocess.PIPE)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "went on\n", "")


def gone(pid):
    """Whether the process ends within a moment after being told to."""
    try:
        psutil.Process(pid).wait(20)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_processes_of_a_script_and_theirs_end_with_it(tmp_path, number):
    body = """
        import subprocess, tempfile
        with tempfile.TemporaryDirectory(dir=".") as folder:
            subprocess.run(["sh", "-c", "sleep 300 & echo $! $$; echo ready; wait"], cwd=folder)
    """
    process = start(tmp_path, body, stdout=subprocess.PIPE)
    children = [int(pid) for pid in process.stdout.readline().split()]
    told(process)
    process.send_signal(number)  # to the script alone, unlike Ctrl-C in a terminal
    assert ended(process)[0] == 128 + number
    assert len(children) == 2
    assert all(map(gone, children))
    assert names(tmp_path) == ["tool.py"]


WORK = """
import os, time
def work(stopped):
    with open(f"temporary-{os.getpid()}", "w") as file:
        os.write(1, f"{os.getpid()} ready\\n".encode())  # in one write, so that two workers' lines do not mix
        while not stopped():
            time.sleep(0.01)
    os.remove(file.name)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("whole_group", [True, False])
def test_workers_are_put_in_order_before_their_script_ends(tmp_path, number, whole_group):
    (tmp_path / "own_work.py").write_text(WORK, encoding="utf-8")
    body = """
        from fxp_model.qat.workers import run_workers
        from own_work import work
        run_workers(work, 2, lambda: None)
    """
    process = start(tmp_path, body, stdout=subprocess.PIPE, start_new_session=True)
    workers = [int(process.stdout.readline().split()[0]) for _ in range(2)]
    os.killpg(process.pid, number) if whole_group else process.send_signal(number)
    line = "interrupted" if number == signal.SIGINT else "ended by SIGTERM"
    assert ended(process) == (128 + number, f"tool.py: {line}\n")
    assert all(map(gone, workers))
    assert names(tmp_path) == ["own_work.py", "tool.py"]


def test_a_seed_that_fails_ends_the_others(monkeypatch, tmp_path):
    begun = tmp_path / "begun"

    def place_and_route(netlist, device, speed, seed, *_):
        if seed == 2:
            subprocess.run([sys.executable, "-c", f"import time; open({str(begun)!r}, 'w'); time.sleep(300)"])
        while not begun.exists():
            time.sleep(0.01)
        raise FlowError("it does not fit")

    monkeypatch.setattr(nextpnr, "place_and_route", place_and_route)
    for name in ("synthesise", "read_module", "cells_of", "area_by_block"):
        monkeypatch.setattr(yosys, name, lambda *_: None)
    monkeypatch.setattr(yosys, "blocks_of", lambda core: [])
    monkeypatch.setattr(yosys, "area", lambda *_: {})
    monkeypatch.setattr(synth, "version_of", lambda package: "1")
    core = type("Core", (), {"name": "core"})
    route = RouteOptions("hx8k", None, seeds=8, workers=2)
    started = time.monotonic()
    with pytest.raises(FlowError, match=r"^it does not fit$"):
        through(core, "ice40", route, 300, lambda line: None)
    assert time.monotonic() - started < 60
