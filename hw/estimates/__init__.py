"""Cycles, cells and energy of a core, computed before it is built."""
