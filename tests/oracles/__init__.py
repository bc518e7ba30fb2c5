"""Independent implementations that compute the same integers."""
