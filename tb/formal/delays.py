"""Delay lines: the spike of delay + 1 steps ago, of this sample only."""

from __future__ import annotations

from functools import partial

from amaranth.hdl import Array, Cat, Const, Mux, Signal

from hw.rtl.banks import Part
from hw.rtl.delay_lines import DelayLines
from hw.rtl.programmable_delay_lines import ProgrammableDelayLines
from tb.formal.monitor import Monitor, Property
from tb.harness.planted import Bug


def delay_lines(delay_steps: list[int], lanes: int, max_delay: int | None = None) -> Monitor:
    """Samples of any length, groups in any rhythm; with `max_delay`, other delays between samples."""
    f = Monitor()
    m, n = f.m, len(delay_steps)
    groups = -(-n // lanes)
    programmable = max_delay is not None
    longest = max(delay_steps) if max_delay is None else max_delay
    dut = f.component(
        ProgrammableDelayLines(delay_steps, longest, lanes)
        if programmable
        else DelayLines(delay_steps, lanes)
    )
    tag = dut.finishing

    # the groups of a step in order, and whether the step ends its sample in each of them
    group, ends, between = Signal(range(groups)), Signal(), Signal(init=1, name="between")
    f.assume(~tag.valid | ((tag.group == group) & (tag.final == (group == groups - 1))))
    f.assume(~tag.valid | (group == 0) | (tag.last == ends))
    with m.If(tag.valid):
        m.d.sync += [
            group.eq(Mux(tag.final, 0, group + 1)),
            ends.eq(tag.last),
            between.eq(tag.final & tag.last),
        ]

    delays = [[Const(delay) for delay in delay_steps]]
    bank = Const(0)
    if programmable:
        load, bits = dut.reload.load, ProgrammableDelayLines.delay_bits(longest)
        bank = Signal(reset_less=True)
        m.d.sync += bank.eq(dut.reload.bank)
        f.assume((bank == dut.reload.bank) | between)
        bank = dut.reload.bank
        f.assume((load.row < groups) & (load.piece == 0))
        delays = [
            [
                Signal(bits, init=0 if number else delay, reset_less=True, name=f"delay_{number}_{neuron}")
                for neuron, delay in enumerate(delay_steps)
            ]
            for number in range(2)
        ]
        for number, own in enumerate(delays):
            for neuron, delay in enumerate(own):
                with m.If(
                    load.valid & (load.part == Part.DELAY) & (load.row == neuron // lanes) & (bank != number)
                ):
                    m.d.sync += delay.eq(load.data.bit_select(neuron % lanes * bits, bits))

    # what each neuron sent in this sample, the latest first
    for neuron in range(n):
        sent, late, expected = (
            Signal(longest + 1, name=f"sent_{neuron}"),
            Signal(name=f"late_{neuron}"),
            Signal(name=f"expected_{neuron}"),
        )
        mine = tag.valid & (tag.group == neuron // lanes)
        chosen = [own[neuron] for own in delays]
        delay = Signal(8, reset_less=True, name=f"used_{neuron}")
        m.d.sync += [late.eq(mine), delay.eq(Array(chosen)[bank] if programmable else chosen[0])]
        now = Cat(dut.spikes[neuron % lanes], sent)[: longest + 1]
        last = f.before(tag.last, True)
        with m.If(late):
            m.d.sync += [sent.eq(Mux(last, 0, now)), expected.eq((now >> delay)[0] & ~last)]
        f.claim(dut.delayed[neuron] == expected)
    return f


PROPERTIES = {
    "delay_lines": Property(
        "every neuron's spike of delay + 1 steps ago, 0 in the first delay + 1 steps of a sample",
        partial(delay_lines, [0, 1, 3, 2, 5], 2),
        Bug("delay_lines.py", "Mux(finishing.last, 0, Cat(1, age))", "Cat(1, age)"),
    ),
    "programmable_delay_lines": Property(
        "the same with delays that are replaced between samples; a delay beyond the largest gives no spike",
        partial(delay_lines, [0, 2, 1], 2, 2),
        Bug("programmable_delay_lines.py", "known = delay <= age", "known = delay <= age + 1"),
    ),
}
