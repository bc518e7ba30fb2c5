"""cocotb tests that run inside a simulator, started by `tb/tests/`."""
