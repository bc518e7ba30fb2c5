# Makes a project for a Zynq-7000 in zynq/: its processors, the core (first run create_ip.tcl), an AXI DMA that
# brings events from memory and answers to it, and three interrupts: of the core, of DMA reads, of DMA writes.
#
#     vivado -mode batch -source block_design.tcl [-tclargs PART [BOARD_PART]]
#
# A board part gives the processors their memory's settings; it needs the board's files in Vivado. Then, for
# the bitstream zynq/zynq.runs/impl_1/system_wrapper.bit:
#
#     open_project zynq/zynq.xpr; launch_runs impl_1 -to_step write_bitstream; wait_on_run impl_1

set here [file dirname [file normalize [info script]]]
source [file join $here core.tcl]
set part [expr {$argc > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}]
set clock_mhz 100

create_project zynq [file join $here zynq] -part $part -force
if {$argc > 1} {
    set_property board_part [lindex $argv 1] [current_project]
}
set_property ip_repo_paths [file join $here ip] [current_project]
update_ip_catalog
create_bd_design system

# A cell of the design; without a version, an IP of Xilinx is the newest.
proc cell {name vlnv args} {
    set cell [create_bd_cell -type ip -vlnv $vlnv $name]
    foreach {key value} $args {
        set_property CONFIG.$key $value $cell
    }
    return $cell
}
proc bus {from to} {
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}
proc wire {from args} {
    foreach to $args {
        connect_bd_net [get_bd_pins $from] [get_bd_pins $to]
    }
}

cell processors xilinx.com:ip:processing_system7
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
    -config [list make_external "FIXED_IO, DDR" apply_board_preset [expr {$argc > 1}]] [get_bd_cells processors]
foreach {key value} [list PCW_USE_M_AXI_GP0 1 PCW_USE_S_AXI_HP0 1 PCW_FPGA0_PERIPHERAL_FREQMHZ $clock_mhz \
    PCW_USE_FABRIC_INTERRUPT 1 PCW_IRQ_F2P_INTR 1] {
    set_property CONFIG.$key $value [get_bd_cells processors]
}
cell core $core_vlnv
# a transfer is a sample, of up to 2^26 - 1 bytes
cell dma xilinx.com:ip:axi_dma c_include_sg 0 c_sg_length_width 26 c_s_axis_s2mm_tdata_width 32 \
    c_m_axi_mm2s_data_width $core_input_bits c_m_axis_mm2s_tdata_width $core_input_bits
cell control xilinx.com:ip:smartconnect NUM_SI 1 NUM_MI 2
cell memory xilinx.com:ip:smartconnect NUM_SI 2 NUM_MI 1
cell reset xilinx.com:ip:proc_sys_reset
cell interrupts xilinx.com:ip:xlconcat NUM_PORTS 3

bus processors/M_AXI_GP0 control/S00_AXI
bus control/M00_AXI core/s_axil
bus control/M01_AXI dma/S_AXI_LITE
bus dma/M_AXIS_MM2S core/s_axis
bus core/m_axis dma/S_AXIS_S2MM
bus dma/M_AXI_MM2S memory/S00_AXI
bus dma/M_AXI_S2MM memory/S01_AXI
bus memory/M00_AXI processors/S_AXI_HP0
wire processors/FCLK_CLK0 processors/M_AXI_GP0_ACLK processors/S_AXI_HP0_ACLK core/aclk control/aclk \
    memory/aclk dma/s_axi_lite_aclk dma/m_axi_mm2s_aclk dma/m_axi_s2mm_aclk reset/slowest_sync_clk
wire processors/FCLK_RESET0_N reset/ext_reset_in
wire reset/peripheral_aresetn core/aresetn control/aresetn memory/aresetn dma/axi_resetn
wire core/irq interrupts/In0
wire dma/mm2s_introut interrupts/In1
wire dma/s2mm_introut interrupts/In2
wire interrupts/dout processors/IRQ_F2P

assign_bd_address
validate_bd_design
save_bd_design
set wrapper [make_wrapper -files [get_files system.bd] -top]
add_files -norecurse $wrapper
set_property top system_wrapper [current_fileset]
foreach segment [get_bd_addr_segs -of_objects [get_bd_addr_spaces processors/Data]] {
    puts "$segment at [get_property OFFSET $segment], [get_property RANGE $segment] bytes"
}
