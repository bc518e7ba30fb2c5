"""What a filter bank computes when, and what travels beside its numbers."""

from __future__ import annotations

from amaranth.lib import data

from fxp_model.checks import check_type
from fxp_model.ear.spec import EarSpec
from fxp_model.errors import InputError, shown
from hw.rtl.events import index_shape

MULTIPLIERS = (1, 2, 4)
ROUND = 4
"""Cycles from the fetch of a section to that of the section behind it, which has its difference by then."""


class Schedule:
    """Order of the sections of all channels.

    Channels go in rows of `lanes`, rows in groups of `rows`. A round of `ROUND` cycles is one section of a
    group, row by row. A sample takes `rounds` rounds: all sections of the first group, then of the next one.

    Parameters
    ----------
    spec : EarSpec
    multipliers : int
        1, 2 or 4: `lanes` times the `terms` of a section that are multiplied at the same time.

    Raises
    ------
    InputError
        `multipliers` is something else.
    """

    def __init__(self, spec: EarSpec, multipliers: int) -> None:
        check_type("spec", spec, EarSpec)
        if multipliers not in MULTIPLIERS:
            raise InputError(f"multipliers must be 1, 2 or 4, not {shown(multipliers)}")
        self.sections = spec.sections
        self.terms = min(multipliers, 2)
        self.lanes = multipliers // self.terms
        self.rows = ROUND * self.terms // 2
        # two rounds at least, as a state is written 5 cycles after it is fetched
        self.groups = max(-(-spec.channels // (self.rows * self.lanes)), -(-2 // spec.sections))
        self.rounds = self.groups * spec.sections

    @property
    def cycles(self) -> int:
        """Of a sample."""
        return ROUND * self.rounds

    @property
    def slots(self) -> int:
        """Pairs of states of a lane."""
        return self.rounds * self.rows

    def place(self, slot: int) -> tuple[int, int]:
        """Section, and first channel, of the states in a slot."""
        number, row = divmod(slot, self.rows)
        group, section = divmod(number, self.sections)
        return section, (group * self.rows + row) * self.lanes

    def round_layout(self) -> data.StructLayout:
        """What a round is.

        ``valid``   there is one
        ``number``  of the round in its sample
        ``group``   of rows
        ``first``, ``last``  of the sections of the group
        ``final``   the sample ends with it
        ``odd``     every other sample; y(n) goes to this one of the two states of a section
        ``opening``, ``closing``  the sample is the first, the last of its millisecond; from beat 2 on
        """
        number, group = index_shape(self.rounds), index_shape(self.groups)
        flags = dict.fromkeys(("first", "last", "final", "odd", "opening", "closing"), 1)
        return data.StructLayout({"valid": 1, "number": number, "group": group, **flags})

    def row_layout(self) -> data.StructLayout:
        """Which row of channels has states.

        ``valid``   one has
        ``slot``    where they belong
        ``row``     of channels
        ``final``   the sample ends with them
        ``last``, ``odd``, ``opening``, ``closing``  as of the round
        """
        slot, row = index_shape(self.slots), index_shape(self.groups * self.rows)
        flags = dict.fromkeys(("final", "last", "odd", "opening", "closing"), 1)
        return data.StructLayout({"valid": 1, "slot": slot, "row": row, **flags})
