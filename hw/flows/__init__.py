"""Open-source flows for the Verilog: yosys for synthesis, nextpnr for place and route. Extra ``flow``."""
