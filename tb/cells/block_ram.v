// Models of 7-series block RAMs, for which yosys has only ports and timing, as yosys uses them: no output registers, no
// cascade, no inverted pin. After UG473: a word of 9 bits or more is bytes with a parity bit each; a port that reads
// or writes twice 18 or 36 bits (RAM_MODE "SDP") has the upper half on the pins of port B.

// `BYTES` are those of a port's pins. Parity bits are separate at the pins, but not inside.
module BLOCK_RAM #(
  parameter BYTES = 2, READ_A = 0, READ_B = 0, WRITE_A = 0, WRITE_B = 0, MODE_A = "WRITE_FIRST", MODE_B = "WRITE_FIRST",
  parameter [9*BYTES-1:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0,
  parameter [8192*BYTES-1:0] DATA = 0, parameter [1024*BYTES-1:0] PARITY = 0
) (
  input clka, clkb, ena, enb, rsta, rstb, input [14:0] addra, addrb,
  input [9*BYTES-1:0] dia, dib, input [BYTES-1:0] wea, input [2*BYTES-1:0] web, output [9*BYTES-1:0] doa, dob);

  // a word is part of a row, or several of them
  reg [8:0] rows [0:1024*BYTES-1];
  integer i;
  initial for (i = 0; i < 1024 * BYTES; i = i + 1) rows[i] = {PARITY[i], DATA[8 * i +: 8]};

  function [71:0] mask(input integer width);
    mask = (72'd1 << width) - 1;
  endfunction
  function integer first(input [14:0] address, input integer width);
    first = address[14:3] & ~(width < 9 ? 0 : width / 9 - 1);
  endfunction
  function integer place(input [14:0] address, input integer width);
    place = width < 9 ? address[2:0] & ~(width - 1) : 0;
  endfunction
  function [71:0] read(input [14:0] address, input integer width);
    integer k;
    begin
      for (k = 0; k < 8; k = k + 1)
        if (k == 0 || 9 * k < width) read[9 * k +: 9] = rows[first(address, width) + k];
      read = read >> place(address, width) & mask(width);
    end
  endfunction
  function [35:0] joined(input [9*BYTES-1:0] pins);
    integer k;
    begin
      joined = 0;
      for (k = 0; k < BYTES; k = k + 1) joined[9 * k +: 9] = {pins[8 * BYTES + k], pins[8 * k +: 8]};
    end
  endfunction
  function [9*BYTES-1:0] apart(input [9*BYTES-1:0] bytes);
    integer k;
    for (k = 0; k < BYTES; k = k + 1) {apart[8 * BYTES + k], apart[8 * k +: 8]} = bytes[9 * k +: 9];
  endfunction
  function [71:0] bits(input [7:0] bytes, input integer width);
    integer k;
    begin
      for (k = 0; k < 8; k = k + 1) bits[9 * k +: 9] = {9{bytes[k]}};
      bits = bits & mask(width);
    end
  endfunction

  wire [71:0] ina = joined(dia);
  wire [7:0] wea_ = WRITE_A ? wea : 0;
  reg [71:0] latcha;
  initial latcha = joined(INIT_B) << 9 * BYTES | joined(INIT_A);
  always @(posedge clka) if (ena) begin : porta
    reg [71:0] old, changed;
    integer row, k;
    row = first(addra, WRITE_A);
    old = read(addra, WRITE_A);
    changed = old & ~bits(wea_, WRITE_A) | ina & bits(wea_, WRITE_A);
    if (WRITE_A >= 9) begin
      for (k = 0; k < WRITE_A / 9; k = k + 1) if (wea_[k]) rows[row + k] <= changed[9 * k +: 9];
    end else if (wea_[0])
      rows[row] <= rows[row] & ~(mask(WRITE_A) << place(addra, WRITE_A)) | changed << place(addra, WRITE_A);
    if (rsta) latcha <= joined(SRVAL_B) << 9 * BYTES | joined(SRVAL_A);
    else if (!wea_ || MODE_A == "READ_FIRST") latcha <= read(addra, READ_A);
    else if (MODE_A == "WRITE_FIRST") latcha <= changed;
  end

  wire [71:0] inb = WRITE_B > 9 * BYTES ? joined(dib) << 9 * BYTES | joined(dia) : joined(dib);
  wire [7:0] web_ = WRITE_B ? web : 0;
  reg [71:0] latchb;
  initial latchb = joined(INIT_B);
  always @(posedge clkb) if (enb) begin : portb
    reg [71:0] old, changed;
    integer row, k;
    row = first(addrb, WRITE_B);
    old = read(addrb, WRITE_B);
    changed = old & ~bits(web_, WRITE_B) | inb & bits(web_, WRITE_B);
    if (WRITE_B >= 9) begin
      for (k = 0; k < WRITE_B / 9; k = k + 1) if (web_[k]) rows[row + k] <= changed[9 * k +: 9];
    end else if (web_[0])
      rows[row] <= rows[row] & ~(mask(WRITE_B) << place(addrb, WRITE_B)) | changed << place(addrb, WRITE_B);
    if (rstb) latchb <= joined(SRVAL_B);
    else if (!web_ || MODE_B == "READ_FIRST") latchb <= read(addrb, READ_B);
    else if (MODE_B == "WRITE_FIRST") latchb <= changed;
  end

  assign doa = apart(latcha), dob = apart(READ_A > 9 * BYTES ? latcha >> 9 * BYTES : latchb);
endmodule

module RAMB18E1 (
  input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
  input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
  input [13:0] ADDRARDADDR, ADDRBWRADDR, input [15:0] DIADI, DIBDI, input [1:0] DIPADIP, DIPBDIP,
  input [1:0] WEA, input [3:0] WEBWE, output [15:0] DOADO, DOBDO, output [1:0] DOPADOP, DOPBDOP);
  parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST";
  parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE";
  parameter integer DOA_REG = 0, DOB_REG = 0;
  parameter integer READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
  parameter [17:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
  parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
  parameter IS_RSTRAMARSTRAM_INVERTED = 0, IS_RSTRAMB_INVERTED = 0;
  parameter IS_RSTREGARSTREG_INVERTED = 0, IS_RSTREGB_INVERTED = 0;
  parameter [255:0] INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0, INIT_06 = 0, INIT_07 = 0;
  parameter [255:0] INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0, INIT_0C = 0, INIT_0D = 0, INIT_0E = 0, INIT_0F = 0;
  parameter [255:0] INIT_10 = 0, INIT_11 = 0, INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, INIT_15 = 0, INIT_16 = 0, INIT_17 = 0;
  parameter [255:0] INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, INIT_1C = 0, INIT_1D = 0, INIT_1E = 0, INIT_1F = 0;
  parameter [255:0] INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, INIT_23 = 0, INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0;
  parameter [255:0] INIT_28 = 0, INIT_29 = 0, INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0;
  parameter [255:0] INIT_30 = 0, INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0, INIT_36 = 0, INIT_37 = 0;
  parameter [255:0] INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0, INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, INIT_3F = 0;
  parameter [255:0] INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, INITP_05 = 0, INITP_06 = 0, INITP_07 = 0;
  BLOCK_RAM #(
    .BYTES(2), .READ_A(READ_WIDTH_A), .READ_B(READ_WIDTH_B), .WRITE_A(WRITE_WIDTH_A), .WRITE_B(WRITE_WIDTH_B),
    .MODE_A(WRITE_MODE_A), .MODE_B(WRITE_MODE_B), .INIT_A(INIT_A), .INIT_B(INIT_B), .SRVAL_A(SRVAL_A), .SRVAL_B(SRVAL_B),
    .DATA({INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38,
           INIT_37, INIT_36, INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30,
           INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28,
           INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20,
           INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18,
           INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10,
           INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08,
           INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00}),
    .PARITY({INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00})
  ) ram (
    .clka(CLKARDCLK), .clkb(CLKBWRCLK), .ena(ENARDEN), .enb(ENBWREN), .rsta(RSTRAMARSTRAM), .rstb(RSTRAMB),
    .addra({1'b0, ADDRARDADDR}), .addrb({1'b0, ADDRBWRADDR}), .dia({DIPADIP, DIADI}), .dib({DIPBDIP, DIBDI}),
    .wea(WEA), .web(WEBWE), .doa({DOPADOP, DOADO}), .dob({DOPBDOP, DOBDO}));
endmodule

module RAMB36E1 (
  input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
  input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
  input CASCADEINA, CASCADEINB, INJECTDBITERR, INJECTSBITERR, output CASCADEOUTA, CASCADEOUTB, DBITERR, SBITERR,
  output [7:0] ECCPARITY, output [8:0] RDADDRECC,
  input [15:0] ADDRARDADDR, ADDRBWRADDR, input [31:0] DIADI, DIBDI, input [3:0] DIPADIP, DIPBDIP,
  input [3:0] WEA, input [7:0] WEBWE, output [31:0] DOADO, DOBDO, output [3:0] DOPADOP, DOPBDOP);
  parameter RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST";
  parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE";
  parameter integer DOA_REG = 0, DOB_REG = 0;
  parameter integer READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
  parameter [35:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
  parameter IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0;
  parameter IS_RSTRAMARSTRAM_INVERTED = 0, IS_RSTRAMB_INVERTED = 0;
  parameter IS_RSTREGARSTREG_INVERTED = 0, IS_RSTREGB_INVERTED = 0;
  parameter [255:0] INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0, INIT_06 = 0, INIT_07 = 0;
  parameter [255:0] INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0, INIT_0C = 0, INIT_0D = 0, INIT_0E = 0, INIT_0F = 0;
  parameter [255:0] INIT_10 = 0, INIT_11 = 0, INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, INIT_15 = 0, INIT_16 = 0, INIT_17 = 0;
  parameter [255:0] INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, INIT_1C = 0, INIT_1D = 0, INIT_1E = 0, INIT_1F = 0;
  parameter [255:0] INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, INIT_23 = 0, INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0;
  parameter [255:0] INIT_28 = 0, INIT_29 = 0, INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0;
  parameter [255:0] INIT_30 = 0, INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0, INIT_36 = 0, INIT_37 = 0;
  parameter [255:0] INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0, INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, INIT_3F = 0;
  parameter [255:0] INIT_40 = 0, INIT_41 = 0, INIT_42 = 0, INIT_43 = 0, INIT_44 = 0, INIT_45 = 0, INIT_46 = 0, INIT_47 = 0;
  parameter [255:0] INIT_48 = 0, INIT_49 = 0, INIT_4A = 0, INIT_4B = 0, INIT_4C = 0, INIT_4D = 0, INIT_4E = 0, INIT_4F = 0;
  parameter [255:0] INIT_50 = 0, INIT_51 = 0, INIT_52 = 0, INIT_53 = 0, INIT_54 = 0, INIT_55 = 0, INIT_56 = 0, INIT_57 = 0;
  parameter [255:0] INIT_58 = 0, INIT_59 = 0, INIT_5A = 0, INIT_5B = 0, INIT_5C = 0, INIT_5D = 0, INIT_5E = 0, INIT_5F = 0;
  parameter [255:0] INIT_60 = 0, INIT_61 = 0, INIT_62 = 0, INIT_63 = 0, INIT_64 = 0, INIT_65 = 0, INIT_66 = 0, INIT_67 = 0;
  parameter [255:0] INIT_68 = 0, INIT_69 = 0, INIT_6A = 0, INIT_6B = 0, INIT_6C = 0, INIT_6D = 0, INIT_6E = 0, INIT_6F = 0;
  parameter [255:0] INIT_70 = 0, INIT_71 = 0, INIT_72 = 0, INIT_73 = 0, INIT_74 = 0, INIT_75 = 0, INIT_76 = 0, INIT_77 = 0;
  parameter [255:0] INIT_78 = 0, INIT_79 = 0, INIT_7A = 0, INIT_7B = 0, INIT_7C = 0, INIT_7D = 0, INIT_7E = 0, INIT_7F = 0;
  parameter [255:0] INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, INITP_05 = 0, INITP_06 = 0, INITP_07 = 0;
  parameter [255:0] INITP_08 = 0, INITP_09 = 0, INITP_0A = 0, INITP_0B = 0, INITP_0C = 0, INITP_0D = 0, INITP_0E = 0, INITP_0F = 0;
  BLOCK_RAM #(
    .BYTES(4), .READ_A(READ_WIDTH_A), .READ_B(READ_WIDTH_B), .WRITE_A(WRITE_WIDTH_A), .WRITE_B(WRITE_WIDTH_B),
    .MODE_A(WRITE_MODE_A), .MODE_B(WRITE_MODE_B), .INIT_A(INIT_A), .INIT_B(INIT_B), .SRVAL_A(SRVAL_A), .SRVAL_B(SRVAL_B),
    .DATA({INIT_7F, INIT_7E, INIT_7D, INIT_7C, INIT_7B, INIT_7A, INIT_79, INIT_78,
           INIT_77, INIT_76, INIT_75, INIT_74, INIT_73, INIT_72, INIT_71, INIT_70,
           INIT_6F, INIT_6E, INIT_6D, INIT_6C, INIT_6B, INIT_6A, INIT_69, INIT_68,
           INIT_67, INIT_66, INIT_65, INIT_64, INIT_63, INIT_62, INIT_61, INIT_60,
           INIT_5F, INIT_5E, INIT_5D, INIT_5C, INIT_5B, INIT_5A, INIT_59, INIT_58,
           INIT_57, INIT_56, INIT_55, INIT_54, INIT_53, INIT_52, INIT_51, INIT_50,
           INIT_4F, INIT_4E, INIT_4D, INIT_4C, INIT_4B, INIT_4A, INIT_49, INIT_48,
           INIT_47, INIT_46, INIT_45, INIT_44, INIT_43, INIT_42, INIT_41, INIT_40,
           INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38,
           INIT_37, INIT_36, INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30,
           INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28,
           INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20,
           INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18,
           INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10,
           INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08,
           INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00}),
    .PARITY({INITP_0F, INITP_0E, INITP_0D, INITP_0C, INITP_0B, INITP_0A, INITP_09, INITP_08,
           INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00})
  ) ram (
    .clka(CLKARDCLK), .clkb(CLKBWRCLK), .ena(ENARDEN), .enb(ENBWREN), .rsta(RSTRAMARSTRAM), .rstb(RSTRAMB),
    .addra(ADDRARDADDR[14:0]), .addrb(ADDRBWRADDR[14:0]), .dia({DIPADIP, DIADI}), .dib({DIPBDIP, DIBDI}),
    .wea(WEA), .web(WEBWE), .doa({DOPADOP, DOADO}), .dob({DOPBDOP, DOBDO}));
endmodule
