"""Benches of the components of the ear, named as their files in `hw/rtl/ear/`."""
