"""Settings of every test: properties draw the same examples each time."""

from hypothesis import settings

from tb.harness.depth import depth

settings.register_profile(
    "spikeline", derandomize=True, deadline=None, database=None, max_examples=depth(50, 200)
)
settings.load_profile("spikeline")
