"""Which frames of the ear are sent, and where a sample ends."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.ear.spec import MAX_LOG
from fxp_model.ear.trigger import MAX_STREAK, TriggerSpec


def settings_layout(spec: TriggerSpec) -> data.StructLayout:
    """What a host can change of a trigger: the fields of `TriggerSpec` of these names."""
    return data.StructLayout(
        {
            "free": 1,
            "rise": 12,
            "fall": 12,
            "onset": MAX_STREAK.bit_length(),
            "preroll": spec.preroll_limit.bit_length(),
            "duration": 12,
            "hold": 12,
        }
    )


def preroll_limit(spec: TriggerSpec | None) -> int:
    """Most frames before a sample, or a step, that are sent with it; without a trigger there are none."""
    return 0 if spec is None else spec.preroll_limit


def decision_layout(spec: TriggerSpec | None) -> data.StructLayout:
    """What becomes of a frame.

    ``valid``  there is a decision in this cycle
    ``sends``  the frame is sent, and not passed over
    ``before`` so many frames that were passed over last are sent before it
    ``last``   it is the last of its sample
    """
    return data.StructLayout({"valid": 1, "sends": 1, "before": range(preroll_limit(spec) + 1), "last": 1})


class Trigger(wiring.Component):
    """Begins samples where it is louder than a floor that follows the noise (NUMERICS.md section 17).

    Comparisons and the distance to the floor in one cycle, the decision and the new floor in the next.

    Latency: `decision` follows `ends` in the next cycle. Throughput: a frame every 2 cycles.

    Parameters
    ----------
    spec : TriggerSpec
        Of its fields that a host can change, `settings` tells the values.

    Members
    -------
    ends : In(1)
        A frame has ended.
    loudness : In
        Of that frame.
    waits : In(1)
        With the decision: a frame that is to be sent waits.
    settings : In(settings_layout)
    decision : Out(decision_layout)
    floor : Out
        Fraction ``log_frac_bits + floor_shift``.
    """

    def __init__(self, spec: TriggerSpec) -> None:
        self._spec = spec
        code = (MAX_LOG - 1).bit_length() + spec.log_frac_bits
        super().__init__(
            {
                "ends": In(1),
                "loudness": In(code),
                "waits": In(1),
                "settings": In(settings_layout(spec)),
                "decision": Out(decision_layout(spec)),
                "floor": Out(code + spec.floor_shift),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, settings, decision = self._spec, self.settings, self.decision

        floor = Signal(len(self.floor), init=-1)
        distance = Signal(signed(len(floor) + 1), reset_less=True)
        deciding, loud, quiet = Signal(), Signal(reset_less=True), Signal(reset_less=True)
        m.d.comb += [self.floor.eq(floor), decision.valid.eq(deciding)]
        m.d.sync += deciding.eq(self.ends)
        with m.If(self.ends):
            m.d.sync += [
                loud.eq(self.loudness >= floor[spec.floor_shift :] + settings.rise),
                quiet.eq(self.loudness < floor[spec.floor_shift :] + settings.fall),
                distance.eq(Cat(Const(0, spec.floor_shift), self.loudness) - floor),
            ]
        least = spec.floor_least << spec.log_frac_bits + spec.floor_shift
        moved = Signal.like(floor)
        m.d.comb += moved.eq(floor + Mux(distance < 0, distance >> spec.floor_fall, spec.floor_rise))
        with m.If(deciding):
            m.d.sync += floor.eq(Mux(moved < least, least, moved))

        sampling, armed = Signal(), Signal(init=1)
        sent, left = Signal.like(settings.duration), Signal.like(settings.hold)
        streak = Signal.like(settings.onset)
        passed = Signal(range(max(1, spec.preroll_limit) + 1))
        rising, begins, number = Signal(), Signal(), Signal(len(sent) + 1)
        m.d.comb += [
            rising.eq(loud & armed & (left == 0)),
            begins.eq(
                (settings.free | (rising & (streak + 1 >= settings.onset))) & ~(self.waits & (passed != 0))
            ),
            decision.sends.eq(sampling | begins),
            decision.last.eq(number >= settings.duration),
            number.eq(Mux(sampling, sent, decision.before) + 1),
        ]
        with m.If(~sampling & ~settings.free):
            m.d.comb += decision.before.eq(Mux(settings.preroll < passed, settings.preroll, passed))
        with m.If(deciding & decision.sends):
            m.d.sync += [
                sampling.eq(~decision.last),
                sent.eq(number),
                armed.eq(0),
                streak.eq(0),
                passed.eq(0),
            ]
            with m.If(decision.last):
                m.d.sync += left.eq(settings.hold)
        with m.Elif(deciding):
            m.d.sync += [
                armed.eq(armed | quiet),
                streak.eq(Mux(rising, streak + ~streak.all(), 0)),
                left.eq(left - left.any()),
                passed.eq(passed + (passed != max(1, spec.preroll_limit))),
            ]
        return m
