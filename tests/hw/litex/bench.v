// Clock of the system, and its UART on the standard output until an end of transmission.
`timescale 1ns / 1ps
module bench;
    reg clock = 0;
    always #5 clock = !clock;

    wire       valid;
    wire [7:0] data;
    system dut (
        .sys_clk(clock), .serial_source_valid(valid), .serial_source_ready(1'b1), .serial_source_data(data),
        .serial_sink_valid(1'b0), .serial_sink_ready(), .serial_sink_data(8'd0)
    );
    integer cycles = 0;
    always @(posedge clock) begin
        cycles <= cycles + 1;
        if (valid) begin
            if (data == 4) begin
                $display("cycles %0d", cycles);
                $finish;
            end
            $write("%c", data);
        end
        if (cycles == 20_000_000) $stop;
    end
endmodule
