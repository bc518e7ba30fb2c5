"""An I2S microphone at the pins of a receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, repeat
from typing import Any

import numpy as np
from cocotb.triggers import FallingEdge, RisingEdge, Timer

from fxp_model.ear.gain import SAMPLE


class I2sMicrophone:
    """Plays a recording as the data sheets of INMP441 and ICS-43434 have it.

    It looks at WS when SCK rises. With the fall after a change of WS to its channel it puts the highest of 24
    bits on the line, with each further fall the next one. Then it lets go of the line, which is anything: it
    floats, or belongs to another microphone. What it puts there comes late, by a time that is drawn anew for
    every bit. All clocks are the receiver's, so the microphone cannot drift; after the last word it gives 0.

    Parameters
    ----------
    sck, ws, sd : handles of nets
    words : iterable of int
        The recording, codes of `fxp_model.ear.gain.SAMPLE`.
    right : bool
        Its L/R pin.
    delay_ns : (float, float)
        Least and most time from a fall of SCK to the bit; less than SCK is low.
    rng : numpy Generator
        Of the delays and of the line that nobody drives.
    startup_words : int
        Zeros that it gives first, after power-up.
    stuck_at : callable of a number of a word, optional
        Level at which the line is held from that word to the next, or None where it is not: a line that is
        broken, or without a microphone.

    Attributes
    ----------
    played : list of int
        The words that it has begun, also while the line is held.
    """

    def __init__(
        self,
        sck: Any,
        ws: Any,
        sd: Any,
        words: Iterable[int],
        right: bool,
        delay_ns: tuple[float, float],
        rng: np.random.Generator,
        startup_words: int = 0,
        stuck_at: Callable[[int], int | None] = lambda word: None,
    ) -> None:
        self.played: list[int] = []
        self._sck, self._ws, self._sd = sck, ws, sd
        self._words = chain(repeat(0, startup_words), words, repeat(0))
        self._right, self._delay_ns, self._rng, self._stuck_at = right, delay_ns, rng, stuck_at

    async def run(self) -> None:
        """Play for ever."""
        bits: list[int] = []
        level, channel = None, None
        self._sd.value = 0
        while True:
            await RisingEdge(self._sck)
            before, channel = channel, bool(self._ws.value)
            if before == (not self._right) and channel == self._right:
                level = self._stuck_at(len(self.played))
                self.played.append(next(self._words))
                bits = [self.played[-1] >> place & 1 for place in reversed(range(SAMPLE.width))]
            await FallingEdge(self._sck)
            bit = bits.pop(0) if bits else int(self._rng.integers(2))
            await Timer(round(1000 * self._rng.uniform(*self._delay_ns)), "ps")
            self._sd.value = bit if level is None else level
