// Registers of high fan-out: plain, with an enable and set by a reset, and a counter; and a LUT with many
// copies.
module broadcast(input aclk, input enable, input restart, input [7:0] x, output reg [199:0] y,
    output reg [63:0] z);
  reg plain = 1'b0, held = 1'b1;
  reg [1:0] count = 2'd0;
  reg [39:0] word = 40'd0;
  integer i;
  always @(posedge aclk) begin
    plain <= x[0];
    if (restart) held <= 1'b1;
    else if (enable) held <= x[1];
    count <= count + x[2];
    word <= {word[31:0], x};
    if (word[0] | word[9]) z <= {z[55:0], x};
    for (i = 0; i < 200; i = i + 1)
      y[i] <= (i < 70 ? plain : i < 140 ? held : count[1]) ^ word[i % 40];
  end
endmodule
