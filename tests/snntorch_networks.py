"""Networks of snnTorch with every neuron that is imported; weights and leaks are multiples of 1/256."""

import numpy as np
import pytest
import torch

from fxp_model.spec import ResetMode

snntorch = pytest.importorskip("snntorch")

N_IN, HIDDEN, OUT = 12, 24, 5


class Net(torch.nn.Module):
    """Two layers of `kind`; every spike and membrane is kept."""

    def __init__(self, kind, seed, options, leaks):
        super().__init__()
        torch.manual_seed(seed)
        self.fc1, self.fc2 = torch.nn.Linear(N_IN, HIDDEN), torch.nn.Linear(HIDDEN, OUT)
        self.lif1, self.lif2 = kind(**leaks(HIDDEN), **options(HIDDEN)), kind(**leaks(OUT), **options(OUT))
        with torch.no_grad():
            for name, array in self.named_parameters():
                scale = 3.0 if name.startswith("fc") else 1.5
                array.copy_(torch.round(array * scale * 256) / 256)

    def run(self, counts):
        x = torch.from_numpy(counts).double()
        states = [(), ()]
        courses = [([], []), ([], [])]
        for step in x:
            signal = step
            for index, (linear, neurons) in enumerate(((self.fc1, self.lif1), (self.fc2, self.lif2))):
                signal, *states[index] = neurons(linear(signal), *states[index])
                signal = signal.double()  # its spikes are float32
                if hasattr(neurons, "recurrent"):
                    states[index] = [signal, *states[index]]
                courses[index][0].append(signal)
                courses[index][1].append(states[index][-1])
        return [tuple(torch.stack(part).detach().numpy() for part in course) for course in courses]


def scalar(**values):
    return lambda n: values


def per_neuron(n):
    rng = np.random.default_rng(n)
    return {
        "beta": torch.tensor(rng.integers(128, 257, n) / 256),
        "threshold": torch.tensor(rng.integers(128, 400, n) / 256),
    }


def current(**values):
    return lambda n: {"alpha": 0.75, "beta": 0.875} | values


def none(n):
    return {}


def linear(n):
    return {"all_to_all": True, "linear_features": n}


def one_to_one(n):
    return {"all_to_all": False, "V": torch.arange(n) / 64 - 0.25}


CASES = {
    "Leaky": ("Leaky", scalar(beta=0.875), none, None),
    "Leaky-zero": ("Leaky", scalar(beta=0.9375, threshold=0.75, reset_mechanism="zero"), none, None),
    "Leaky-own": ("Leaky", per_neuron, none, None),
    "Leaky-said": ("Leaky", scalar(beta=1.0, threshold=2.0), none, ResetMode.DELAYED),
    "RLeaky": ("RLeaky", scalar(beta=0.875), linear, None),
    "RLeaky-one": ("RLeaky", scalar(beta=0.75), one_to_one, None),
    "RLeaky-zero": (
        "RLeaky",
        scalar(beta=0.75, reset_mechanism="zero", reset_delay=False),
        linear,
        ResetMode.ZERO,
    ),
    "Synaptic": ("Synaptic", current(), none, None),
    "Synaptic-zero": ("Synaptic", current(reset_mechanism="zero", reset_delay=False), none, ResetMode.ZERO),
    "RSynaptic": ("RSynaptic", current(threshold=1.5), linear, None),
}
"""Kind of neuron, its leaks and options for n neurons, and the reset that the state dict does not say."""


def network(name):
    """The network `name` of `CASES`, and that reset."""
    kind, leaks, options, reset = CASES[name]
    return Net(getattr(snntorch, kind), 3, options, leaks).double(), reset
