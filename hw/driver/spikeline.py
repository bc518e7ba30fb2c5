"""Driver of a Spikeline device: samples in, scores out, other networks. Needs nothing but numpy.

It works over anything that reads and writes registers: a UART (``uart.py``), a memory-mapped device
(``uio.py``), PYNQ (``overlay.py``), a simulation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

END_OF_STEP = 1 << 31
STEP_WORDS = 3
"""Of an answer per step."""


class DeviceError(Exception):
    """The device is not the one described, or refuses something; the message is one line."""


class Registers(Protocol):
    """Words of 32 bits at byte offsets of the board's map.

    A bus with a cheaper way for many words at one offset also has ``read_burst(offset, count)`` and
    ``write_burst(offset, values)``. What cannot be done is an `OSError`, such as a `TimeoutError`.
    """

    def read32(self, offset: int) -> int:
        """The word at `offset`."""

    def write32(self, offset: int, value: int) -> None:
        """Write the word at `offset`."""


class Streams(Protocol):
    """The way of events into the core and of its answers out."""

    def clear(self) -> None:
        """Forget what was not yet taken."""

    def exchange(
        self, words: NDArray[np.uint32], count: int, answers: int = 1, ends: bool = True
    ) -> NDArray[np.uint32]:
        """Send a sample, or steps that end a sequence if it `ends`; `answers` (answers, count)."""


class Answer(NamedTuple):
    """To one sample: the score of each class (n_out,), the class, the lowest of the best, and its name."""

    scores: NDArray[np.int64]
    label: int
    name: str


class StepAnswer(NamedTuple):
    """To a step: the class, its name and score, and the margin by which it leads."""

    label: int
    name: str
    score: int
    margin: int


class Block:
    """Registers of one block, by their names in the description.

    Names that are missing are a `KeyError`.
    """

    def __init__(self, registers: Registers, description: dict[str, Any]) -> None:
        self._registers, self._base = registers, int(description["base"])
        self.map: dict[str, dict[str, Any]] = description["registers"]
        self.identity = int(description["identity"])

    def read(self, name: str) -> int:
        """Content of a register."""
        return self._registers.read32(self._offset(name))

    def write(self, name: str, value: int) -> None:
        """Write a whole register."""
        self._registers.write32(self._offset(name), value)

    def fields(self, name: str) -> dict[str, int]:
        """Content of a register, divided into its fields."""
        word = self.read(name)
        return {
            field: word >> own["low"] & (1 << own["width"]) - 1
            for field, own in self.map[name]["fields"].items()
        }

    def set(self, name: str, **values: int) -> None:
        """Write these fields of a register, and keep its others.

        Raises
        ------
        ValueError
            There is no such field, or a value does not fit it.
        """
        word = self.read(name) if self.map[name]["access"] == "rw" else 0
        for field, value in values.items():
            own = self.map[name]["fields"].get(field)
            if own is None:
                known = ", ".join(self.map[name]["fields"])
                raise ValueError(f"a field of {name} must be one of {known}, not {field!r}")
            most = (1 << own["width"]) - 1
            if not 0 <= value <= most:
                raise ValueError(f"{name} {field} must be 0..{most}, not {value}")
            word = word & ~(most << own["low"]) | value << own["low"]
        self.write(name, word)

    def read_burst(self, name: str, count: int) -> list[int]:
        """`count` words, all read from one register."""
        burst = getattr(self._registers, "read_burst", None)
        if burst is not None:
            return list(burst(self._offset(name), count))
        return [self.read(name) for _ in range(count)]

    def write_burst(self, name: str, values: Iterable[int]) -> None:
        """Write `values`, all to one register."""
        burst = getattr(self._registers, "write_burst", None)
        if burst is not None:
            burst(self._offset(name), values)
            return
        for value in values:
            self.write(name, value)

    def _offset(self, name: str) -> int:
        return self._base + int(self.map[name]["offset"])


class Mailbox:
    """`Streams` through the registers of a mailbox, for a bus without DMA."""

    def __init__(self, block: Block, timeout_s: float) -> None:
        self._block, self._timeout_s = block, timeout_s

    def clear(self) -> None:
        """Empty both FIFOs."""
        self._block.set("CONTROL", CLEAR=1)

    def exchange(
        self, words: NDArray[np.uint32], count: int, answers: int = 1, ends: bool = True
    ) -> NDArray[np.uint32]:
        """Send a sample, or steps that end a sequence if it `ends`; `answers` (answers, count), as they come.

        Raises
        ------
        TimeoutError
            There was no room, or no answer, within the time.
        """
        found: list[list[int]] = []

        def take() -> int:
            there = self._block.read("ANSWERS")
            found.extend(self._block.read_burst("ANSWER", count) for _ in range(there))
            return there

        def room() -> int:
            if answers > 1:  # they need room, too
                take()
            return self._block.read("ROOM")

        self._send(words.tolist(), room, ends)
        while len(found) < answers:
            self._wait("answer", take)
        return np.array(found, dtype=np.uint32).reshape(-1, count)

    def _send(self, values: list[int], room_of: Callable[[], int], ends: bool = True) -> None:
        """Send the words of a sample, or those that do not end it, as there is room."""
        sent, last = 0, len(values) - ends
        while sent < len(values):
            room = self._wait("room for events", room_of)
            part = values[sent : min(sent + room, last)]
            if part:
                self._block.write_burst("EVENT", part)
                sent += len(part)
            if ends and sent == last and len(part) < room:
                self._block.write("EVENT_LAST", values[-1])
                sent += 1

    def answer(self, count: int) -> NDArray[np.uint32]:
        """The `count` words of the next answer, which is waited for."""
        self._wait("answer", lambda: self._block.read("ANSWERS"))
        return np.array(self._block.read_burst("ANSWER", count), dtype=np.uint32)

    def waits(self) -> bool:
        """Whether there is an answer."""
        return bool(self._block.read("ANSWERS"))

    def _wait(self, what: str, value: Callable[[], int]) -> int:
        return wait(what, value, self._timeout_s)


def wait(what: str, value: Callable[[], int], timeout_s: float) -> int:
    """The first `value()` that is not 0; a `TimeoutError` when there is none in `timeout_s`."""
    end = time.monotonic() + timeout_s
    while True:
        over = time.monotonic() > end
        found = value()
        if found:
            return found
        if over:
            raise TimeoutError(f"no {what} within {timeout_s:g} s")


def events(counts: NDArray[np.integer]) -> NDArray[np.uint32]:
    """Words of a sample, `counts` (T, n_in): of each step its events by ascending address, then a marker."""
    steps, addresses = np.nonzero(counts)
    words = np.zeros(len(steps) + len(counts), dtype=np.uint32)
    words[np.arange(len(steps)) + steps] = counts[steps, addresses].astype(np.uint32) << 16 | addresses
    ends = np.cumsum(np.count_nonzero(counts, axis=1)) + np.arange(len(counts))
    words[ends] = END_OF_STEP
    return words


class Spikeline:
    """A device with a core, and perhaps an ear and a mailbox.

    Parameters
    ----------
    registers : Registers
    description : dict
        ``description.json`` of the build.
    streams : Streams, optional
        By default the mailbox.
    timeout_s : float
        For an answer, and for a network that was loaded.
    """

    def __init__(
        self,
        registers: Registers,
        description: dict[str, Any],
        streams: Streams | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        if description.get("format") != "spikeline-driver":
            raise ValueError("description must be the description.json of a build")
        self.description, self.timeout_s = description, timeout_s
        self.classes: list[str] = description["classes"]
        self.stride: int | None = description.get("stride")
        """Steps of an answer, of a network that answers per step."""
        blocks = {name: Block(registers, own) for name, own in description["blocks"].items()}
        self.core: Block = blocks["core"]
        self.ear: Block | None = blocks.get("ear")
        self._mailbox = blocks["mailbox"] if streams is None else None
        self._streams: Streams = Mailbox(blocks["mailbox"], timeout_s) if streams is None else streams
        self._used = {name: blocks[name] for name in ("core", "ear") if name in blocks}
        if self._mailbox is not None:
            self._used["mailbox"] = self._mailbox
        self._settled = False  # whether nothing of an earlier sample can be left
        self._within = True  # whether one may have begun that has no end, for an ear

    def check(self, sha256: str | None = None) -> None:
        """`DeviceError` unless this is the device described, with its artifact's network or another's."""
        for name, block in self._used.items():
            for register, wanted in (
                ("IDENTITY", block.identity),
                ("VERSION", self.description["version_word"]),
            ):
                found = block.read(register)
                if found != wanted:
                    raise DeviceError(f"{register} of the {name} must be 0x{wanted:08x}, not 0x{found:08x}")
        artifact, loaded = sha256 or self.description["artifact_sha256"], self.loaded()
        if loaded != artifact:
            raise DeviceError(f"the network must be of artifact {artifact[:16]}.., not {loaded[:16]}..")

    def loaded(self) -> str:
        """SHA-256 of the artifact whose network runs."""
        return "".join(f"{self.core.read(f'ARTIFACT_HASH{word}'):08x}" for word in range(8))

    def reset(self) -> None:
        """Forget every sample that has begun, and its answer; networks, settings and counters stay."""
        self._streams.clear()  # then no event follows the reset, and after it no answer
        self.core.set("CONTROL", SOFT_RESET=1)
        self._streams.clear()
        self._settled = True

    def run(self, counts: NDArray[np.integer]) -> Answer:
        """The answer to one sample.

        Parameters
        ----------
        counts : (T, n_in) integers
            Spikes of each input in each step, 0 .. `max_count` of the description.

        Raises
        ------
        ValueError
            `counts` are something else.
        DeviceError
            The network answers per step, the core hears its ear, or what came is no answer.
        OSError
            The bus failed, or there was no answer in time (`TimeoutError`); the next call resets the core.
        """
        if self.stride is not None:
            raise DeviceError("the network answers per step: call steps")
        words = self._begin(counts)
        answer = self._read(self._streams.exchange(words, len(self.classes) + 1)[0])
        self._settled, self._within = True, False
        return answer

    def steps(self, counts: NDArray[np.integer], ends: bool = True) -> list[StepAnswer]:
        """The answers per step to one sequence, one after every `stride` steps.

        Unless it `ends`, the next call goes on with the sequence, and `counts` must be of a multiple of
        `stride` steps. Other parameters and errors are those of `run`.
        """
        if self.stride is None:
            raise DeviceError("the network answers per sample: call run")
        if not ends and len(counts) % self.stride:
            raise ValueError(f"counts must be of a multiple of {self.stride} steps, not {len(counts)}")
        words = self._begin(counts)
        found = self._streams.exchange(words, STEP_WORDS, len(counts) // self.stride, ends)
        self._settled, self._within = True, not ends
        return [self._step(own) for own in found]

    def _begin(self, counts: NDArray[np.integer]) -> NDArray[np.uint32]:
        """The words of a sample, before the first of which the core is at rest."""
        words = events(self._checked(counts))
        if self.ear is not None and not self.ear.fields("STATUS")["HOST"]:
            raise DeviceError("the core hears its ear: call listen(False) before")
        if not self._settled:
            self.reset()
        self._settled, self._within = False, True
        return words

    def detect(self, margin: int, hold: int, refractory: int, silent: int | None = None) -> None:
        """Set the numbers of the detector, which says the words of a network that answers per step.

        The margin comes last, as after a reset it is so large that no word is said.
        """
        if self.stride is None:
            raise DeviceError("the network answers per sample, and has no detector")
        self.core.set("DETECT_HOLD", HOLD=hold)
        self.core.set("DETECT_REFRACTORY", REFRACTORY=refractory)
        self.core.set("DETECT_SILENT", SILENT=silent or 0, NONE=int(silent is None))
        self.core.write("DETECT_MARGIN", margin)

    def listen(self, ear: bool = True) -> None:
        """Let the core hear its ear, with answers for `answer`; or else this host, for `run`.

        With its ear the core never waits for the host: answers for which there is no room are dropped and
        counted in `LOST_ANSWERS`. The source changes between samples.
        """
        if self.ear is None:
            raise DeviceError("the device has no ear")
        own, host = self.ear, int(not ear)
        if ear and own.fields("STATUS")["HOST"] and self._within:
            silence = np.zeros((1, self.description["n_in"]), dtype=np.uint8)  # ends a sample that was left
            (self.run if self.stride is None else self.steps)(silence)
        own.set("SOURCE", HOST=host)
        wait("change of the source", lambda: own.fields("STATUS")["HOST"] == host, self.timeout_s)
        if self._mailbox is not None:
            self._mailbox.set("MODE", WAIT=host)
        self._settled = False

    def answer(self) -> Answer | StepAnswer | None:
        """The next answer to what the ear heard, or None if there is none yet."""
        if not isinstance(self._streams, Mailbox):
            raise DeviceError("only a mailbox keeps the answers to what an ear hears")
        if not self._streams.waits():
            return None
        if self.stride is not None:
            return self._step(self._streams.answer(STEP_WORDS))
        return self._read(self._streams.answer(len(self.classes) + 1))

    def reload(self, words: NDArray[np.integer] | Iterable[int], crc32: int) -> None:
        """Replace the network by that of `words` (`hw.reload.image`), after the samples in flight.

        Whatever goes wrong, the old network continues; the words written are forgotten with the next reload.

        Raises
        ------
        DeviceError
            The core was generated without reload, words are missing or too many, or their CRC differs.
        TimeoutError
            A sample in flight did not end; the network waits for it, or for `reset`.
        """
        if "RELOAD_DATA" not in self.core.map:
            raise DeviceError("the core was generated without reload")
        values = [int(word) for word in words]
        wanted = self.core.read("RELOAD_WORDS")
        if len(values) != wanted:
            raise DeviceError(f"a network for this core must have {wanted} words, not {len(values)}")
        self._wait_for_swap()
        self.core.set("RELOAD_BEGIN", BEGIN=1)
        self.core.write_burst("RELOAD_DATA", values)
        self.core.write("RELOAD_COMMIT", crc32)
        self._wait_for_swap()
        status = self.core.fields("RELOAD_STATUS")
        for name, why in (("WRONG_LENGTH", "words were lost"), ("WRONG_CRC", "their CRC-32 differs")):
            if status[name]:
                raise DeviceError(f"the network was refused and the old one continues: {why}")

    def counters(self) -> dict[str, int]:
        """Counters since a reset, or since `clear_counters`; those of answers and line with a mailbox."""
        first = self.core.map["SAMPLES"]["offset"]
        names = [
            name
            for name, own in self.core.map.items()
            if own["offset"] >= first and not name.startswith(("RELOAD", "DETECT"))
        ]
        found = {name: self.core.read(name) for name in names}
        if self._mailbox is not None:
            found |= {name: self._mailbox.read(name) for name in ("LOST_ANSWERS", "LINE_ERRORS")}
        return found

    def clear_counters(self) -> None:
        """Set the core's counters, and PEAK and counters of the ear, to 0."""
        self.core.set("CONTROL", CLEAR=1)
        if self.ear is not None:
            self.ear.set("CONTROL", CLEAR=1)

    def meter(self) -> dict[str, float]:
        """What the ear measures: levels in octaves (6.02 dB), the peak as a share of full scale, counts.

        There is a ``floor`` where there is a trigger, which answers per step have not.
        """
        if self.ear is None:
            raise DeviceError("the device has no ear")
        fractions: dict[str, int] = self.description["blocks"]["ear"]["fractions"]
        found: dict[str, float] = {
            name.lower(): self.ear.read(name) / (1 << bits) for name, bits in fractions.items()
        }
        for name in ("FRAMES", "CLIPPED", "OVERRUNS", "DROPPED_FRAMES"):
            found[name.lower()] = self.ear.read(name)
        found["absent"] = self.ear.fields("STATUS")["ABSENT"]
        return found

    def _wait_for_swap(self) -> None:
        what = "end of the sample in flight, for which a network waits,"
        wait(what, lambda: not self.core.fields("RELOAD_STATUS")["PENDING"], self.timeout_s)

    def _read(self, words: NDArray[np.uint32]) -> Answer:
        scores = words[:-1].view(np.int32).astype(np.int64)
        label = int(words[-1])
        if label != int(np.argmax(scores)):
            raise DeviceError(f"an answer must end with its class, {int(np.argmax(scores))}, not {label}")
        return Answer(scores, label, self.classes[label])

    def _step(self, words: NDArray[np.uint32]) -> StepAnswer:
        label, score, margin = words.tolist()
        if label >= len(self.classes):
            raise DeviceError(f"an answer must begin with a class below {len(self.classes)}, not {label}")
        return StepAnswer(label, self.classes[label], score - (score >> 31 << 32), margin)

    def _checked(self, counts: NDArray[np.integer]) -> NDArray[np.integer]:
        counts = np.asarray(counts)
        n_in, most = self.description["n_in"], self.description["max_count"]
        if counts.dtype.kind not in "iu" or counts.ndim != 2 or len(counts) < 1 or counts.shape[1] != n_in:
            raise ValueError(
                f"counts must be integers of shape (T >= 1, {n_in}), not {counts.dtype} {counts.shape}"
            )
        if counts.min() < 0 or counts.max() > most:
            worst = counts.min() if counts.min() < 0 else counts.max()
            raise ValueError(f"counts must be 0..{most}, not {worst}")
        return counts
