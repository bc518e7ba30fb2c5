"""The systems of the paper's claim (arXiv 2604.15997, 2509.24852), as shapes and recipes of one trainer."""

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
        What it stands for, a few words.
    shape : Shape
    recipe : Recipe
    at_mean_of : str or None
        System whose learned delays, of the same seed, give the one delay of each layer, their mean.
    taught_by : str or None
        System whose network, of the same seed, gives logits to learn from beside the labels.
    """

    name: str
    about: str
    shape: Shape
    recipe: Recipe
    at_mean_of: str | None = None
    taught_by: str | None = None

    @property
    def after(self) -> str | None:
        """System that has to be trained before."""
        return self.at_mean_of or self.taught_by


SPARSE_COST = 0.3
"""Loss per spike of a neuron and step of the sparse network."""


def systems(recipe: Recipe) -> dict[str, System]:
    """Every system by its name, in the order of the table; all are trained with `recipe`.

    Weights have 8 bits where a name does not say otherwise; dense systems and those called
    ``float`` are real numbers.
    """
    conv, dense = Shape(), Shape(recurrence=RecurrenceKind.DENSE)
    last = RecurrentLayers.LAST
    real = replace(recipe, quantized=False)
    fixed = replace(recipe, learn_delays=False)
    steps = (0.0,) * len(conv.hidden)
    sparse = replace(recipe, spike_cost=SPARSE_COST)
    plain = replace(real, learn_delays=False, start_delay=steps)

    def narrow(bits: int) -> Shape:
        return replace(conv, weight_bits=bits, kernel_bits=bits)

    table = [
        System("conv", "learned delays", conv, recipe),
        System(
            "dense-last-float", "DelRec, last layer as published", replace(dense, recurrent_layers=last), real
        ),
        System("dense-float", "DelRec in both layers", dense, real),
        System("conv-taught", "conv, taught by dense-float", conv, recipe, taught_by="dense-float"),
        System("conv-taught-4bit", "the same in 4 bits", narrow(4), recipe, taught_by="dense-float"),
        System("conv-taught-sparse", "the same, firing costs", conv, sparse, taught_by="dense-float"),
        System("none", "no recurrence", Shape(recurrence=None), recipe),
        System("conv-delay-1", "no delay beyond one step", conv, replace(fixed, start_delay=steps)),
        System("conv-delay-random", "delays as drawn at the start", conv, fixed),
        System("conv-delay-mean", "all delays at the learned mean", conv, fixed, at_mean_of="conv"),
        *(System(f"conv-k{k}", "learned delays", replace(conv, kernel_size=k), recipe) for k in (1, 3, 7)),
        System("conv-last", "last layer only", replace(conv, recurrent_layers=last), recipe),
        System("dense-delay-1-float", "a plain recurrent network", dense, plain),
        System("conv-float", "learned delays", conv, real),
        *(System(f"conv-{bits}bit", "learned delays", narrow(bits), recipe) for bits in (6, 4, 3, 2)),
        System("dense", "DelRec in 8 bits", dense, recipe),
        System("dense-taught-float", "DelRec, taught by itself", dense, real, taught_by="dense-float"),
        System("none-float", "no recurrence", Shape(recurrence=None), real),
    ]
    return {system.name: system for system in table}


def system_of(name: str, recipe: Recipe) -> System:
    """The system called `name`; `InputError` where there is none."""
    table = systems(recipe)
    if name not in table:
        raise InputError(f"system must be one of {', '.join(table)}, not {name!r}")
    return table[name]
