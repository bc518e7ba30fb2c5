"""The readout: events in, scores and class out."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import Answer, ReadoutSpec
from hw.config import StageConfig
from hw.rtl.answer_unit import AnswerUnit, unit_of
from hw.rtl.banks import RELOAD, Part
from hw.rtl.events import event_layout, events_of
from hw.rtl.input_decoder import beat_layout
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.stage_counters import taps_signature
from hw.rtl.synapse_array import SynapseArray


class Readout(wiring.Component):
    """Synapses, leaky integrators and scores.

    Parameters
    ----------
    spec : ReadoutSpec
    params : StageParams
    config : StageConfig
    reload : bool
        Its parameters can be reloaded.

    Members
    -------
    i : In stream of `event_layout`
        Up to ``config.events_per_cycle`` events per transfer.
    o : Out stream of `beat_layout`
        Per sample: a beat per class score, then the class with `last`. With answers per step, for each of
        them: class, score, and margin with `last`.
    swept : Out(1), only with answers per step
        The results of the last group of a step are known.
    taps : Out(taps_signature)
    reload : In(RELOAD), only if `reload`
    """

    def __init__(
        self, spec: ReadoutSpec, params: StageParams, config: StageConfig, reload: bool = False
    ) -> None:
        self._spec, self._params, self._config, self._reload = spec, params, config, reload
        inputs = event_layout(spec.n_in, spec.input_bits, config.events_per_cycle)
        ports = {
            "i": In(stream.Signature(inputs)),
            "o": Out(stream.Signature(beat_layout())),
            "taps": Out(taps_signature(spec, config)),
        }
        if spec.answer is Answer.STEP:
            ports |= {"swept": Out(1)}
        if reload:
            ports |= {"reload": In(RELOAD)}
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # Only a step that is answered waits until the scores of the previous answer are sent.
        spec, params, config = self._spec, self._params, self._config
        reloaded = Part.WEIGHT if self._reload else None
        m.submodules.synapses = synapses = SynapseArray(spec, params, config, reloaded)
        m.submodules.update = update = NeuronUpdate(spec, params, config, self._reload)
        m.submodules.scores = scores = unit_of(spec)(spec, config)
        wiring.connect(m, wiring.flipped(self.i), synapses.i)
        wiring.connect(m, synapses.o, update.i)
        answers = scores.due if isinstance(scores, AnswerUnit) else synapses.o.payload.last
        m.d.comb += [
            update.sums.eq(synapses.sums),
            scores.taken.eq(update.taken),
            scores.results.eq(update.results),
            update.hold.eq(scores.occupied & answers),
            self.taps.events.eq(events_of(self.i)),
            self.taps.spikes.eq(update.fired),
            self.taps.saturated.eq(update.saturated),
        ]
        if spec.answer is Answer.STEP:
            m.d.comb += self.swept.eq(update.results.tag.valid & update.results.tag.final)
        wiring.connect(m, scores.o, wiring.flipped(self.o))
        if self._reload:
            wiring.connect(m, wiring.flipped(self.reload), synapses.reload)
            wiring.connect(m, wiring.flipped(self.reload), update.reload)
        return m
