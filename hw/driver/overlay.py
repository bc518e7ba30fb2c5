"""A core in a PYNQ overlay: its registers, and an AXI DMA for its streams. Needs pynq and numpy."""

from __future__ import annotations

import time
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

DMA_CONTROL, DMA_RESET = 0x00, 0x04
"""Register of the AXI DMA, and its bit that resets both channels."""


class Pynq:
    """`hw.driver.spikeline.Registers` and `Streams` of the core with the description's VLNV.

    The DMA is a simple one, without scatter-gather, as wide as the core's streams.

    Parameters
    ----------
    bitstream : str
        Of the overlay, with its ``.hwh`` beside it.
    description : dict
        ``description.json`` of the build.
    dma : str
        Name of the AXI DMA in the block design, by default as in the one of a build.
    timeout_s : float
        For an answer.

    Raises
    ------
    LookupError
        The overlay does not have exactly one such core.
    """

    def __init__(
        self, bitstream: str, description: dict[str, Any], dma: str = "dma", timeout_s: float = 5.0
    ) -> None:
        import pynq  # only there is it installed

        overlay = pynq.Overlay(bitstream)
        vlnv = description["vlnv"]
        found = [name for name, ip in overlay.ip_dict.items() if ip["type"] == vlnv]
        if len(found) != 1:
            raise LookupError(f"the overlay must have one core {vlnv}, not {len(found)}")
        self._core = reduce(getattr, found[0].split("/"), overlay)
        self._dma = reduce(getattr, dma.split("/"), overlay)
        self._allocate, self._timeout_s = pynq.allocate, timeout_s

    def read32(self, offset: int) -> int:
        """The word at byte `offset`."""
        return int(self._core.read(offset))

    def write32(self, offset: int, value: int) -> None:
        """Write the word at byte `offset`."""
        self._core.write(offset, value)

    def clear(self) -> None:
        """Abort what is being transferred."""
        self._dma.write(DMA_CONTROL, DMA_RESET)
        end = time.monotonic() + self._timeout_s
        while self._dma.read(DMA_CONTROL) & DMA_RESET:
            if time.monotonic() > end:
                raise TimeoutError(f"the DMA was not reset within {self._timeout_s:g} s")
        self._dma.sendchannel.start()
        self._dma.recvchannel.start()

    def exchange(
        self, words: NDArray[np.uint32], count: int, answers: int = 1, ends: bool = True
    ) -> NDArray[np.uint32]:
        """Send the words of a sample or sequence; its `answers` (answers, count), a transfer each.

        The core keeps an answer until its transfer begins.

        Raises
        ------
        ValueError
            The words do not end a sequence: a DMA ends one with every transfer.
        TimeoutError
            An answer did not come in time.
        OSError
            It has another length.
        """
        if not ends:
            raise ValueError("a sequence must end with its transfer: a DMA sends none in parts")
        send, receive = self._dma.sendchannel, self._dma.recvchannel
        found = np.empty((answers, count), dtype=np.uint32)
        with (
            self._allocate(shape=words.shape, dtype=np.uint32) as sent,
            self._allocate(shape=(count,), dtype=np.uint32) as answer,
        ):
            sent[:] = words
            send.transfer(sent)
            for own in found:
                receive.transfer(answer)
                self._wait(receive)
                if receive.transferred != answer.nbytes:
                    self.clear()  # the rest would be sent on from a buffer that is given back
                    raise OSError(f"an answer must have {answer.nbytes} bytes, not {receive.transferred}")
                own[:] = answer
            self._wait(send)
        return found

    def _wait(self, channel: Any) -> None:
        """Until its transfer has ended."""
        end = time.monotonic() + self._timeout_s
        while not channel.idle and not channel.error:
            if time.monotonic() > end:
                self.clear()  # before the buffers are given back
                raise TimeoutError(f"no answer within {self._timeout_s:g} s")
        channel.wait()
