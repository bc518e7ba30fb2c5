"""Open flows behind the Verilog: synthesis by yosys, place and route by nextpnr. Optional: extra ``flow``."""
