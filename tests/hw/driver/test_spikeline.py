"""The driver on a board in Python: golden answers, or an error that says why."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fxp_model.artifact import Artifact
from hw.driver.description import description_of
from hw.driver.spikeline import DeviceError, Spikeline, events
from hw.ear import ear_of, trigger_of
from hw.mailbox_registers import CORE_BASE, EAR_BASE, EVENT_ROOM, MAILBOX_BASE
from hw.protocol import encode_sample
from tests.hw.driver.board_model import Board
from tests.hw.driver.conftest import CONFIG, VLNV, Case


def opened(case: Case, board: Board, timeout_s: float = 0.05) -> Spikeline:
    return Spikeline(board, case.description, timeout_s=timeout_s)


def assert_golden(case: Case, device: Spikeline, artifact: Artifact | None = None) -> None:
    for counts in case.samples:
        wanted = case.scores(counts, artifact)
        answer = device.run(counts)
        assert answer.scores.tolist() == wanted
        assert answer.label == int(np.argmax(wanted))
        assert answer.name == case.own.labels[answer.label]


def test_words_of_a_sample_are_those_of_the_protocol(case: Case) -> None:
    for counts in case.samples:
        assert events(counts).tolist() == [beat.tdata for beat in encode_sample(counts)]


@pytest.mark.parametrize("pace", [1, 7, 5000])
def test_answers_are_the_golden_ones(case: Case, pace: int) -> None:
    board = case.board(pace=pace)
    device = opened(case, board)
    device.check()
    assert_golden(case, device)
    assert device.counters()["SAMPLES"] == len(case.samples)


def test_a_sample_that_is_longer_than_the_room(case: Case) -> None:
    counts = np.random.default_rng(1).integers(1, 8, (400, 6), dtype=np.uint8)
    assert opened(case, case.board(pace=300)).run(counts).scores.tolist() == case.scores(counts)


@pytest.mark.parametrize("pace", [0, 10])
def test_a_sample_that_just_fills_the_room(case: Case, pace: int) -> None:
    """Its last word waits for room like any other."""
    counts = np.zeros((EVENT_ROOM + 1, 6), dtype=np.uint8)
    device = opened(case, case.board(pace=pace))
    if pace:
        assert device.run(counts).scores.tolist() == case.scores(counts)
        return
    with pytest.raises(TimeoutError, match=r"^no room for events within 0\.05 s$"):
        device.run(counts)


@pytest.mark.parametrize(
    ("base", "register", "message"),
    [
        (CORE_BASE, "IDENTITY", "IDENTITY of the core must be 0x53504b4c, not 0x00000007"),
        (MAILBOX_BASE, "IDENTITY", "IDENTITY of the mailbox must be 0x53504b4d, not 0x00000007"),
        (CORE_BASE, "VERSION", r"VERSION of the core must be 0x\d{8}, not 0x00000007"),
    ],
)
def test_another_device_is_told(case: Case, base: int, register: str, message: str) -> None:
    board = case.board()
    board.words[base, register] = 7
    with pytest.raises(DeviceError, match=f"^{message}$"):
        opened(case, board).check()


def test_another_network_is_told(case: Case) -> None:
    board = case.board()
    board.running = case.other
    device = opened(case, board)
    own, other = case.own.sha256[:16], case.other.sha256[:16]
    with pytest.raises(DeviceError, match=f"^the network must be of artifact {own}.., not {other}..$"):
        device.check()
    device.check(case.other.sha256)
    assert device.loaded() == case.other.sha256


@pytest.mark.parametrize(("steps", "what"), [(600, "room for events"), (3, "answer")])
def test_after_a_time_out_the_next_answer_is_its_own(case: Case, steps: int, what: str) -> None:
    """A core that takes nothing for a while, with less or more than there is room for."""
    board = case.board()
    device = opened(case, board, timeout_s=0.01)
    assert_golden(case, device)
    board.pace = 0
    with pytest.raises(TimeoutError, match=rf"^no {what} within 0\.01 s$"):
        device.run(np.ones((steps, 6), dtype=np.uint8))
    board.pace = 100
    assert_golden(case, device)


def test_answers_of_an_earlier_host_are_forgotten(case: Case) -> None:
    board = case.board()
    opened(case, board).run(case.samples[0])
    board.answers += [9] * 6
    board.queue += [(1 << 16, False)] * 3
    assert_golden(case, opened(case, board))

    class Late(Board):
        """An answer comes just before the core is reset."""

        def write32(self, offset: int, value: int) -> None:
            if offset == CORE_BASE + 0x0C and value & 1:
                self.answers += [9] * 6
            super().write32(offset, value)

    assert_golden(case, opened(case, Late(case.own, CONFIG)))


def test_an_answer_that_is_none_is_told_and_forgotten(case: Case) -> None:
    class Odd(Board):
        def read32(self, offset: int) -> int:
            word = super().read32(offset)
            return word ^ 1 if offset == MAILBOX_BASE + 0x24 and len(self.answers) == 0 else word

    board = Odd(case.own, CONFIG)
    device = opened(case, board)
    with pytest.raises(DeviceError, match=r"^an answer must end with its class, \d, not \d$"):
        device.run(case.samples[1])
    board.__class__ = Board
    assert_golden(case, device)


def test_a_network_is_replaced_at_run_time(case: Case) -> None:
    board = case.board()
    device = opened(case, board)
    device.reload(case.image.words, case.image.crc32)
    assert device.loaded() == case.other.sha256
    assert_golden(case, device, case.other)
    assert [case.scores(s) for s in case.samples] != [case.scores(s, case.other) for s in case.samples]


def test_a_load_that_is_interrupted_or_broken_leaves_the_old_network(case: Case) -> None:
    words, crc32 = case.image.words, case.image.crc32

    class Fragile(Board):
        left = len(words) // 2

        def write32(self, offset: int, value: int) -> None:
            if offset == 0x64:
                self.left -= 1
                if self.left < 0:
                    raise OSError("the cable was pulled")
            super().write32(offset, value)

    board = Fragile(case.own, CONFIG, (case.other,))
    device = opened(case, board)
    with pytest.raises(OSError, match=r"^the cable was pulled$"):
        device.reload(words, crc32)
    assert_golden(case, device)
    board.left = 1 << 30
    with pytest.raises(DeviceError, match=r"old one continues: their CRC-32 differs$"):
        device.reload(words, crc32 ^ 1)
    with pytest.raises(DeviceError, match=rf"must have {len(words)} words, not {len(words) - 1}$"):
        device.reload(words[1:], crc32)
    assert_golden(case, device)
    device.check()
    device.reload(words, crc32)
    assert_golden(case, device, case.other)


def test_words_that_get_lost_are_told(case: Case) -> None:
    class Leaky(Board):
        def write32(self, offset: int, value: int) -> None:
            if offset != 0x64 or self.written != [case.image.words[0]]:
                super().write32(offset, value)

    with pytest.raises(DeviceError, match=r"the old one continues: words were lost$"):
        opened(case, Leaky(case.own, CONFIG, (case.other,))).reload(case.image.words, case.image.crc32)


def test_a_network_waits_for_a_sample_that_has_begun(case: Case) -> None:
    board = case.board()
    device = opened(case, board)
    board.write32(MAILBOX_BASE + 0x18, 1 << 16)
    with pytest.raises(TimeoutError, match=r"^no end of the sample in flight, for which a network waits,"):
        device.reload(case.image.words, case.image.crc32)
    assert device.loaded() == case.own.sha256
    device.reset()
    assert device.loaded() == case.other.sha256


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros((2, 5), int), r"counts must be integers of shape (T >= 1, 6), not int64 (2, 5)"),
        (np.zeros((0, 6), int), r"counts must be integers of shape (T >= 1, 6), not int64 (0, 6)"),
        (np.zeros((2, 6)), r"counts must be integers of shape (T >= 1, 6), not float64 (2, 6)"),
        (np.full((1, 6), 8), "counts must be 0..7, not 8"),
        (np.full((1, 6), -1), "counts must be 0..7, not -1"),
    ],
)
def test_samples_are_checked(case: Case, counts: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        opened(case, case.board()).run(counts)


def test_fields_are_checked(case: Case) -> None:
    device = opened(case, case.board())
    with pytest.raises(ValueError, match=r"^IRQ_ENABLE SAMPLE must be 0\.\.1, not 2$"):
        device.core.set("IRQ_ENABLE", SAMPLE=2)
    with pytest.raises(ValueError, match=r"^a field of IRQ_ENABLE must be one of SAMPLE, not 'NONE'$"):
        device.core.set("IRQ_ENABLE", NONE=1)
    with pytest.raises(DeviceError, match=r"^the device has no ear$"):
        device.listen()
    with pytest.raises(DeviceError, match=r"^the device has no ear$"):
        device.meter()
    with pytest.raises(ValueError, match=r"^description must be the description\.json of a build$"):
        Spikeline(case.board(), {})


def test_without_reload_no_network_is_replaced(case: Case) -> None:
    fixed = replace(CONFIG, reload=False, programmable_delays=False)
    description = description_of(case.own, fixed, "net", False, VLNV)
    device = Spikeline(Board(case.own, fixed), description)
    with pytest.raises(DeviceError, match=r"^the core was generated without reload$"):
        device.reload([], 0)
    assert_golden(case, device)


@pytest.mark.slow
def test_the_copy_in_a_build_needs_nothing_but_numpy(case: Case) -> None:
    """It is the same file, and runs where nothing of the project can be imported."""
    program = (
        "import json, sys; sys.path.insert(0, '.')\n"
        "import spikeline, uart, linux_tty, uio, overlay\n"
        "ours = [own for own in ('hw', 'fxp_model', 'amaranth', 'pynq') if own in sys.modules]\n"
        "device = spikeline.Spikeline(None, json.load(open('description.json', encoding='utf-8')))\n"
        "print(json.dumps([ours, device.classes, hex(device.core.identity)]))\n"
    )
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(
        command, cwd=case.driver, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert json.loads(done.stdout) == [[], list(case.own.labels), "0x53504b4c"]


def test_a_device_hears_its_ear_or_its_host(hearing: Case) -> None:
    board = hearing.board()
    device = opened(hearing, board)
    device.check()
    with pytest.raises(DeviceError, match=r"^the core hears its ear: call listen\(False\) before$"):
        device.run(hearing.samples[0])
    device.listen(False)
    assert board.words[MAILBOX_BASE, "MODE"] & 1 == 1
    assert_golden(hearing, device)
    board.write32(MAILBOX_BASE + 0x18, 1 << 16)  # of another host, which left a sample without an end
    device = opened(hearing, board)
    device.listen()
    assert not board.begun
    assert board.words[MAILBOX_BASE, "MODE"] & 1 == 0
    assert device.answer() is None
    n_out = hearing.own.network.spec.n_out
    board.answers += [*range(n_out - 1), 0xFFFFFFFE, n_out - 2]
    answer = device.answer()
    assert answer is not None
    assert answer.scores.tolist() == [*range(n_out - 1), -2]
    assert answer[1:] == (n_out - 2, f"class {n_out - 2}")
    assert device.answer() is None


def test_the_ear_has_settings_and_a_meter(hearing: Case) -> None:
    board = hearing.board()
    device = opened(hearing, board)
    assert device.ear is not None
    device.ear.set("TRIGGER_LEVELS", FALL=0x123)
    device.ear.set("TRIGGER_LEVELS", RISE=0x456)
    assert board.words[EAR_BASE, "TRIGGER_LEVELS"] == 0x123_0456
    assert device.ear.fields("TRIGGER_LEVELS") == {"RISE": 0x456, "FALL": 0x123}
    level, trigger = ear_of(hearing.own), trigger_of(hearing.own)
    board.words |= {
        (EAR_BASE, "LEVEL"): 3 << level.log_frac_bits + level.level_shift - 1,
        (EAR_BASE, "FLOOR"): 1 << trigger.log_frac_bits + trigger.floor_shift,
        (EAR_BASE, "LOUDNESS"): 3 << level.log_frac_bits - 1,
        (EAR_BASE, "PEAK"): 1 << 14,
        (EAR_BASE, "CLIPPED"): 5,
    }
    found = device.meter()
    measured = {"level": 1.5, "floor": 1.0, "loudness": 1.5, "peak": 0.5, "clipped": 5, "absent": 0}
    assert found == {**measured, "frames": 0, "overruns": 0, "dropped_frames": 0}
