// Model of an ECP5 multiplier, for which yosys has only ports: with its registers at CLK0, if any, and no cascade.
module MULT18X18D (
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB, CLK0, CE0, RST0,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
    P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0);
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTB_CLK = "NONE", REG_OUTPUT_CLK = "NONE";
  wire [17:0] a_in = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0};
  wire [17:0] b_in = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0};
  reg [17:0] a_held = 0, b_held = 0;
  reg [35:0] p_held = 0;
  wire [17:0] a = REG_INPUTA_CLK == "NONE" ? a_in : a_held, b = REG_INPUTB_CLK == "NONE" ? b_in : b_held;
  wire signed [18:0] first = {SIGNEDA & a[17], a}, second = {SIGNEDB & b[17], b};
  wire signed [37:0] product = first * second;
  always @(posedge CLK0)
    if (RST0) {a_held, b_held, p_held} <= 0;
    else if (CE0) {a_held, b_held, p_held} <= {a_in, b_in, product[35:0]};
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
    P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} =
    REG_OUTPUT_CLK == "NONE" ? product[35:0] : p_held;
endmodule
