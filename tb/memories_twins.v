// Two designs with the ports of memories.v and the same random inputs, compared after every edge of two clocks.
module twins;
  reg aclk = 0, other = 0, rst, en;
  reg [5:0] ra, rb;
  wire [35:0] first [0:16], second [0:16];
  reg [35:0] last [0:16];
  integer i, compared = 0, changes = 0, differences = 0;

  first_twin one (aclk, other, rst, en, ra, rb,
    first[0], first[1], first[2], first[3], first[4], first[5], first[6], first[7],
    first[8], first[9], first[10], first[11], first[12], first[13], first[14], first[15], first[16]);
  second_twin two (aclk, other, rst, en, ra, rb,
    second[0], second[1], second[2], second[3], second[4], second[5], second[6], second[7],
    second[8], second[9], second[10], second[11], second[12], second[13], second[14], second[15], second[16]);

  always begin
    {rst, en, ra, rb} = $random;
    #1 aclk = ~aclk;
    other = $random;
    #1 for (i = 0; i < 17; i = i + 1) begin
      compared = compared + 1;
      changes = changes + (first[i] !== last[i]);
      differences = differences + (first[i] !== second[i]);
      last[i] = first[i];
    end
  end
endmodule
