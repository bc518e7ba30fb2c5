"""Benches of a whole core."""
