// Two designs with the ports of products.v and the same random inputs, compared after every edge of the clock.
module twins;
  reg aclk = 0, en, rst;
  reg [7:0] a, b;
  reg [3:0] count;
  wire [15:0] first [0:9], second [0:9];
  reg [15:0] last [0:9];
  integer i, compared = 0, changes = 0, differences = 0;

  first_twin one (aclk, en, rst, a, b, count,
    first[0], first[1], first[2], first[3], first[4], first[5], first[6], first[7], first[8], first[9]);
  second_twin two (aclk, en, rst, a, b, count,
    second[0], second[1], second[2], second[3], second[4], second[5], second[6], second[7], second[8], second[9]);

  always begin
    {en, rst, a, b, count} = $random;
    #1 aclk = ~aclk;
    #1 for (i = 0; i < 10; i = i + 1) begin
      compared = compared + 1;
      changes = changes + (first[i] !== last[i]);
      differences = differences + (first[i] !== second[i]);
      last[i] = first[i];
    end
  end
endmodule
