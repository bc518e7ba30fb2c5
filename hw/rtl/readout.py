"""The readout: events in, scores and class out."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from fxp_model.network import StageParams
from fxp_model.spec import ReadoutSpec
from hw.config import StageConfig
from hw.rtl.events import event_layout
from hw.rtl.input_decoder import beat_layout
from hw.rtl.neuron_update import NeuronUpdate
from hw.rtl.score_unit import ScoreUnit
from hw.rtl.synapse_array import SynapseArray


class Readout(wiring.Component):
    """Synapses, leaky integrators and scores.

    Parameters
    ----------
    spec : ReadoutSpec
    params : StageParams
    config : StageConfig

    Members
    -------
    i : In stream of `event_layout`
        Up to ``config.events_per_cycle`` events per transfer.
    o : Out stream of `beat_layout`
        Per sample: a beat per class score, then the class with `last`.
    """

    def __init__(self, spec: ReadoutSpec, params: StageParams, config: StageConfig) -> None:
        self._spec, self._params, self._config = spec, params, config
        inputs = event_layout(spec.n_in, spec.input_bits, config.events_per_cycle)
        super().__init__({"i": In(stream.Signature(inputs)), "o": Out(stream.Signature(beat_layout()))})

    def elaborate(self, platform: object) -> Module:
        m = Module()

        # A sample's last step waits until the scores of the sample before are sent; others never do.
        m.submodules.synapses = synapses = SynapseArray(self._spec, self._params, self._config)
        m.submodules.update = update = NeuronUpdate(self._spec, self._params, self._config)
        m.submodules.scores = scores = ScoreUnit(self._spec, self._config)
        wiring.connect(m, wiring.flipped(self.i), synapses.i)
        wiring.connect(m, synapses.o, update.i)
        m.d.comb += [
            scores.results.eq(update.results),
            update.hold.eq(scores.occupied & synapses.o.payload.last),
        ]
        wiring.connect(m, scores.o, wiring.flipped(self.o))
        return m
