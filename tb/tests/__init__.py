"""The tests that pytest collects: each builds a design and runs a bench on it."""
