"""What runs inside a simulator: cocotb tests, started by `tb/tests/`."""
