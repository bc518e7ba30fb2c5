# Synthesises, places and routes the core alone, out of context, with reports in reports/.
#
#     vivado -mode batch -source synth.tcl [-tclargs PART]
#     python scripts/vivado_report.py vivado/reports/utilization.rpt vivado/reports/timing.rpt

set here [file dirname [file normalize [info script]]]
source [file join $here core.tcl]
set part [expr {$argc > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}]
set reports [file join $here reports]
file mkdir $reports

proc report {suffix} {
    global reports
    report_utilization -file [file join $reports utilization$suffix.rpt]
    report_utilization -hierarchical -file [file join $reports hierarchy$suffix.rpt]
    report_timing_summary -max_paths 10 -file [file join $reports timing$suffix.rpt]
}

read_verilog [file join $here .. $core_name.v]
read_xdc -mode out_of_context [file join $here ooc.xdc]
synth_design -top $core_name -part $part -mode out_of_context
report _synth
opt_design
place_design
phys_opt_design
route_design
report ""
