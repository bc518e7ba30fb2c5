// Model of a pad of an ECP5, for which yosys has none: an output is off where T is 1.
module TRELLIS_IO (inout B, input I, input T, output O);
  parameter DIR = "INPUT";
  assign O = B;
  generate
    if (DIR != "INPUT") assign B = T ? 1'bz : I;
  endgenerate
endmodule
