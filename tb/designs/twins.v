// Two designs with the same ports and the same random inputs, compared after every edge of two clocks. Both are
// wrapped (tb/tests/test_gate_level.py), so that all inputs of a design are one vector, and all outputs another.
module twins;
  reg aclk = 0, other = 0;
  reg [31:0] in;
  wire [`OUTPUTS-1:0] first, second;
  reg [`OUTPUTS-1:0] last;
  integer compared = 0, changes = 0, differences = 0;

  first_wrapped one (aclk, other, in, first);
  second_wrapped two (aclk, other, in, second);

  always begin
    in = $random;
    #1 aclk = ~aclk;
    other = $random;
    #1 compared = compared + 1;
    changes = changes + $countones(first ^ last);
    differences = differences + (first !== second);
    last = first;
  end
endmodule
