"""The convolution: the sum over the taps, for every window and kernel."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Array, Cat, Const, Mux, Signal, signed

from fxp_model.fixed import QFormat
from hw.rtl.banks import Part
from hw.rtl.conv_engine import TABLE_TAPS, ConvEngine
from tb.formal.monitor import Monitor, Property
from tb.harness.planted import Bug


def convolution(kernel: list[int], n: int, lanes: int, taps: QFormat | None = None) -> Monitor:
    """Sweeps in any rhythm, spikes that change whenever they are not read; with `taps`, any two kernels."""
    f = Monitor()
    m, groups, edge = f.m, -(-n // lanes), len(kernel) // 2
    reach = ConvEngine.reach(len(kernel), n, lanes)
    dut = f.component(ConvEngine(kernel, n, lanes, taps))
    near, tag = dut.nearing, dut.fetched
    bits = ConvEngine.current_bits(kernel, taps)

    # sweeps without a gap; a group is nearing one cycle before it is fetched
    group = Signal(range(groups))
    f.assume(~near.valid | (near.group == group))
    f.assume(near.valid | (group == 0))
    f.assume((tag.valid == f.before(near.valid)) & (~tag.valid | (tag.group == f.before(near.group, True))))
    with m.If(near.valid):
        m.d.sync += group.eq(Mux(group == groups - 1, 0, group + 1))

    kernels = [[Const(tap, signed(len(bin(tap)) + 1)) for tap in kernel]]
    bank, known = Const(0), Const(1)
    if taps is not None:
        bank, load = dut.reload.bank, dut.reload.load
        kernels = [
            [f.constant(taps.width, f"tap_{number}_{k}").as_signed() for k in range(len(kernel))]
            for number in range(2)
        ]
        f.assume(load.piece == 0)
        busy = near.valid | tag.valid | f.before(tag.valid)
        f.assume((bank == f.before(bank, True)) | ~busy)
        loaded = []
        for table in range(0, len(kernel), TABLE_TAPS):
            part = [own[table : table + TABLE_TAPS] for own in kernels]
            mine = load.valid & (load.part == Part.TABLE + table // TABLE_TAPS)
            sums = [sum((Mux(load.row[k], tap, 0) for k, tap in enumerate(own)), Const(0, 1)) for own in part]
            f.assume(
                ~mine
                | ((load.data[:bits] == Mux(bank, sums[0], sums[1])[:bits]) & (load.row < 1 << len(part[0])))
            )
            for number in range(2):
                done = Signal(1 << len(part[0]), reset_less=True, name=f"loaded_{number}_{table}")
                with m.If(mine & (bank != number)):
                    m.d.sync += done.bit_select(load.row[: len(part[0])], 1).eq(1)
                loaded.append((number, done))
        known = Mux(
            bank, Cat(d.all() for b, d in loaded if b).all(), Cat(d.all() for b, d in loaded if not b).all()
        )

    # spikes as they are read: with the first group, or in the cycle before that of a later one
    seen = Signal(n, reset_less=True)
    now = Signal(n)
    opens = tag.valid & (tag.group == 0)
    for neuron in range(n):
        own = neuron // lanes
        m.d.comb += now[neuron].eq(Mux(opens & (own <= reach), dut.delayed[neuron], seen[neuron]))
        with m.If(opens & (own <= reach) if own <= reach else near.valid & (near.group == own - reach)):
            m.d.sync += seen[neuron].eq(dut.delayed[neuron])
    for lane in range(lanes):
        choices = []
        for number in range(groups):
            products = [
                Mux(
                    now[at] if 0 <= (at := number * lanes + lane + k - edge) < n else 0,
                    Mux(bank, kernels[-1][k], kernels[0][k]),
                    0,
                )
                for k in range(len(kernel))
            ]
            choices.append(sum(products[1:], products[0]))
        wanted = Signal(signed(bits), reset_less=True, name=f"wanted_{lane}")
        m.d.sync += wanted.eq(Array(choices)[tag.group])
        wanted = f.before(wanted, True)
        due = f.before(f.before(tag.valid & (tag.group * lanes + lane < n) & known))
        f.claim(~due | (dut.current[lane * bits : (lane + 1) * bits].as_signed() == wanted))
    return f


PROPERTIES = {
    "convolution": Property(
        "the tables give the sum over the taps for every window, edges included",
        partial(convolution, [3, -2, 5, 1, -4], 7, 2),
        Bug(
            "conv_engine.py",
            "Cat(Const(0, edge), *groups[: reach + 1])",
            "Cat(self.delayed[0].replicate(edge), *groups[: reach + 1])",
        ),
    ),
    "long_convolution": Property(
        "the same of a kernel that is cut into two tables and is longer than the layer",
        partial(convolution, [1, -2, 3, -4, 3, 2, -1], 5, 2),
        Bug(
            "conv_engine.py",
            "window[lane + index * TABLE_TAPS :]",
            "window[lane + index * (TABLE_TAPS - 1) :]",
        ),
    ),
    "reloaded_convolution": Property(
        "the same for every kernel of the format, loaded at run time",
        partial(convolution, [1, 0, -1], 3, 2, QFormat(True, 1, 1)),
        Bug("conv_engine.py", "Cat(chosen, self.reload.bank)", "Cat(chosen, ~self.reload.bank)"),
    ),
}
