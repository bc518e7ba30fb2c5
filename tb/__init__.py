"""Benches: the RTL, under two simulators, against the golden model with ``==``."""
