"""The systems compared in the paper (arXiv 2604.15997, 2509.24852), as shapes and recipes of one trainer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fxp_model.errors import InputError
from fxp_model.qat.template import RecurrentLayers, Shape
from fxp_model.qat.train import Recipe
from fxp_model.spec import RecurrenceKind


@dataclass(frozen=True)
class System:
    """One row of the table.

    name : str
    about : str
        A few words of description.
    shape : Shape
    recipe : Recipe
    at_mean_of : str or None
        System whose learned delays (same seed) are averaged into the single delay of each layer.
    taught_by : str or None
        Teacher: system whose network (same seed) provides logits to learn beside the labels.
    """

    name: str
    about: str
    shape: Shape
    recipe: Recipe
    at_mean_of: str | None = None
    taught_by: str | None = None

    @property
    def after(self) -> str | None:
        """System that must be trained before."""
        return self.at_mean_of or self.taught_by


SPARSE_COST, SPARSER_COST = 2.0, 10.0
"""Spike penalty of the sparse networks: loss per mean spike of a neuron and step."""
FORWARD_DELAY = 20
"""Largest forward delay in steps, of those that have any."""


def systems(recipe: Recipe) -> dict[str, System]:
    """Every system by its name, in training order; all with `recipe`, some for longer.

    Weights have 8 bits and K is 5 unless a name says otherwise.
    """
    conv, dense = Shape(), Shape(recurrence=RecurrenceKind.DENSE)
    none, last = Shape(recurrence=None), RecurrentLayers.LAST
    real = replace(recipe, quantized=False)
    fixed = replace(recipe, learn_delays=False)
    one_step = (0.0,) * len(conv.hidden)
    bits = {n: replace(conv, weight_bits=n, kernel_bits=n) for n in (6, 4, 3, 2)}
    taps = {k: replace(conv, kernel_size=k) for k in (1, 3, 7)}
    # a student keeps improving on augmented clips for many epochs (Beyer et al., 2106.05237)
    patient = replace(recipe, epochs=3 * recipe.epochs)
    sparse, sparser = (replace(patient, spike_cost=cost) for cost in (SPARSE_COST, SPARSER_COST))
    teacher = "dense-float"
    plain = replace(real, learn_delays=False, start_delay=one_step)
    table = [
        System("conv", "learned delays", conv, recipe),
        System("dense-last-float", "DelRec, last layer", replace(dense, recurrent_layers=last), real),
        System("dense-float", "DelRec, both layers", dense, real),
        System("conv-taught", "taught by dense-float", conv, patient, taught_by=teacher),
        System("conv-taught-sparse", "the same, firing costs", conv, sparse, taught_by=teacher),
        System("conv-taught-sparse-4bit", "the same in 4 bits", bits[4], sparse, taught_by=teacher),
        System("conv-taught-sparser", "firing costs more", conv, sparser, taught_by=teacher),
        System("conv-sparse", "firing costs", conv, replace(recipe, spike_cost=SPARSE_COST)),
        System("dense-sparse-float", "DelRec, firing costs", dense, replace(real, spike_cost=SPARSE_COST)),
        System("conv-long", "three times as many epochs", conv, patient),
        System("dense-long-float", "three times as many epochs", dense, replace(real, epochs=patient.epochs)),
        System("none", "no recurrence", none, recipe),
        System("none-forward", "forward delays alone", replace(none, forward_delay=(FORWARD_DELAY,)), recipe),
        System("conv-forward", "forward delays, too", replace(conv, forward_delay=(FORWARD_DELAY,)), recipe),
        System("conv-delay-1", "no extra delay", conv, replace(fixed, start_delay=one_step)),
        System("conv-delay-random", "delays as drawn at the start", conv, fixed),
        System("conv-delay-mean", "the learned mean in each layer", conv, fixed, at_mean_of="conv"),
        *(System(f"conv-k{k}", "learned delays", shape, recipe) for k, shape in taps.items()),
        System("conv-last", "last layer", replace(conv, recurrent_layers=last), recipe),
        System("dense-delay-1-float", "a plain recurrent network", dense, plain),
        System("conv-float", "learned delays", conv, real),
        *(System(f"conv-{n}bit", "learned delays", shape, recipe) for n, shape in bits.items()),
        System("dense", "DelRec in 8 bits", dense, recipe),
        System("dense-taught-float", "DelRec, taught by itself", dense, real, taught_by="dense-float"),
        System("none-float", "no recurrence", none, real),
    ]
    return {system.name: system for system in table}


def system_of(name: str, recipe: Recipe) -> System:
    """The system called `name`, else `InputError`."""
    table = systems(recipe)
    if name not in table:
        raise InputError(f"system must be one of {', '.join(table)}, not {name!r}")
    return table[name]
