"""Delays of the input channels, for counts as well as spikes."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import IntegratorSpec
from hw.config import StageConfig
from hw.rtl.arithmetic import selected
from hw.rtl.banks import RAM_STYLE, parameter_memory
from hw.rtl.delay_lines import DelayLines, forward_delays
from hw.rtl.event_encoder import EventEncoder
from hw.rtl.events import DELAYED_AFTER, block_count, block_size, event_layout, index_shape, inputs_layout
from hw.rtl.pipeline import delayed
from hw.rtl.spike_queue import SpikeQueue


class InputDelays(wiring.Component):
    """x'[j](t) = x[j](t - d[j]) of NUMERICS.md section 5, as a stream of events again.

    Whether a channel is active in a step is one bit, which is delayed, queued and sent like the spikes of a
    layer of a single group: no step waits for another, unless the queue is full. Its count stays
    where it came in, in a ring of as many steps as are on their way, and is looked up by the array behind,
    while this reads the weights: so neither lines nor queue hold counts, and the lookup takes no time. Counts
    of a channel in a step add up; beyond `input_bits` they wrap, for that sample only.

    Latency: a step is offered by the encoder `LATENCY` + `SpikeQueue.latency` + `EventEncoder.LATENCY` cycles
    after its marker.
    Throughput: one transfer per cycle at either end.

    Parameters
    ----------
    spec : IntegratorSpec
        The first layer, with `max_input_delay`.
    params : StageParams
    config : StageConfig

    Members
    -------
    i : In stream of `event_layout`
        Up to `taken` of them.
    o : Out stream of `inputs_layout`
    counts : Out(input_bits).array(events_per_cycle), only where `input_bits` > 1
        Of the events that were offered at `o` `COUNTS_AFTER` cycles ago.
    """

    LATENCY = DELAYED_AFTER
    """Cycles from a marker to the queue."""

    @staticmethod
    def taken(spec: IntegratorSpec, slots: int) -> int:
        """Most events that are taken in a cycle, of `slots` in a beat; of counts one, to be added up."""
        return slots if spec.input_bits == 1 else 1

    @staticmethod
    def steps(spec: IntegratorSpec) -> int:
        """Steps of the ring, a power of two.

        One comes in, `SpikeQueue.STEPS` wait or are sent, and up to two have been sent to the buffer behind;
        the oldest of these looks back by the longest delay.
        """
        assert spec.max_input_delay is not None
        return 1 << (spec.max_input_delay + SpikeQueue.STEPS + 2).bit_length()

    def __init__(self, spec: IntegratorSpec, params: StageParams, config: StageConfig) -> None:
        self._spec, self._params, self._config = spec, params, config
        inputs = event_layout(spec.n_in, spec.input_bits, self.taken(spec, config.events_per_cycle))
        ports = {
            "i": In(stream.Signature(inputs)),
            "o": Out(stream.Signature(inputs_layout(spec, config.events_per_cycle))),
        }
        if spec.input_bits > 1:
            ports |= {"counts": Out(spec.input_bits).array(config.events_per_cycle)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spec, out_events = self._spec, self._config.events_per_cycle
        n, item = spec.n_in, self.i.payload

        # A step that closes is copied to the lines in the next cycle, when its last event is in `active`.
        own = forward_delays(spec, self._params)
        assert own is not None
        m.submodules.lines = lines = DelayLines(own.steps, n, forward=True)
        m.submodules.queue = queue = SpikeQueue(n, n, 1, 0, out_events)
        m.submodules.encoder = encoder = EventEncoder(n, out_events)
        wiring.connect(m, queue.o, encoder.i)
        wiring.connect(m, encoder.o, wiring.flipped(self.o))
        add, close = Signal(), Signal(name="close")
        m.d.comb += [
            add.eq(self.i.valid & ~item.marker),
            close.eq(self.i.valid & item.marker & ~queue.full),
            self.i.ready.eq(~(item.marker & queue.full)),
        ]
        tag = lines.finishing
        m.d.comb += [tag.valid.eq(close), tag.final.eq(1), tag.last.eq(item.last)]
        tags = [tag]
        for index in range(self.LATENCY):
            tags.append(Signal(tag.shape(), name=f"tag_{index}"))
            m.d.sync += tags[-1].eq(tags[-2])
        m.d.comb += [
            queue.starts.eq(close),
            queue.sent.eq(encoder.sent),
            queue.results.tag.eq(tags[-1]),
            queue.results.spikes.eq(lines.delayed),
        ]

        # Channels of the open step. An address is decoded in two parts, registers, as its fan-out is high.
        active = Signal(n)
        addresses = [(add, item.address)]
        if self.taken(spec, out_events) == 2:
            addresses.append((add & item.pair, item.second_address))
        found = [self._decoded(m, *one) for one in addresses]
        closed = tags[1].valid
        m.d.comb += lines.spikes.eq(active)
        m.d.sync += active.eq(Mux(closed, 0, active | sum(found[1:], found[0])))
        if spec.input_bits > 1:
            self._count(m, add, active, closed)
        return m

    def _decoded(self, m: Module, valid: Value, address: Value) -> Value:
        """A bit for each channel: one cycle ago it had the event, if there was one."""
        n = self._spec.n_in
        size = block_size(n)
        block = Signal(block_count(n))
        place = Signal(min(size, n), reset_less=True)
        low, high = address[: (size - 1).bit_length()], address[(size - 1).bit_length() :]
        m.d.sync += [
            block.eq(Cat(valid & (high == index) for index in range(len(block)))),
            place.eq(Cat(low == index for index in range(len(place)))),
        ]
        return Cat(block[index // size] & place[index % size] for index in range(n))

    def _count(self, m: Module, add: Value, active: Value, closed: Value) -> None:
        """Add up the counts of a step, write them to the ring, and look up those of the events at `o`."""
        spec, bits, steps = self._spec, self._spec.input_bits, self.steps(self._spec)
        attrs = {RAM_STYLE: "distributed"}
        m.submodules.sums = sums = memory.Memory(
            shape=unsigned(bits), depth=max(2, spec.n_in), init=[], attrs=attrs
        )
        m.submodules.ring = ring = memory.Memory(shape=unsigned(bits), depth=spec.n_in * steps, init=[])
        old, write = sums.read_port(domain="comb"), sums.write_port()
        into = ring.write_port()

        # Address | sum so far | new sum, which is that of the next event, if it has the same address.
        now = Signal(range(steps))
        m.d.sync += now.eq(now + closed)
        adds, writes = Signal(), Signal(name="writes")
        m.d.sync += [adds.eq(add), writes.eq(adds)]
        address = delayed(m, self.i.payload.address, 1)
        count = delayed(m, self.i.payload.count, 1)
        held, more, total = (Signal(bits, reset_less=True, name=name) for name in ("held", "more", "total"))
        place = delayed(m, address, 1)
        again = writes & (place == address)
        before = Mux(again, total, old.data)
        m.d.comb += [old.addr.eq(address), total.eq(held + more)]
        m.d.sync += [held.eq(Mux(selected(list(active), address), before, 0)), more.eq(count)]
        for port, where in ((write, place), (into, Cat(delayed(m, now, 1), place))):
            m.d.comb += [port.en.eq(writes), port.addr.eq(where), port.data.eq(total)]

        # Address | delay | step of the ring | count | register behind the memory.
        item = self.o.payload
        sending = Signal(range(steps))
        m.d.sync += sending.eq(sending + (self.o.valid & self.o.ready & item.marker))
        assert self._params.input_delay_steps is not None
        width = index_shape(steps).width
        m.submodules.steps = delays = parameter_memory(
            width, self._params.input_delay_steps.tolist(), reload=False
        )
        wanted = [item.address, item.second_address] if len(self.counts) == 2 else [item.address]
        step = delayed(m, sending, 2)
        for address, looked_up in zip(wanted, self.counts, strict=True):
            delay, read = delays.read_port(), ring.read_port()
            channel = delayed(m, address, 1)
            source = (step - delay.data)[:width]
            m.d.comb += [
                delay.addr.eq(channel),
                read.addr.eq(delayed(m, Cat(source, delayed(m, channel, 1)), 1)),
            ]
            m.d.comb += looked_up.eq(delayed(m, read.data, 1))
