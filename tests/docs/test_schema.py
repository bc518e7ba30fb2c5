"""The published schema of an artifact's description accepts and rejects what the loader does.

`conftest.accepted_artifacts_follow_the_schema` checks it for every artifact accepted in a test.
"""

import copy
import json

import numpy as np
import pytest

from fxp_model.artifact import SCHEMA_VERSION, load_artifact
from fxp_model.errors import InputError
from fxp_model.pretrained import DEFAULT, bundled, find
from fxp_model.random_networks import random_network
from fxp_model.spec import NetworkSpec
from tb.harness.depth import depth

SOUND = json.loads((DEFAULT / "spec.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", bundled())
def test_bundled_artifacts_follow_it(schema, name):
    assert load_artifact(find(name)).labels
    schema.validate(json.loads((find(name) / "spec.json").read_text(encoding="utf-8")))


def test_networks_of_every_kind_follow_it(schema):
    for seed in range(depth(40, 400)):
        spec = random_network(np.random.default_rng(seed)).spec
        described = json.loads(json.dumps(SOUND | {"network": spec.to_dict()}))
        schema.validate(described)


def test_precisions_may_be_texts(schema):
    described = copy.deepcopy(SOUND)
    for stage in (*described["network"]["layers"], described["network"]["readout"]):
        del stage["rounding"], stage["overflow"]
        stage |= {
            "weight": "ap_fixed<8,-1>",
            "bias": " fixed< 16, 6 > ",
            "membrane": "ap_fixed<16,6,AP_RND,AP_SAT>",
            "beta_format": "ap_ufixed<8,0>",
        }
    NetworkSpec.from_dict(described["network"])
    schema.validate(described)


FAULTS = {
    "no layers": lambda d: d["network"]["layers"].clear(),
    "a field is missing": lambda d: d["network"]["readout"].pop("beta"),
    "a field is unknown": lambda d: d["network"]["layers"][0].update(gain=1),
    "another field is unknown": lambda d: d["network"].update(name="x"),
    "no bits": lambda d: d["network"]["layers"][0].update(input_bits=0),
    "too many bits": lambda d: d["network"]["layers"][0].update(input_bits=9),
    "too wide": lambda d: d["network"]["layers"][0].update(n_in=65537),
    "a fraction of neurons": lambda d: d["network"]["layers"][0].update(n_in=1.5),
    "unsigned weights": lambda d: d["network"]["layers"][0]["weight"].update(signed=False),
    "unsigned weights as a text": lambda d: d["network"]["layers"][0].update(weight="ap_ufixed<8,2>"),
    "a signed leak": lambda d: d["network"]["layers"][0]["beta_format"].update(signed=True),
    "no threshold": lambda d: d["network"]["layers"][0].update(v_th=0),
    "a threshold of the readout": lambda d: d["network"]["readout"].update(v_th=1),
    "counts spikes without a threshold": lambda d: d["network"]["readout"].update(mode="spike_count"),
    "another mode": lambda d: d["network"]["readout"].update(mode="mean"),
    "a stride without answers per step": lambda d: d["network"]["readout"].update(stride=2),
    "a stride of answers per sample": lambda d: d["network"]["readout"].update(answer="sample", stride=2),
    "another rounding": lambda d: d["network"]["readout"].update(rounding="UP"),
    "no rounding": lambda d: d["network"]["readout"].pop("rounding"),
    "an even kernel": lambda d: d["network"]["layers"][0]["recurrence"].update(kernel_size=4),
    "a conv without taps": lambda d: d["network"]["layers"][0]["recurrence"].update(kernel_size=0),
    "a dense kernel": lambda d: d["network"]["layers"][0]["recurrence"].update(kind="dense"),
    "too long a delay": lambda d: d["network"]["layers"][0]["recurrence"].update(max_delay=1024),
    "too fine": lambda d: d["network"]["layers"][0]["bias"].update(frac_bits=49),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_it_refuses_the_loader_refuses(schema, fault):
    described = copy.deepcopy(SOUND)
    FAULTS[fault](described)
    assert not schema.is_valid(described)
    with pytest.raises(InputError):
        NetworkSpec.from_dict(described["network"])


def test_it_names_the_version_that_is_written(schema):
    assert schema.schema["properties"]["schema_version"]["const"] == SCHEMA_VERSION
