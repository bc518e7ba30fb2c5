// Registers behind memories of every kind: those that can move into the output register of a DP16KD, and those that
// cannot (tb/tests/test_gate_level.py).
module memories (
    input aclk, other, rst, en, input [5:0] ra, rb,
    output reg [17:0] single, first, second, output reg [35:0] wide, output reg [17:0] fanned, masked,
    output reg [8:0] joined, output reg [17:0] enabled, cleared, one, falling, foreign, inverted,
    output reg [16:0] partly, output bare, output reg [17:0] cleared_array, bound);
  integer i;
  (* ram_style = "block" *) reg [17:0] m0[0:63], m1[0:63], m3[0:63], m4[0:63], m5[0:63], m6[0:63], m7[0:63];
  (* ram_style = "block" *) reg [17:0] m8[0:63], m9[0:63], ma[0:63], mb[0:63], md[0:63];
  (* ram_style = "block" *) reg [35:0] m2[0:63];
  (* ram_style = "block" *) reg [8:0] mc[0:4095];
  initial for (i = 0; i < 64; i = i + 1) begin
    m0[i] = i * 17001; m1[i] = i * 17009; m2[i] = 36'd17019177777 * i; m3[i] = i * 17027; m4[i] = i * 17033;
    m5[i] = i * 17039; m6[i] = i * 17043; m7[i] = i * 17051; m8[i] = i * 17057; m9[i] = i * 17061;
    ma[i] = i * 17069; mb[i] = i * 17073; md[i] = i * 17089; mc[65 * i] = i * 17081;
  end

  // these can move into an output register; where logic follows the memory, so does a second register
  reg [17:0] q0, q1a, q1b, q8, r8;
  reg [35:0] q2;
  reg [8:0] qc, rc;
  always @(posedge aclk) begin
    if (en) q0 <= m0[ra];
    single <= q0;
    q1a <= m1[ra]; q1b <= m1[rb];
    first <= q1a; second <= q1b;
    q2 <= m2[ra];
    wide <= q2;
    q8 <= m8[ra];
    fanned <= q8; r8 <= q8 & {18{en}}; masked <= r8;
    if (en) qc <= mc[{ra, rb}];
    rc <= qc; joined <= rc;
  end

  // these cannot: an enable, a reset, another initial value, edge or clock, a value of 1 for zeros, a bit without
  // register, an array with reset, logic that would precede other logic
  reg [17:0] q3, q4, q5, q6, q7, qa, rx, q9, qb, qd;
  always @(posedge aclk) begin
    q3 <= m3[ra];
    if (en) enabled <= q3;
    q4 <= m4[ra];
    if (rst) cleared <= 0; else cleared <= q4;
    q5 <= m5[ra];
    one <= q5;
    q6 <= m6[ra];
    q7 <= m7[ra];
    qa <= ma[ra];
    rx <= ~qa; inverted <= rx;
    q9 <= m9[ra];
    partly <= q9[16:0];
    if (rst) qb <= 0; else if (en) qb <= mb[ra];
    cleared_array <= qb;
    qd <= md[ra]; bound <= qd & {18{en}};
  end
  initial one = 1;
  always @(negedge aclk) falling <= q6;
  always @(posedge other) foreign <= q7;
  assign bare = q9[17];
endmodule
