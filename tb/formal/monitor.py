"""What is to be proven of a component: a design whose one output is low for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import and_

from amaranth.hdl import Cat, Module, Mux, ResetSignal, Signal, Value, ValueLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from tb.harness.planted import Bug


class Monitor:
    """A component, its free inputs, what is assumed of them, and what is claimed of the outputs.

    The design is a transition system with one clock. Every input that is asked for by `free` takes any value
    in every cycle, and so does the reset: a monitor's registers are in the domain of the component, and are
    reset with it. What registers without a reset and memories hold then is left from any earlier run.

    Members
    -------
    m : Module
    """

    def __init__(self) -> None:
        self.m = Module()
        self.ports: list[Signal] = []
        self._assumed: list[Value] = []
        self._known: list[Value] = []
        self._claimed: list[Value] = []
        self._seen: list[Value] = []
        started = Signal(reset_less=True)
        self.m.d.sync += started.eq(1)
        self._started = started

    def component(self, component: wiring.Component, name: str = "dut") -> wiring.Component:
        """Add the component, all of whose inputs, and the `ready` of its outputs, are free."""
        self.m.submodules[name] = component
        self.observe(component)
        for path, member, value in component.signature.flatten(component):
            if member.flow is In:
                self.m.d.comb += Value.cast(value).eq(
                    self.free(len(Value.cast(value)), "_".join(map(str, path)))
                )
        return component

    def observe(self, component: wiring.Component) -> None:
        """Count the outputs of a component among those that `outputs` gives."""
        members = {path: (member, value) for path, member, value in component.signature.flatten(component)}
        for (*path, last), (member, value) in members.items():
            if member.flow is Out:
                _, valid = members.get((*path, "valid"), (None, 1))
                self._seen.append(Mux(valid if last == "payload" else 1, value, 0))

    def free(self, width: int, name: str) -> Signal:
        """A value that is arbitrary in every cycle."""
        signal = Signal(width, name=f"any_{name}")
        self.ports.append(signal)
        return signal

    def constant(self, width: int, name: str) -> Value:
        """An arbitrary value that never changes."""
        chosen = self.free(width, name)
        kept = Signal(width, name=f"kept_{name}", reset_less=True)
        with self.m.If(~self._started):
            self.m.d.sync += kept.eq(chosen)
        return Mux(self._started, kept, chosen)

    def before(self, value: ValueLike, reset_less: bool = False) -> Signal:
        """The value of one cycle ago; 0 after a reset, unless `reset_less`. Not within an `If`."""
        value = Value.cast(value)
        kept = Signal(value.shape(), reset_less=reset_less)
        self.m.d.sync += kept.eq(value)
        return kept

    def assume(self, condition: ValueLike) -> None:
        """The claims are only made as long as the condition has been true in every cycle."""
        self._assumed.append(Value.cast(condition).bool())

    def lemma(self, condition: ValueLike) -> None:
        """A claim that is proven first, with the other lemmas, and then helps to prove the claims."""
        self._known.append(Value.cast(condition).bool())

    def claim(self, condition: ValueLike) -> None:
        """The condition is true in every cycle without a reset."""
        self._claimed.append(Value.cast(condition).bool())

    def finish(self) -> tuple[Module, list[Signal]]:
        """The design and its ports: ``lemmas`` is high where a lemma is false, ``claims`` where a claim is
        while every lemma has been true, ``either`` in both cases.
        """
        m = self.m
        kept, holds, known = Signal(init=1, reset_less=True), Signal(), Signal()
        unknown, broken = Signal(name="lemmas"), Signal(name="claims")
        either = Signal(name="either")
        m.d.comb += [
            holds.eq(kept & reduce(and_, self._assumed, Value.cast(1))),
            known.eq(ResetSignal() | reduce(and_, self._known, Value.cast(1))),
            unknown.eq(holds & ~known),
            either.eq(unknown | broken),
            broken.eq(holds & known & ~ResetSignal() & ~reduce(and_, self._claimed)),
        ]
        m.d.sync += kept.eq(holds & known)
        return m, [*self.ports, unknown, broken, either]

    def outputs(self) -> tuple[Module, list[Signal]]:
        """The design and its ports of another use, instead of `finish`: the component's outputs in ``seen``.

        They are high only as long as what is assumed has been true, and a payload only while it is valid.
        """
        kept, holds = Signal(init=1, reset_less=True), Signal(name="holds")
        self.m.d.comb += holds.eq(kept & reduce(and_, self._assumed, Value.cast(1)))
        self.m.d.sync += kept.eq(holds)
        whole = Cat(self._seen)
        seen = Signal(len(whole), name="seen")
        self.m.d.comb += seen.eq(Mux(holds, whole, 0))
        return self.m, [*self.ports, seen]


@dataclass(frozen=True)
class Property:
    """A property of a component, and a bug that breaks it.

    claim : the property, in a sentence
    build : its monitor
    bug : in a file of ``hw/rtl``, with which there must be a counterexample
    quick : part of `make test`
    cycles : in which it is shown, from the first one on; None: for ever
    """

    claim: str
    build: Callable[[], Monitor]
    bug: Bug
    quick: bool = True
    cycles: int | None = None
