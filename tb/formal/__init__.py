"""Formal proofs: properties of components for every input, every reset and every moment."""
