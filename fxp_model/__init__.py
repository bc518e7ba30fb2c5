"""Spikeline's fixed-point model: numbers, networks, data and training.

The law for every number is ``NUMERICS.md`` in this folder.
"""

__version__ = "0.1.0"
