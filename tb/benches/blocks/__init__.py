"""A bench per component, named as its file in `hw/rtl/`: its CASES, `component`, and cocotb tests."""
