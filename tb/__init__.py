"""Benches: the RTL, under two simulators, compared with the golden model with ``==``."""
