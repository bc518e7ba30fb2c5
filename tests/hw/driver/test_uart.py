"""The line: whatever happens to its bytes, a result is right or an error."""

import os
import pty
import struct
import threading
import tty

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from hw.driver.linux_tty import Tty
from hw.driver.spikeline import Spikeline
from hw.driver.uart import FIRST_WORDS, MAX_WORDS, MORE_WORDS, Refused, UartLine, body_of, packet
from hw.mailbox_registers import MAILBOX_BASE
from tests.hw.driver.board_model import Line
from tests.hw.driver.conftest import Case

ROOM, EVENT, ANSWER, LABEL = (MAILBOX_BASE + own for own in (0x14, 0x18, 0x24, 0x10))


def line_to(case: Case, faults: float = 0.0, seed: int = 0, tries: int = 400) -> tuple[Line, UartLine]:
    line = Line(case.board(), np.random.default_rng(seed), faults)
    return line, UartLine(line, timeout_s=0.001, tries=tries)


@given(st.binary(min_size=1, max_size=40))
@example(b"\xc0\xdb\xdc\xdd\xdb\xc0")
def test_a_packet_comes_back_and_has_no_end_inside(body: bytes) -> None:
    framed = packet(body)
    assert (framed[0], framed[-1], framed.count(0xC0)) == (0xC0, 0xC0, 2)
    assert body_of(framed[1:-1]) == body


def test_a_packet_of_known_bytes() -> None:
    """CRC-32 of "123456789", the check value of its catalogue."""
    assert packet(b"123456789") == b"\xc0123456789\x26\x39\xf4\xcb\xc0"
    assert body_of(b"123456788\x26\x39\xf4\xcb") is None
    assert body_of(b"123456789\x26\x39\xf4\xdb") is None
    assert body_of(b"\xdb\x01") is None
    assert body_of(b"") is None


def session(case: Case, line: Line, uart: UartLine) -> None:
    """Answers of both networks, which must be golden."""
    device = Spikeline(uart, case.description)
    device.check()
    for counts in case.samples[:3]:
        assert device.run(counts).scores.tolist() == case.scores(counts)
    device.reload(case.image.words, case.image.crc32)
    assert device.run(case.samples[2]).scores.tolist() == case.scores(case.samples[2], case.other)


@pytest.fixture(scope="module")
def quiet(case: Case) -> int:
    """Words read and written in a session without faults, of which none is repeated."""
    line, uart = line_to(case)
    session(case, line, uart)
    assert (uart.errors, uart.resyncs, line.dropped) == (0, 0, 0)
    assert line.requests == line.executed + 1
    return line.words


@given(st.integers(0, 1 << 31), st.sampled_from([3e-4, 2e-3]))
def test_faults_cost_time_only(case: Case, quiet: int, seed: int, faults: float) -> None:
    """Every answer is golden, and every word is read or written once."""
    line, uart = line_to(case, faults, seed)
    session(case, line, uart)
    assert line.words == quiet
    assert uart.errors >= line.requests - line.executed - 1
    assert uart.resyncs == 0


@given(st.integers(0, 1 << 31))
def test_a_line_that_is_too_bad_is_an_error_and_never_a_wrong_answer(case: Case, seed: int) -> None:
    """With few tries; after an error the next request greets the device again."""
    line, uart = line_to(case, 0.02, seed, tries=2)
    device = Spikeline(uart, case.description)
    rights = failures = 0
    for counts in case.samples[:3] * 3:
        try:
            assert device.run(counts).scores.tolist() == case.scores(counts)
            rights += 1
        except TimeoutError:
            failures += 1
    line.faults = 0
    assert device.run(case.samples[1]).scores.tolist() == case.scores(case.samples[1])
    assert rights + failures == 9
    assert (uart.resyncs > 0) == (failures > 0)


@pytest.mark.parametrize("seed", range(3))
def test_packets_become_shorter_on_a_bad_line(case: Case, seed: int) -> None:
    """One byte in a hundred damaged: of 255 words, one packet in 10,000 would come through."""
    line, uart = line_to(case, 0.0034, seed, tries=20)
    line.board.answers += range(3000)
    assert uart.read_burst(ANSWER, 3000) == list(range(3000))
    assert uart.resyncs == 0
    assert 3000 / 40 < line.executed < 3000 / 8, "about 14 words each"


def test_packets_are_halved_by_an_error_and_grow_by_replies(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, uart = line_to(case, tries=3)
    counts: list[int] = []
    reply = line._reply

    def counted(sequence: int, op: int, address: int, count: int, words: tuple[int, ...]) -> bytes:
        counts.append(count)
        return reply(sequence, op, address, count, words)

    monkeypatch.setattr(line, "_reply", counted)
    line.dead = True
    with pytest.raises(TimeoutError):
        uart.read32(0)
    line.dead = False
    line.board.answers += range(1000)
    assert uart.read_burst(ANSWER, 1000) == list(range(1000))
    least = FIRST_WORDS // 8  # of the request that comes with the greeting, after three errors
    assert counts[:5] == [0, least, *(least + own * MORE_WORDS for own in (2, 3, 4))]
    line.board.pace = 0
    uart.write_burst(EVENT, range(1, 1001))
    assert [word for word, _ in line.board.queue] == list(range(1, 1001))
    line.board.answers += range(10_000)
    uart.read_burst(ANSWER, 10_000)
    assert max(counts) == MAX_WORDS


def test_requests_are_told_apart_however_many_there_are(case: Case) -> None:
    line, uart = line_to(case)
    line.board.answers += range(300)
    assert [uart.read32(ANSWER) for _ in range(300)] == list(range(300))
    assert line.executed == 300


def test_a_dead_device_and_one_that_lives_again(case: Case) -> None:
    line, uart = line_to(case, tries=3)
    line.dead = True
    with pytest.raises(TimeoutError, match=r"^no answer on the line: 3 tries of 0\.001 s$"):
        uart.read32(0)
    line.dead = False
    assert uart.read32(0) == 0x53504B4C
    assert (uart.errors, uart.resyncs) == (3, 1)


def test_a_host_that_comes_later_is_not_deceived(case: Case) -> None:
    """What an earlier one left on the line, a request, half a packet, a reply, text, is no answer to it."""
    line, first = line_to(case)
    first.read32(0)
    line.write(packet(bytes([2, 1, 4, 0, 1])))
    line.write(packet(bytes([9, 2, 0x18, 0x20, 1]) + bytes(4))[:7])
    later = UartLine(line, timeout_s=0.001)
    assert later.read32(0) == 0x53504B4C
    assert later.read32(MAILBOX_BASE) == 0x53504B4D


def test_long_bursts_are_divided_and_stop_where_the_device_refuses(case: Case) -> None:
    line, uart = line_to(case)
    line.board.pace = 0
    uart.write_burst(EVENT, range(1, 1001))
    assert uart.read32(ROOM) == 24
    assert [word for word, _ in line.board.queue] == list(range(1, 1001))
    with pytest.raises(Refused, match=r"^a write at 0x2018 was refused after 24 of 600 words$") as caught:
        uart.write_burst(EVENT, range(600))
    assert caught.value.done == 24
    assert uart.read32(ROOM) == 0
    line.board.answers += range(600)
    assert uart.read_burst(ANSWER, 2 * MAX_WORDS) == list(range(2 * MAX_WORDS))
    with pytest.raises(Refused, match=r"^a read at 0x2024 was refused after 90 of 300 words$"):
        uart.read_burst(ANSWER, 300)
    with pytest.raises(Refused, match=r"^a read at 0x3000 was refused after 0 of 1 words$"):
        uart.read32(0x3000)


@given(st.integers(0, 127), st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=3))
@example(0x0D, [0x0A0D0A0D, 0xC0DBDCDD])
def test_text_is_told_apart_from_packets(case: Case, sequence: int, words: list[int]) -> None:
    """Also where a reply holds the end of a line, or the bytes that frame it."""
    line, uart = line_to(case)
    uart.read32(0)
    assume(sequence + 1 != uart._sequence)  # the number of the last request is that of its reply
    uart._sequence = sequence
    line.board.text += ["left 12 3 0.10", "größer -5 0 1.25"]
    line.board.answers += words
    assert uart.read_burst(ANSWER, len(words)) == words
    line.board.text.append("right 1 1 2.00")
    assert uart.read32(0) == 0x53504B4C
    assert uart.lines() == ["left 12 3 0.10", "größer -5 0 1.25", "right 1 1 2.00"]
    line._send(b"yes 7 2 3.0")
    assert uart.lines() == []
    line._send(b"0\r\n")
    assert uart.lines() == ["yes 7 2 3.00"]
    assert uart.errors == 0


def test_noise_is_forgotten(case: Case) -> None:
    """Without an end, or with that of a line."""
    for noise in (bytes(range(1, 192)) * 50, b"\x00\x07\r\n", b"\xff\r\n"):
        line, uart = line_to(case)
        line._send(noise)
        assert uart.lines() == []
        assert uart.read32(0) == 0x53504B4C
        assert uart.lines() == []


@pytest.mark.parametrize("words", [(), (1, 2)])
def test_a_reply_that_contradicts_its_request_is_none(
    case: Case, monkeypatch: pytest.MonkeyPatch, words: tuple[int, ...]
) -> None:
    line, uart = line_to(case, tries=3)
    assert uart.read32(0) == 0x53504B4C
    bad = struct.pack(f"<BBB{len(words)}I", 3, 0x81, max(1, len(words)), *words)
    monkeypatch.setattr(line, "_reply", lambda *request: packet(bad))
    with pytest.raises(TimeoutError, match=r"^no answer on the line: 3 tries of 0\.001 s$"):
        uart.read32(0)
    assert uart.errors == 3


def test_another_protocol_is_told(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    line, uart = line_to(case)
    monkeypatch.setattr(line, "_reply", lambda *request: packet(bytes([1, 0x80, 1, 2, 0, 0, 0])))
    for _ in range(2):
        uart._sequence = 0
        with pytest.raises(OSError, match=r"^the protocol of the line must be version 1, not 2$"):
            uart.read32(0)


def test_a_pseudo_terminal_is_a_line(case: Case) -> None:
    """With every byte that a terminal could take for its own."""
    master, slave = pty.openpty()
    tty.setraw(master)
    line = Line(case.board(), np.random.default_rng(0))
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            line.write(os.read(master, 4096))
            os.write(master, line.read(1 << 20))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    port = Tty(os.ttyname(slave))
    try:
        uart = UartLine(port)
        device = Spikeline(uart, case.description)
        device.check()
        for counts in case.samples:
            assert device.run(counts).scores.tolist() == case.scores(counts)
        line.board.pace = 0
        words = [own * 0x01010101 for own in range(256)]
        uart.write_burst(EVENT, words)
        assert [word for word, _ in line.board.queue] == words
        assert (uart.errors, uart.resyncs) == (0, 0)
        assert len(uart.lines()) == len(case.samples)
        stop.set()
        uart.read32(0)
        thread.join(10)
        assert not thread.is_alive()
    finally:
        port.close()
        os.close(master)
        os.close(slave)


def test_a_speed_that_the_system_does_not_have() -> None:
    with pytest.raises(ValueError, match=r"^baud must be one that this system knows, not 12345$"):
        Tty("/dev/null", 12345)
