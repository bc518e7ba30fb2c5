// Model of an ECP5 block RAM, for which yosys has none, as used by its memories and hw/flows/output_registers.py: no
// chip select, synchronous reset. Pins of a word count from 0 at every width, as in yosys. After Lattice's
// model of the DP16KC: the output register loads under OCE and not CE, and the lower half of a 36-bit port is on
// DOA, from a separate register that port B clocks.
module DP16KD (
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0);
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG", REGMODE_B = "NOREG";
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL";
  parameter CLKAMUX = "CLKA", CLKBMUX = "CLKB";
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "AUTO";
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000";
  parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0, INITVAL_07 = 0;
  parameter [319:0] INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0, INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0;
  parameter [319:0] INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
  parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0, INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0;
  parameter [319:0] INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0;
  parameter [319:0] INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
  parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0;
  parameter [319:0] INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  // 2048 rows of 9 bits: a word is part of a row, or several of them
  reg [8:0] rows [0:2047];
  task fill(input integer block, input [319:0] words);
    integer i;
    for (i = 0; i < 32; i = i + 1) rows[32 * block + i] = words[i / 2 * 20 + i % 2 * 9 +: 9];
  endtask
  initial begin
    fill(0, INITVAL_00); fill(1, INITVAL_01); fill(2, INITVAL_02); fill(3, INITVAL_03);
    fill(4, INITVAL_04); fill(5, INITVAL_05); fill(6, INITVAL_06); fill(7, INITVAL_07);
    fill(8, INITVAL_08); fill(9, INITVAL_09); fill(10, INITVAL_0A); fill(11, INITVAL_0B);
    fill(12, INITVAL_0C); fill(13, INITVAL_0D); fill(14, INITVAL_0E); fill(15, INITVAL_0F);
    fill(16, INITVAL_10); fill(17, INITVAL_11); fill(18, INITVAL_12); fill(19, INITVAL_13);
    fill(20, INITVAL_14); fill(21, INITVAL_15); fill(22, INITVAL_16); fill(23, INITVAL_17);
    fill(24, INITVAL_18); fill(25, INITVAL_19); fill(26, INITVAL_1A); fill(27, INITVAL_1B);
    fill(28, INITVAL_1C); fill(29, INITVAL_1D); fill(30, INITVAL_1E); fill(31, INITVAL_1F);
    fill(32, INITVAL_20); fill(33, INITVAL_21); fill(34, INITVAL_22); fill(35, INITVAL_23);
    fill(36, INITVAL_24); fill(37, INITVAL_25); fill(38, INITVAL_26); fill(39, INITVAL_27);
    fill(40, INITVAL_28); fill(41, INITVAL_29); fill(42, INITVAL_2A); fill(43, INITVAL_2B);
    fill(44, INITVAL_2C); fill(45, INITVAL_2D); fill(46, INITVAL_2E); fill(47, INITVAL_2F);
    fill(48, INITVAL_30); fill(49, INITVAL_31); fill(50, INITVAL_32); fill(51, INITVAL_33);
    fill(52, INITVAL_34); fill(53, INITVAL_35); fill(54, INITVAL_36); fill(55, INITVAL_37);
    fill(56, INITVAL_38); fill(57, INITVAL_39); fill(58, INITVAL_3A); fill(59, INITVAL_3B);
    fill(60, INITVAL_3C); fill(61, INITVAL_3D); fill(62, INITVAL_3E); fill(63, INITVAL_3F);
  end

  function [35:0] mask(input integer width);
    mask = (36'd1 << width) - 1;
  endfunction

  // address of the first row, and place in that row
  function [10:0] first(input [13:0] address, input integer width);
    first = width == 36 ? {address[13:5], 2'b0} : width == 18 ? {address[13:4], 1'b0} : address[13:3];
  endfunction
  function [3:0] place(input [13:0] address, input integer width);
    place = width == 4 ? {address[2], 2'b0} : width == 2 ? {address[2:1], 1'b0} : width == 1 ? address[2:0] : 0;
  endfunction

  wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [35:0] dia = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
  wire [35:0] dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};

  wire clka = CLKA ^ (CLKAMUX == "INV");
  reg [35:0] arraya = 0, registera = 0;
  always @(posedge clka) begin : porta
    reg [10:0] row;
    reg [3:0] at, bytes;
    reg [35:0] bits, old, changed;
    row = first(ada, DATA_WIDTH_A);
    at = place(ada, DATA_WIDTH_A);
    bytes = DATA_WIDTH_A == 36 ? ada[3:0] : DATA_WIDTH_A == 18 ? ada[1:0] : 4'd1;  // enables, on address pins not in use
    bits = {{9{bytes[3]}}, {9{bytes[2]}}, {9{bytes[1]}}, {9{bytes[0]}}} & mask(DATA_WIDTH_A);
    old = {rows[row | 11'd3], rows[row | 11'd2], rows[row | 11'd1], rows[row]} >> at & mask(DATA_WIDTH_A);
    changed = old & ~bits | dia & bits;
    if (OCEA) registera <= RSTA ? 36'd0 : arraya;
    if (RSTA) arraya <= 0;
    else if (CEA) begin
      if (WEA) begin
        rows[row] <= rows[row] & ~(mask(DATA_WIDTH_A) << at) | changed[8:0] << at;
        if (DATA_WIDTH_A >= 18) rows[row | 11'd1] <= changed[17:9];
        if (DATA_WIDTH_A == 36) rows[row | 11'd2] <= changed[26:18];
        if (DATA_WIDTH_A == 36) rows[row | 11'd3] <= changed[35:27];
      end
      if (!WEA || WRITEMODE_A == "READBEFOREWRITE") arraya <= old;
      else if (WRITEMODE_A == "WRITETHROUGH") arraya <= changed;
    end
  end

  wire clkb = CLKB ^ (CLKBMUX == "INV");
  reg [35:0] arrayb = 0, registerb = 0;
  always @(posedge clkb) begin : portb
    reg [10:0] row;
    reg [3:0] at, bytes;
    reg [35:0] bits, old, changed;
    row = first(adb, DATA_WIDTH_B);
    at = place(adb, DATA_WIDTH_B);
    bytes = DATA_WIDTH_B == 36 ? adb[3:0] : DATA_WIDTH_B == 18 ? adb[1:0] : 4'd1;  // enables, on address pins not in use
    bits = {{9{bytes[3]}}, {9{bytes[2]}}, {9{bytes[1]}}, {9{bytes[0]}}} & mask(DATA_WIDTH_B);
    old = {rows[row | 11'd3], rows[row | 11'd2], rows[row | 11'd1], rows[row]} >> at & mask(DATA_WIDTH_B);
    changed = old & ~bits | dib & bits;
    if (OCEB) registerb <= RSTB ? 36'd0 : arrayb;
    if (RSTB) arrayb <= 0;
    else if (CEB) begin
      if (WEB) begin
        rows[row] <= rows[row] & ~(mask(DATA_WIDTH_B) << at) | changed[8:0] << at;
        if (DATA_WIDTH_B >= 18) rows[row | 11'd1] <= changed[17:9];
        if (DATA_WIDTH_B == 36) rows[row | 11'd2] <= changed[26:18];
        if (DATA_WIDTH_B == 36) rows[row | 11'd3] <= changed[35:27];
      end
      if (!WEB || WRITEMODE_B == "READBEFOREWRITE") arrayb <= old;
      else if (WRITEMODE_B == "WRITETHROUGH") arrayb <= changed;
    end
  end

  wire wide = DATA_WIDTH_B == 36;
  wire [17:0] lower = REGMODE_A == "OUTREG" ? registerb[17:0] : arrayb[17:0];
  wire [35:0] outa = REGMODE_A == "OUTREG" ? registera : arraya;
  wire [35:0] outb = REGMODE_B == "OUTREG" ? registerb : arrayb;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = wide ? lower : outa[17:0];
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = wide ? outb[35:18] : outb[17:0];
endmodule
