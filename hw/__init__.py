"""Spikeline's hardware: Amaranth RTL, its generation and its estimates (see ARCHITECTURE.md)."""
