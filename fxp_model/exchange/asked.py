"""What a user says of a network where its file does not."""

from __future__ import annotations

from dataclasses import dataclass

from fxp_model.errors import InputError
from fxp_model.spec import MAX_DELAY_STEPS, ReadoutMode, ResetMode


@dataclass(frozen=True)
class Asked:
    """Answers; None: not given.

    dt : step of time in seconds (NIR)
    reset : of every neuron (NIR, snnTorch with ``reset_delay=False``, numpy)
    cycle_delay : steps of a spike around a cycle without a Delay, at least 1 (NIR)
    readout : how the last layer is read, where it does not fire
    beta, readout_beta, v_th : of hidden layers, of the readout (None: as `beta`), of hidden layers (state
    dicts of DelRec)
    decay_input : (1 - beta) multiplies every input (state dicts of DelRec)

    Raises
    ------
    InputError
        For a value outside its limits.
    """

    dt: float | None = None
    reset: ResetMode | None = None
    cycle_delay: int | None = None
    readout: ReadoutMode | None = None
    beta: float | None = None
    readout_beta: float | None = None
    v_th: float | None = None
    decay_input: bool | None = None

    def __post_init__(self) -> None:
        if self.dt is not None and not 0 < self.dt <= 1e6:
            raise InputError(f"dt must be above 0 and at most 1e6 s, not {self.dt:g}")
        if self.cycle_delay is not None and not 1 <= self.cycle_delay <= MAX_DELAY_STEPS + 1:
            raise InputError(f"cycle_delay must be 1..{MAX_DELAY_STEPS + 1}, not {self.cycle_delay}")
        for name in ("beta", "readout_beta"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise InputError(f"{name} must be 0..1, not {share:g}")
        if self.v_th is not None and not 0 < self.v_th <= 1e6:
            raise InputError(f"v_th must be above 0 and at most 1e6, not {self.v_th:g}")
