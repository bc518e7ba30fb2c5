"""Payloads of the streams between and inside stages: events, step markers, groups."""

from __future__ import annotations

from amaranth.hdl import Cat, Shape, Value, unsigned
from amaranth.lib import data, stream

from fxp_model.spec import IntegratorSpec
from hw.rtl.arithmetic import lowest_of, parities


def index_shape(n: int) -> Shape:
    """Shape of an index below `n`, at least one bit wide."""
    return unsigned(max(1, (n - 1).bit_length()))


def event_layout(n_in: int, input_bits: int, events: int = 1) -> data.StructLayout:
    """Payload of a stream of up to `events` (1 or 2) events per transfer, into a stage of `n_in` inputs.

    ``marker``  0: an event, or a pair; 1: the time step is complete, and all fields but `last` are ignored
    ``last``    of a marker: the sample is complete
    ``address`` index of the active input
    ``count``   its spikes, 1 .. 2**input_bits - 1; only where `input_bits` > 1
    ``pair``    there is a second event, ``second_address`` and ``second_count``; only where `events` is 2
    """
    event = {"address": index_shape(n_in)} | ({"count": unsigned(input_bits)} if input_bits > 1 else {})
    fields = {"marker": unsigned(1), "last": unsigned(1), **event}
    if events == 2:
        fields |= {"pair": unsigned(1), **{f"second_{name}": shape for name, shape in event.items()}}
    return data.StructLayout(fields)


COUNTS_AFTER = 5
"""Cycles from an item in the stream to the counts of its events, where these arrive on nets beside it."""


def counts_beside(spec: IntegratorSpec) -> bool:
    """Whether the counts of the inputs of a stage are not in the stream: they are looked up behind it."""
    return spec.max_input_delay is not None and spec.input_bits > 1


def inputs_layout(spec: IntegratorSpec, events: int) -> data.StructLayout:
    """`event_layout` of the inputs of a stage; events whose counts are beside it look like spikes."""
    return event_layout(spec.n_in, 1 if counts_beside(spec) else spec.input_bits, events)


def events_of(link: stream.Interface) -> Value:
    """A bit for each event transferred on `link`, a stream of `event_layout`, in this cycle."""
    event = link.valid & link.ready & ~link.payload.marker
    pairs = "pair" in dict(link.payload.shape())
    return Cat(event, event & link.payload.pair) if pairs else event


SUMS_AFTER = 3
"""Cycles from the transfer of a group of neurons to its sums, which arrive on nets beside the stream."""
DELAYED_AFTER = 2
"""Cycles from the results of a group until its delay lines, spread over the device, have shifted."""


def group_layout() -> data.StructLayout:
    """Payload of a stream of the groups of neurons of a step, lowest first; a transfer requests the sums.

    ``last``  the step ends its sample; the same in every group of a step
    """
    return data.StructLayout({"last": unsigned(1)})


def block_size(n: int) -> int:
    """Neurons per block, the unit that is scanned as a whole, for `n` neurons."""
    bits = index_shape(n).width
    return 1 << (bits - bits // 2)


def block_count(n: int) -> int:
    """Number of blocks of `n` neurons."""
    return -(-n // block_size(n))


def alternating(spikes: Value, odd: Value) -> tuple[list[Value], Value]:
    """Split `spikes` into two words: the first, third, .. and the second, fourth, ..; and `odd` after them.

    `odd` says whether the number of spikes before is odd.
    """
    *before, after = parities(spikes)
    second = Cat(before) ^ odd.replicate(len(spikes))
    return [spikes & ~second, spikes & second], after ^ odd


def filled_blocks(spikes: Value) -> Value:
    """A bit for each block that has a spike."""
    size = block_size(len(spikes))
    return Cat(spikes[low : low + size].any() for low in range(0, len(spikes), size))


def blocks_layout(n: int) -> data.StructLayout:
    """Blocks of `n` neurons that have spikes.

    ``first``  a bit for each block: it is the first with a spike
    ``later``  a bit for each block: it has a spike and is not the first
    ``found``  there is a spike
    """
    count = block_count(n)
    return data.StructLayout({"first": unsigned(count), "later": unsigned(count), "found": unsigned(1)})


def first_blocks(filled: list[Value]) -> Value:
    """Bits of the `blocks_layout` for each element of `filled`, as from `filled_blocks`."""
    return Cat(Cat(*lowest_of(part), part.any()) for part in filled)


def spikes_layout(n: int, events: int = 1) -> data.StructLayout:
    """Payload of a stream of whole time steps.

    ``spikes``  a bit per neuron
    ``last``    of the sample
    ``blocks``  `blocks_layout`
    For two `events` per cycle, ``spikes`` and ``blocks`` are arrays, of the two lists of `alternating`.
    """
    spikes, blocks = unsigned(n), blocks_layout(n)
    if events == 1:
        return data.StructLayout({"spikes": spikes, "last": unsigned(1), "blocks": blocks})
    lists = {"spikes": data.ArrayLayout(spikes, events), "last": unsigned(1)}
    return data.StructLayout({**lists, "blocks": data.ArrayLayout(blocks, events)})


def tag_layout(groups: int) -> data.StructLayout:
    """Tag of a group of neurons.

    ``valid``   there is a group in this cycle
    ``group``   its index; a sweep goes from 0 to `groups` - 1
    ``final``   it is the last group of the step
    ``first``   the step is the first of its sample
    ``last``    the step is the last of its sample
    """
    return data.StructLayout({"valid": 1, "group": index_shape(groups), "final": 1, "first": 1, "last": 1})


def results_layout(lanes: int, membrane_bits: int, groups: int, spiking: bool) -> data.StructLayout:
    """Results of one group of neurons.

    ``tag``     the group, if any
    ``v_mem``   `lanes` membranes, after the requantisation and before the reset
    ``spikes``  a bit per lane; only where `spiking`
    """
    fields = {"tag": tag_layout(groups), "v_mem": unsigned(lanes * membrane_bits)}
    if spiking:
        fields["spikes"] = unsigned(lanes)
    return data.StructLayout(fields)
