"""Limits of the numbers that a user chooses for a network and its training."""

from __future__ import annotations

from fxp_model.errors import InputError
from fxp_model.spec import MAX_DELAY_STEPS, MAX_KERNEL_SIZE, MAX_LAYERS, MAX_NEURONS, MAX_STRIDE

LIMITS: dict[str, tuple[int, int] | tuple[float, float]] = {
    "layers": (1, MAX_LAYERS),
    "neurons": (1, MAX_NEURONS),
    "kernel_size": (1, MAX_KERNEL_SIZE),
    "max_delay": (0, MAX_DELAY_STEPS),
    "alpha": (0.0, 255 / 256),
    "beta": (0.0, 255 / 256),
    "input_bits": (1, 8),
    "forward_delay": (0, MAX_DELAY_STEPS),
    "weight_bits": (2, 16),
    "kernel_bits": (2, 16),
    "stride": (1, MAX_STRIDE),
    "epochs": (1, 100_000),
    "batch": (1, 1_000_000),
    "seed": (0, 2**63 - 1),
    "learning_rate": (0.0, 1e6),
    "delay_rate": (0.0, 1e6),
    "warmup": (0.0, 1.0),
    "weight_decay": (0.0, 1e6),
    "label_smoothing": (0.0, 1.0),
    "spike_cost": (0.0, 1e6),
    "sigma": (0.0, 1e6),
    "rounds_at": (0.0, 1.0),
    "taught": (0.0, 1.0),
    "temperature": (0.01, 1000.0),
    "truncate": (1, 1_000_000),
    "start_delay": (0.0, float(MAX_DELAY_STEPS)),
    "line_delay": (0, MAX_DELAY_STEPS),
    "copies": (1, 1000),
    "dropout": (0.0, 0.95),
    "recurrent_dropout": (0.0, 0.95),
    "time_shift": (0, 100_000),
    "channel_shift": (0, 1000),
    "event_drop": (0.0, 1.0),
    "time_mask": (0, 100_000),
    "channel_mask": (0, 100_000),
    "time_stretch": (0.0, 0.5),
    "blend": (0.0, 1.0),
}
"""Least and largest value; integers if both are."""


def check_limits(name: str, value: float) -> None:
    """Raise `InputError`, naming `name`, its limits and the value, unless the value is within `LIMITS`."""
    low, high = LIMITS[name]
    if not low <= value <= high:
        limits = f"{low:g}..{high:g}" if isinstance(high, float) else f"{low}..{high}"
        raise InputError(f"{name} must be {limits}, not {value}")
