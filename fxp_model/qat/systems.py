"""The systems that the paper's claim is about, as shapes and recipes of one trainer (arXiv 2604.15997, 2509.24852)."""

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
    """

    name: str
    about: str
    shape: Shape
    recipe: Recipe
    at_mean_of: str | None = None


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
    table = [
        System("conv", "learned delays", conv, recipe),
        System("dense-float", "DelRec", dense, real),
        System("conv-float", "learned delays", conv, real),
        *(
            System(
                f"conv-{bits}bit", "learned delays", replace(conv, weight_bits=bits, kernel_bits=bits), recipe
            )
            for bits in (4, 6, 3, 2)
        ),
        System("none", "no recurrence", Shape(recurrence=None), recipe),
        System("conv-delay-1", "every spike arrives a step later", conv, replace(fixed, start_delay=steps)),
        System("conv-delay-random", "delays as drawn at the start", conv, fixed),
        System("conv-delay-mean", "delays at the learned mean of a layer", conv, fixed, at_mean_of="conv"),
        *(System(f"conv-k{k}", "learned delays", replace(conv, kernel_size=k), recipe) for k in (1, 3, 7)),
        System(
            "dense-delay-1-float",
            "a plain recurrent network",
            dense,
            replace(real, learn_delays=False, start_delay=steps),
        ),
        System("conv-last", "recurrence in the last layer", replace(conv, recurrent_layers=last), recipe),
        System("dense-last-float", "DelRec in the last layer", replace(dense, recurrent_layers=last), real),
        System("dense", "DelRec in 8 bits", dense, recipe),
        System("none-float", "no recurrence", Shape(recurrence=None), real),
    ]
    return {system.name: system for system in table}


def system_of(name: str, recipe: Recipe) -> System:
    """The system called `name`; `InputError` where there is none."""
    table = systems(recipe)
    if name not in table:
        raise InputError(f"system must be one of {', '.join(table)}, not {name!r}")
    return table[name]
