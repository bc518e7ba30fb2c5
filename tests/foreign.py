"""Network files of other frameworks, as small as a test needs."""

import h5py
import numpy as np


def dense_net(path, layers):
    """A ``.net`` file of Lava with dense layers, as SLAYER writes it, without a synapse unless given."""
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            group = file.create_group(f"layer/{index}")
            group.create_dataset("type", (1,), "S10", [b"dense"])
            own = {"iDecay": 4096, "refDelay": 1, "gradedSpike": False} | layer
            weight = np.array(own.pop("weight"), dtype=np.float32)
            group.create_dataset("shape", data=np.array([len(weight), 1, 1]))
            group.create_dataset("weight", data=weight)
            for key in ("bias", "delay"):
                if key in own:
                    group.create_dataset(key, data=np.array(own.pop(key), dtype=np.float32))
            group["neuron/type"] = own.pop("type", "CUBA")
            for key, value in own.items():
                group[f"neuron/{key}"] = value
    return path
