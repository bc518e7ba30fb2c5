"""What a board hears, shown: words, meter and counters."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fxp_model.artifact import load_artifact
from hw.config import HardwareConfig
from tb.harness.ears import hearing_artifact
from tests.calls import Done, call
from tests.hw.driver.board_model import CORE_BASE, EAR_BASE, MAILBOX_BASE, Board
from tests.scripts.serial_board import at_a_port
from tests.tiny import tiny_artifact

pytestmark = pytest.mark.slow

Listen = Callable[..., Done]
TOLD = ["class 1 -7 0 0.31", "class 0 1234 56 1.20"]


class Hearing(Board):
    """An ear that has heard 20 frames more at each look at its meter, and tells two words meanwhile."""

    def _read(self, base: int, name: str) -> int:
        if (base, name) == (EAR_BASE, "FRAMES"):
            self.words[base, name] = self.words.get((base, name), 0) + 20
            if self.words[base, name] == 40:
                self.text += TOLD
        return super()._read(base, name)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("heard") / "heard"
    hearing_artifact(folder, 27)
    return folder


@pytest.fixture
def board(heard: Path) -> Board:
    artifact = load_artifact(heard)
    board = Hearing(artifact, HardwareConfig.uniform(artifact.network.spec), ear=True)
    board.words[EAR_BASE, "PEAK"] = 1 << 14
    board.words[EAR_BASE, "CLIPPED"] = 3
    return board


@pytest.fixture
def listen(board: Board, heard: Path) -> Listen:
    """Listen to the board."""

    def run(*options: str) -> Done:
        with at_a_port(board) as port:
            return call("listen.py", "--port", port, "--artifact", str(heard), *options)

    return run


def test_words_are_shown_and_the_meter(listen: Listen) -> None:
    done = listen("--seconds", "0.5")
    assert done.returncode == 0, done.stderr
    first, second, status = done.stdout.splitlines()
    assert first == "     0.31 s  class 1      score -7, margin 0"
    assert second == "     1.20 s  class 0      score 1234, margin 56"
    assert status == (
        "[....................] peak -6 dB, 2 words, 80 frames, 3 clipped, 0 overruns, 0 dropped frames"
    )


def test_words_and_meter_are_lines_of_json(board: Board, listen: Listen, tmp_path: Path) -> None:
    for target in ("-", str(tmp_path / "log.jsonl")):
        board.words[EAR_BASE, "FRAMES"] = 0
        done = listen("--seconds", "0.5", "--json", target)
        text = done.stdout if target == "-" else Path(target).read_text(encoding="utf-8")
        records = [json.loads(line) for line in text.splitlines()]
        words = [record for record in records if "word" in record]
        assert words == [
            {"word": "class 1", "score": -7, "margin": 0, "time_s": 0.31},
            {"word": "class 0", "score": 1234, "margin": 56, "time_s": 1.2},
        ]
        meters = [record["meter"] for record in records if "meter" in record]
        assert [meter["frames"] for meter in meters] == [20, 40, 60, 80]
        assert {meter["peak"] for meter in meters} == {0.5}


@pytest.mark.parametrize("line", ["class 99 1 1 0.10", "class 1 1 0.10", "class 1 x 1 0.10", "hello"])
def test_what_is_no_word_is_none(listen: Listen, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr("tests.scripts.test_listen.TOLD", [line])
    records = [json.loads(own) for own in listen("--seconds", "0.5", "--json", "-").stdout.splitlines()]
    assert [record for record in records if "meter" not in record] == [{"damaged": line}]


def test_the_host_is_heard_no_longer_and_the_gain_is_set(board: Board, listen: Listen) -> None:
    board.words[EAR_BASE, "SOURCE"] = 1
    assert listen("--seconds", "0.1", "--gain", "5").returncode == 0
    assert board.words[EAR_BASE, "SOURCE"] == 0
    assert board.words[EAR_BASE, "GAIN"] == 5
    assert board.words[MAILBOX_BASE, "MODE"] == 2


def test_a_detector_is_set_and_there_is_no_floor(tmp_path: Path) -> None:
    artifact = hearing_artifact(tmp_path / "steps", 27, stride=2)
    board = Hearing(artifact, HardwareConfig.uniform(artifact.network.spec), ear=True)
    board.words[EAR_BASE, "LEVEL"] = board.words[EAR_BASE, "LOUDNESS"] = 0
    with at_a_port(board) as port:
        options = ("--port", port, "--artifact", str(tmp_path / "steps"), "--seconds", "0.5")
        done = call("listen.py", *options, "--margin", "9", "--refractory", "2")
    assert done.returncode == 0, done.stderr
    names = ("DETECT_MARGIN", "DETECT_HOLD", "DETECT_REFRACTORY", "DETECT_SILENT")
    assert [board.words[CORE_BASE, name] for name in names] == [9, 4, 2, 1 << 16]
    first, *_, status = done.stdout.splitlines()
    assert first == "     0.31 s  class 1      score -7, margin 0"
    assert status.startswith("[##########..........] ")


def test_bad_input_is_one_line(heard: Path, tmp_path: Path) -> None:
    tiny_artifact(tmp_path / "deaf")
    sound = ("--sound", str(tmp_path / "none.wav"))
    for options, message in (
        (("--artifact", str(tmp_path / "deaf")), "deaf must have an ear, not frames "),
        (("--artifact", str(heard), *sound), "--sound must come with --port sim, not /dev/nowhere"),
        (("--artifact", str(heard)), "/dev/nowhere must be a serial port: "),
        (
            ("--artifact", str(heard), "--margin", "1"),
            "heard answers per sample; --margin, --hold and --refractory are for answers per step",
        ),
    ):
        done = call("listen.py", "--port", "/dev/nowhere", *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"listen.py: {message}")
        assert len(done.stderr.splitlines()) == 1


def test_a_file_of_before_is_kept_where_no_board_answers(heard: Path, tmp_path: Path) -> None:
    file = tmp_path / "words.jsonl"
    file.write_text("of yesterday\n", encoding="utf-8")
    done = call("listen.py", "--port", "/dev/nowhere", "--artifact", str(heard), "--json", str(file))
    assert done.returncode == 2
    assert file.read_text(encoding="utf-8") == "of yesterday\n"
