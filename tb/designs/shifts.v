// Shift registers: with one enable, with another clock, with a tap inside; and some that must stay unchanged.
module shifts(input aclk, input other, input [1:0] enable, input restart, input [7:0] x, output reg [11:0] y);
  wire often = |enable;
  reg [15:0] too_short = 16'd0;
  reg [16:0] one = 17'd0;
  reg [32:0] two = 33'd0;
  reg [49:0] three = 50'd0;
  reg [39:0] tapped = 40'd0;
  reg [19:0] rare = 20'd0, of_other = 20'd0;
  reg [19:0] cleared = 20'd0, ones = ~20'd0, falling = 20'd0, free = 20'd0;
  always @(posedge aclk) begin
    if (often) begin
      too_short <= {too_short, x[0]};
      one <= {one, x[1]};
      two <= {two, x[2]};
      three <= {three, x[3]};
      tapped <= {tapped, x[4]};
      ones <= {ones, x[5]};
    end
    if (enable[0]) rare <= {rare, x[6]};
    if (restart & x[0]) cleared <= 20'd0;
    else if (often) cleared <= {cleared, x[7]};
    free <= {free, x[0]};
    y <= {free[19], falling[19], cleared[19], ones[19], of_other[19], rare[19], tapped[39], tapped[20],
          three[49], two[32], one[16], too_short[15]};
  end
  always @(posedge other) if (often) of_other <= {of_other, x[1]};
  always @(negedge aclk) if (often) falling <= {falling, x[2]};
endmodule
