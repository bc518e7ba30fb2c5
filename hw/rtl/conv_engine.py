"""The recurrence: a K-tap convolution of the delayed spikes along the neuron axis."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from fxp_model.fixed import QFormat, signed_width
from hw.rtl.arithmetic import pack, selected
from hw.rtl.banks import RELOAD, Part, connect_reload, parameter_memory
from hw.rtl.events import tag_layout

TABLE_TAPS = 6
"""Taps per table: 2**6 entries, one LUT6 per result bit."""


class ConvEngine(wiring.Component):
    """i_rec of `lanes` neurons per cycle, in step with the update sweep.

    Spikes are bits, so the sum of K taps is a table with 2**K entries: a LUT per result bit and no
    multiplier. A kernel of more than 6 taps is split into tables whose results are added.
    The window holds the current group, the (K-1)/2 neurons before it and `reach` groups after it; with
    each fetch it slides by a group, and one more group enters, which was selected one cycle earlier. So every
    tap is read once, `ahead` cycles before the sweep reaches it, when the previous sweep no longer
    writes it and this one does not yet.

    Latency: `current` belongs to the group `fetched` two cycles earlier.
    Throughput: one group per cycle.

    Parameters
    ----------
    kernel : sequence of int
        Raw taps, an odd number K.
    n : int
        Neurons.
    lanes : int
        Neurons per group.
    taps : QFormat, optional
        Format of the kernels if they can be reloaded. Tables are then in LUT RAM, and every lane has its own.

    Members
    -------
    delayed : In(n)
        Delayed spikes. Those of groups 0 .. `reach` are read with the first group of a sweep, and those
        of group g + `reach` in the cycle before that of group g.
    nearing, fetched : In(tag_layout)
        Group of a sweep that is fetched in the next cycle, and in this one, if any; all groups, in order.
    current : Out(lanes * current_bits)
        Two's complement sums, lowest neuron in the low bits.
    reload : In(RELOAD), only with `taps`
    """

    def __init__(self, kernel: Sequence[int], n: int, lanes: int, taps: QFormat | None = None) -> None:
        if len(kernel) % 2 == 0:
            raise ValueError(f"kernel must have an odd number of taps, not {len(kernel)}")
        self._kernel = [int(tap) for tap in kernel]
        self._n, self._lanes, self._taps = n, lanes, taps
        ports = {
            "delayed": In(n),
            "nearing": In(tag_layout(-(-n // lanes))),
            "fetched": In(tag_layout(-(-n // lanes))),
            "current": Out(lanes * self.current_bits(self._kernel, taps)),
        }
        if taps is not None:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    @staticmethod
    def current_bits(kernel: Sequence[int], taps: QFormat | None = None) -> int:
        """Width of the sum over any set of taps; with `taps`, of any kernel in that format."""
        if taps is not None:
            return signed_width(len(kernel) * taps.min_raw, len(kernel) * taps.max_raw)
        return signed_width(sum(min(int(w), 0) for w in kernel), sum(max(int(w), 0) for w in kernel))

    @staticmethod
    def tables(kernel: Sequence[int]) -> list[list[int]]:
        """Sums of the taps selected by the bits of the index, table by table."""
        cut = [kernel[low : low + TABLE_TAPS] for low in range(0, len(kernel), TABLE_TAPS)]
        return [
            [sum(tap for k, tap in enumerate(part) if chosen >> k & 1) for chosen in range(1 << len(part))]
            for part in cut
        ]

    @staticmethod
    def reach(taps: int, n: int, lanes: int) -> int:
        """Number of groups after a group that its taps reach into."""
        return min(-(-(taps // 2) // lanes), -(-n // lanes) - 1)

    @classmethod
    def ahead(cls, taps: int, n: int, lanes: int) -> int:
        """Cycles from the reading of a neuron's delayed spike to the fetch of its group."""
        return cls.reach(taps, n, lanes) + 1 if n > lanes else 0

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taps, lanes = len(self._kernel), self._lanes

        # Neuron n of the current group is at bit n + (K-1)/2 of the window, so lane i has its
        # taps at bits i .. i+K-1; bits beyond both edges are the zero padding.
        edge, reach = (taps - 1) // 2, self.reach(taps, self._n, lanes)
        groups = [self.delayed[low : low + lanes] for low in range(0, self._n, lanes)]
        held = Signal(edge + (reach + 1) * lanes, reset_less=True)
        coming = Signal(lanes, reset_less=True)
        later = groups[reach:] + [Const(0, lanes)] * reach  # groups that enter with group 0, 1, ..
        m.d.sync += coming.eq(selected(later, self.nearing.group))
        with m.If(self.fetched.valid):
            opening = Cat(Const(0, edge), *groups[: reach + 1])
            m.d.sync += held.eq(Mux(self.fetched.group == 0, opening, Cat(held[lanes:], coming)))
        window = Cat(held, Const(0, edge))

        bits = self.current_bits(self._kernel, self._taps)
        for lane in range(lanes):
            terms = [
                self._looked_up(m, f"table_{index}_{lane}", index, sums, window[lane + index * TABLE_TAPS :])
                for index, sums in enumerate(self.tables(self._kernel))
            ]
            current = Signal(signed(bits), name=f"current_{lane}", reset_less=True)
            m.d.sync += current.eq(sum(terms[1:], terms[0]))
            m.d.comb += self.current[lane * bits : (lane + 1) * bits].eq(current)
        return m

    def _looked_up(self, m: Module, name: str, index: int, sums: list[int], window: Value) -> Value:
        """The entry of the table `index` selected by the low bits of `window`."""
        bits = self.current_bits(self._kernel, self._taps)
        chosen = window[: (len(sums) - 1).bit_length()]
        if self._taps is not None:
            m.submodules[name] = table = parameter_memory(bits, [pack([s], bits) for s in sums], reload=True)
            read = table.read_port(domain="comb")
            m.d.comb += read.addr.eq(Cat(chosen, self.reload.bank))
            connect_reload(m, table, self.reload, Part.TABLE + index)
            return read.data[:bits].as_signed()
        # one table per result bit
        tables = [pack([total >> bit & 1 for total in sums], 1) for bit in range(bits)]
        return Cat(Const(table, len(sums)).bit_select(chosen, 1) for table in tables).as_signed()
