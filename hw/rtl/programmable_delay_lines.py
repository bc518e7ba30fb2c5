"""Axonal delays that can be reloaded: shift registers of equal length, with taps selected by a memory."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.rtl.arithmetic import pack
from hw.rtl.banks import RELOAD, Part, connect_reload, parameter_memory
from hw.rtl.delay_lines import group_of
from hw.rtl.events import index_shape, tag_layout
from hw.rtl.tap import tapped


class ProgrammableDelayLines(wiring.Component):
    """As `DelayLines`, with delays that are read from a memory.

    When the sweep of step t writes a group, y(t - d) is selected: y(t) itself where d is 0, otherwise
    place d - 1 of the line, which has not shifted yet. So `max_delay`
    places are enough, and a line is read only while its group is written: the delays of one group at a
    time are read from a memory of two banks and address the lines of all groups.

    No line can be cleared, as the form that maps to SRL16E and SRLC32E has no reset. Spikes of earlier
    samples are masked by a counter, up to `max_delay`, of the steps before this one: y(t - d) is of this
    sample where d <= t. As zeros follow the last step of a sample, no spike
    is held while the banks are swapped. A delay beyond `max_delay`, which a host can write where
    `max_delay` + 1 is not a power of two, never gives a spike.

    Latency: `delayed` follows `spikes` in the next cycle.

    Parameters
    ----------
    delay_steps : sequence of int
        Axonal delay of each neuron, 0..`max_delay`, until others are loaded.
    max_delay : int
        Largest delay that can be loaded.
    lanes : int
        Neurons per group.
    forward : bool

    Members
    -------
    finishing : In(tag_layout)
        Group that has new `spikes` in the next cycle, if any.
    spikes : In(lanes)
    delayed : Out(N), or Out(lanes) if `forward`
    reload : In(RELOAD)
    """

    def __init__(
        self,
        delay_steps: Sequence[int],
        max_delay: int,
        lanes: int,
        forward: bool = False,
    ) -> None:
        self._delay_steps = [int(delay) for delay in delay_steps]
        self._max_delay, self._lanes, self._forward = max_delay, lanes, forward
        n = len(self._delay_steps)
        super().__init__(
            {
                "finishing": In(tag_layout(-(-n // lanes))),
                "spikes": In(lanes),
                "delayed": Out(lanes if forward else n),
                "reload": In(RELOAD),
            }
        )

    @staticmethod
    def delay_bits(max_delay: int) -> int:
        """Width of a delay in the memory."""
        return index_shape(max_delay + 1).width

    @classmethod
    def rows(cls, delay_steps: Sequence[int], max_delay: int, lanes: int) -> list[int]:
        """Words of the delay memory, group by group."""
        groups = range(0, len(delay_steps), lanes)
        return [pack(delay_steps[low : low + lanes], cls.delay_bits(max_delay)) for low in groups]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lanes, longest, finishing = self._lanes, self._max_delay, self.finishing
        bits = self.delay_bits(longest)

        # Announced | selected and shifted: the delays are read one cycle before the spikes arrive, so
        # addresses and masks come from registers.
        rows = self.rows(self._delay_steps, longest, lanes)
        m.submodules.steps = steps = parameter_memory(lanes * bits, rows, reload=True)
        read = steps.read_port(domain="comb")
        connect_reload(m, steps, self.reload, Part.FORWARD if self._forward else Part.DELAY)
        m.d.comb += read.addr.eq(Cat(finishing.group, self.reload.bank))

        age = Signal(bits)
        with m.If(finishing.valid & finishing.final):
            m.d.sync += age.eq(Mux(finishing.last, 0, Mux(age == longest, age, age + 1)))
        # registers, because of their fan-out
        shifts = Signal(len(rows))
        m.d.sync += shifts.eq(Cat(finishing.valid & (finishing.group == group) for group in range(len(rows))))

        fresh, recalled, indices = [], [], []
        for lane in range(lanes):
            delay = read.data[lane * bits : (lane + 1) * bits]
            none, some = Signal(name=f"none_{lane}"), Signal(name=f"some_{lane}")
            index = Signal(index_shape(longest), name=f"index_{lane}", reset_less=True)
            known = delay <= age
            if not self._forward:
                known &= ~finishing.last
            m.d.sync += [none.eq(known & (delay == 0)), some.eq(known & (delay != 0)), index.eq(delay - 1)]
            fresh.append(self.spikes[lane] & none)
            recalled.append(some)
            indices.append(index)

        ends = []
        for neuron in range(len(self._delay_steps)):
            group, lane = divmod(neuron, lanes)
            held = fresh[lane]
            if longest:
                line = Signal(longest, reset_less=True, name=f"line_{neuron}")
                with m.If(shifts[group]):
                    m.d.sync += line.eq(Cat(self.spikes[lane], line))
                held |= tapped(m, f"tap_{neuron}", line, indices[lane]) & recalled[lane]
            ends.append(held)
            if not self._forward:
                with m.If(shifts[group]):
                    m.d.sync += self.delayed[neuron].eq(held)
        if self._forward:
            m.d.sync += self.delayed.eq(group_of(ends, shifts, lanes))
        return m
