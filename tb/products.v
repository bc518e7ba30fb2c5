// Products between registers: those that the registers of a MULT18X18D can be, and those that they cannot
// (tb/test_gate_level.py).
module products (
    input aclk, en, rst, input [7:0] a, b, input [3:0] count,
    output reg [15:0] signs, scaled, read_twice, also, chained, enabled, cleared, falling, combinational,
    output [15:0] bare);
  reg signed [7:0] a0, a1, a2, a3, a4, a5, a6, a7, a8, b0;
  reg signed [4:0] c0;
  reg signed [15:0] chain;
  always @(posedge aclk) begin
    a0 <= a & b; a1 <= a | b; a2 <= a ^ 2; a3 <= a ^ 3; a4 <= a ^ 4; a5 <= a ^ 5; a6 <= a ^ 6; a7 <= a ^ 7; a8 <= a ^ 8;
    b0 <= b;
    c0 <= count;
    // these; an operand that several read stays for the others
    signs <= a0 * b0;
    scaled <= a1 * c0;
    // not these: another reader, the second of two products, an enable, a reset, another edge, an operand without
    read_twice <= a2 * c0;
    chain <= a3 * b0;
    chained <= chain[11:4] * c0;
    if (en) enabled <= a4 * c0;
    if (rst) cleared <= 0; else cleared <= a5 * c0;
    combinational <= $signed(a) * a6;
  end
  always @(negedge aclk) falling <= a7 * c0;
  assign bare = a8 * b0;
  always @* also = a2 * c0;
endmodule
