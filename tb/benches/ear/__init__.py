"""A bench per component of the ear."""
