"""For every test: property tests draw the same examples each time; accepted artifacts match the schema."""

import json
import signal
from pathlib import Path

import jsonschema
import pytest
from hypothesis import settings

import fxp_model.artifact
from fxp_model import cli
from tb.harness.depth import depth

settings.register_profile(
    "spikeline", derandomize=True, deadline=None, database=None, max_examples=depth(30, 200)
)
settings.load_profile("spikeline")

SCHEMA = Path(fxp_model.artifact.__file__).with_name("artifact.schema.json")


@pytest.fixture(autouse=True)
def signals():
    """Restore the signal handlers, which `cli.run` sets for the rest of a process."""
    before = {number: signal.getsignal(number) for number in cli.ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def schema() -> jsonschema.Draft202012Validator:
    """The published schema of ``spec.json``."""
    text = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(text)
    return jsonschema.Draft202012Validator(text)


@pytest.fixture(scope="session", autouse=True)
def accepted_artifacts_follow_the_schema(schema):
    """Whatever the loader accepts in a test, the schema must accept."""
    load = fxp_model.artifact._network

    def checked(file, data, spec):
        network = load(file, data, spec)  # the loader's last check
        schema.validate(json.loads((file.parent / "spec.json").read_text(encoding="utf-8")))
        return network

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fxp_model.artifact, "_network", checked)
        yield
