"""Settings of every test: properties draw the same examples each time."""

from hypothesis import settings

settings.register_profile("spikeline", derandomize=True, deadline=None, database=None, max_examples=200)
settings.load_profile("spikeline")
