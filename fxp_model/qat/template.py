"""Specs of untrained networks, with the default formats."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fxp_model.errors import InputError
from fxp_model.fixed import QFormat
from fxp_model.qat.limits import check_limits
from fxp_model.spec import (
    Answer,
    LayerSpec,
    NetworkSpec,
    ReadoutMode,
    ReadoutSpec,
    RecurrenceKind,
    RecurrenceSpec,
    ResetMode,
    SynapseSpec,
)

HIDDEN_MEMBRANE = QFormat(signed=True, int_bits=6, frac_bits=10)
"""Membrane and bias of hidden layers: +-32 thresholds, lsb 1/1024 of one."""
READOUT_MEMBRANE = QFormat(signed=True, int_bits=8, frac_bits=8)
BETA = QFormat(signed=False, int_bits=0, frac_bits=8)
HIDDEN_BETA = 0.75
READOUT_BETA = 0.9


class RecurrentLayers(StrEnum):
    """Which hidden layers have a recurrence."""

    ALL = "all"
    LAST = "last"


@dataclass(frozen=True)
class Shape:
    """What a user chooses for an untrained network.

    hidden : neurons of each hidden layer
    recurrence : kind, or None for no recurrence
    recurrent_layers : hidden layers with a recurrence
    kernel_size : taps of a ``conv`` kernel
    alpha : what is kept of the synaptic currents of the hidden layers at the start, of all or of each; empty:
        they have none
    beta : leaks of the hidden layers at the start, of all or of each
    readout_beta : leak of the readout at the start
    input_bits, weight_bits, kernel_bits : widths; of weights and kernel 2..16
    max_delay : largest axonal delay in steps
    answer, stride : when the readout answers, and the steps from answer to answer
    forward_delay : largest delay of the inputs of all stages or of each, the readout's last; 0 for none
    """

    hidden: tuple[int, ...] = (256, 256)
    recurrence: RecurrenceKind | None = RecurrenceKind.CONV
    recurrent_layers: RecurrentLayers = RecurrentLayers.ALL
    kernel_size: int = 5
    max_delay: int = 63
    forward_delay: tuple[int, ...] = (0,)
    alpha: tuple[float, ...] = ()
    beta: tuple[float, ...] = (HIDDEN_BETA,)
    readout_beta: float = READOUT_BETA
    input_bits: int = 4
    weight_bits: int = 8
    kernel_bits: int = 8
    reset_mode: ResetMode = ResetMode.SUBTRACT
    readout: ReadoutMode = ReadoutMode.SUM
    answer: Answer = Answer.SAMPLE
    stride: int = 1

    def __post_init__(self) -> None:
        check_limits("layers", len(self.hidden))
        for neurons in self.hidden:
            check_limits("neurons", neurons)
        for name in ("max_delay", "input_bits", "weight_bits", "kernel_bits", "stride"):
            check_limits(name, getattr(self, name))
        for delay in self.forward_delay:
            check_limits("forward_delay", delay)
        if len(self.forward_delay) not in (1, len(self.hidden) + 1):
            raise InputError(
                f"forward_delay must be one value, or one for each of {len(self.hidden) + 1} stages, "
                f"not {len(self.forward_delay)}"
            )
        for name in ("alpha", "beta"):
            values = getattr(self, name)
            if len(values) not in (1, len(self.hidden)) and (values or name == "beta"):
                raise InputError(
                    f"{name} must be one value, or one for each of {len(self.hidden)} hidden layers, "
                    f"not {len(values)}"
                )
            for value in values:
                check_limits(name, value)
        check_limits("beta", self.readout_beta)


def network_spec(shape: Shape, n_in: int, n_out: int) -> NetworkSpec:
    """The spec of an untrained network; weight scales are fitted in training."""
    recurrence = None
    if shape.recurrence is not None:
        conv = shape.recurrence is RecurrenceKind.CONV
        recurrence = RecurrenceSpec(
            kind=shape.recurrence,
            weight=_weight(shape.kernel_bits if conv else shape.weight_bits),
            max_delay=shape.max_delay,
            kernel_size=shape.kernel_size if conv else 0,
        )
    stages = len(shape.hidden) + 1
    delays = shape.forward_delay * stages if len(shape.forward_delay) == 1 else shape.forward_delay
    first_recurrent = 0 if shape.recurrent_layers is RecurrentLayers.ALL else len(shape.hidden) - 1
    betas = shape.beta * len(shape.hidden) if len(shape.beta) == 1 else shape.beta
    alphas = shape.alpha * len(shape.hidden) if len(shape.alpha) == 1 else shape.alpha
    layers = tuple(
        LayerSpec(
            n_in=before,
            n_out=after,
            input_bits=shape.input_bits if index == 0 else 1,
            weight=_weight(shape.weight_bits),
            bias=HIDDEN_MEMBRANE,
            membrane=HIDDEN_MEMBRANE,
            beta=int(BETA.from_real(betas[index])),
            beta_format=BETA,
            v_th=int(HIDDEN_MEMBRANE.from_real(1.0)),
            reset_mode=shape.reset_mode,
            max_input_delay=delays[index] or None,
            recurrence=recurrence if index >= first_recurrent else None,
            synapse=_synapse(alphas[index]) if alphas else None,
        )
        for index, (before, after) in enumerate(zip((n_in, *shape.hidden), shape.hidden, strict=False))
    )
    readout = ReadoutSpec(
        n_in=shape.hidden[-1],
        n_out=n_out,
        weight=_weight(shape.weight_bits),
        bias=READOUT_MEMBRANE,
        membrane=READOUT_MEMBRANE,
        beta=int(BETA.from_real(shape.readout_beta)),
        beta_format=BETA,
        max_input_delay=delays[-1] or None,
        mode=shape.readout,
        v_th=int(READOUT_MEMBRANE.from_real(1.0)) if shape.readout is ReadoutMode.SPIKE_COUNT else 0,
        reset_mode=shape.reset_mode,
        answer=shape.answer,
        stride=shape.stride,
    )
    return NetworkSpec(layers, readout)


def _synapse(alpha: float) -> SynapseSpec:
    return SynapseSpec(current=HIDDEN_MEMBRANE, alpha=int(BETA.from_real(alpha)), alpha_format=BETA)


def _weight(width: int) -> QFormat:
    return QFormat(signed=True, int_bits=1, frac_bits=width - 1)
