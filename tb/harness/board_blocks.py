"""The blocks that a board has around a core, each as a design by itself for synthesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from amaranth.back import rtlil
from amaranth.lib import wiring

from hw.estimates.resources.board import board_parts
from hw.estimates.resources.parts import Fabric, Parts
from hw.estimates.resources.prices import EarPrices
from hw.mailbox_registers import CORE_BASE, EAR_BASE, MAILBOX_BASE
from hw.rtl.board.board import BAUD
from hw.rtl.board.bridge import Bridge
from hw.rtl.board.bus import BusDecoder
from hw.rtl.board.mailbox import Mailbox
from hw.rtl.board.teller import Teller
from hw.rtl.board.turns import Turns
from hw.rtl.board.uart import UartReceiver, UartTransmitter, cycles_per_bit
from hw.rtl.board.word_teller import WordTeller
from hw.verilog import EmittedCore, write_verilog

CLOCK_HZ = 25_000_000
SOME = 20
"""Classes of a device whose block does not depend on them."""


def labels(classes: int) -> list[str]:
    """Names as those of commands, of up to 10 bytes."""
    stems = "class", "left", "seven", "up", "backward"
    return [stems[index % 5] + str(index // 5 or "") for index in range(classes)]


@dataclass(frozen=True)
class Block:
    """A block of a device: its name in `board_prices.json`, and the classes of the device."""

    name: str
    classes: int

    def core(self) -> EmittedCore:
        """For the flows."""
        text = write_verilog(rtlil.convert(COMPONENTS[self.name](self.classes), name="block", emit_src=False))
        return EmittedCore("block", text, (), (), ())

    def parts(self, fabric: Fabric, prices: EarPrices) -> Parts:
        """What the model says that it consists of."""
        name, _, more = self.name.partition(".")
        own = labels(self.classes)
        return board_parts(fabric, prices, own, more == "ear", CLOCK_HZ, steps=more == "steps")[name]


COMPONENTS: dict[str, Callable[[int], wiring.Component]] = {
    "receiver": lambda classes: UartReceiver(cycles_per_bit(CLOCK_HZ, BAUD)),
    "transmitter": lambda classes: UartTransmitter(cycles_per_bit(CLOCK_HZ, BAUD)),
    "bridge": lambda classes: Bridge(),
    "turns": lambda classes: Turns(),
    "decoder": lambda classes: BusDecoder((CORE_BASE, MAILBOX_BASE)),
    "decoder.ear": lambda classes: BusDecoder((CORE_BASE, MAILBOX_BASE, EAR_BASE)),
    "mailbox": lambda classes: Mailbox(classes + 1, CLOCK_HZ, waits=False),
    "teller": lambda classes: Teller(labels(classes), CLOCK_HZ),
    "teller.steps": lambda classes: WordTeller(labels(classes), CLOCK_HZ),
}
"""By the names of the prices; of a device with so many classes."""
_CLASSES = {"mailbox": (2, 5, 20, 100), "teller": (2, 5, 10, 20, 100), "teller.steps": (2, 20, 100)}
BLOCKS = tuple(Block(name, classes) for name in COMPONENTS for classes in _CLASSES.get(name, (SOME,)))
