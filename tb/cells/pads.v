// Models of cells that the top level of a board on an ECP5 instantiates, for which yosys has none.

module IB (input I, output O);
  assign O = I;
endmodule

// Its output is never off there.
module OBZ (input I, input T, output O);
  assign O = T ? 1'bx : I;
endmodule

// The clock passes: a simulation has that of the device. It is locked after a few of its cycles.
module EHXPLLL (input CLKI, CLKFB, RST, STDBY, PLLWAKESYNC, ENCLKOP, output CLKOP, LOCK);
  parameter ICP_CURRENT = "", LPF_RESISTOR = "", MFG_ENABLE_FILTEROPAMP = "", MFG_GMCREF_SEL = "";
  parameter CLKI_DIV = 1, CLKFB_DIV = 1, CLKOP_DIV = 1, CLKOP_CPHASE = 0, CLKOP_FPHASE = 0;
  parameter CLKOP_ENABLE = "", FEEDBK_PATH = "";
  reg [4:0] cycles = 0;
  assign CLKOP = CLKI;
  assign LOCK = cycles[4];
  always @(posedge CLKI) if (!cycles[4]) cycles <= cycles + 1;
endmodule
