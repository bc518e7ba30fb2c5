"""Independent ways to the same integers."""
