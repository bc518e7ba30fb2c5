"""Benches of a board's blocks, and of the whole."""
