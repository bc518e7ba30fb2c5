# In place of Edalize's own script, which gives the netlist no name, and whose passes stumble over nets that
# have a dot in their names.
yosys -import
source edalize_yosys_procs.tcl
read_files
yosys proc
yosys opt_clean -purge
synth $top
yosys write_json $name.json
