// Products behind registers: those whose registers can move into a MULT18X18D, and those whose registers cannot
// (tb/tests/test_gate_level.py).
module products (
    input aclk, en, rst, input [7:0] a, b, input [3:0] count,
    output reg [15:0] signs, scaled, once, enabled, cleared, falling, mixed,
    output [15:0] bare, output [7:0] seen);
  reg signed [7:0] a0, a1, a2, a3, a4, a5, a6, b0;
  reg signed [7:0] d0, d1, d3, d4, d5, d6, e0;
  reg signed [4:0] c0, c1, n0;
  always @(posedge aclk) begin
    a0 <= a & b; a1 <= a | b; a2 <= a ^ 2; a3 <= a ^ 3; a4 <= a ^ 4; a6 <= ~a & b;
    d0 <= a0; d1 <= a1; d6 <= a6;
    b0 <= b; e0 <= b0;
    c0 <= count; c1 <= c0;
    // these can, whether or not a register follows; registers with other loads stay for them
    signs <= d0 * e0;
    scaled <= d1 * c1;
    // these cannot: one register, an enable, a reset, another edge, an operand without registers
    once <= a2 * c1;
    if (en) d3 <= a3;
    enabled <= d3 * c1;
    if (rst) d4 <= 0; else d4 <= a4;
    cleared <= d4 * c1;
    falling <= d5 * n0;
    mixed <= $signed(a) * e0;
  end
  always @(negedge aclk) begin a5 <= a ^ 5; d5 <= a5; n0 <= c0; end
  assign bare = d6 * e0;
  assign seen = d0;
endmodule
