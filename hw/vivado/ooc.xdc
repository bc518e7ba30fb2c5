# Out of context: the clock is driven by nothing here. What is reported is the slack against this period.
create_clock -name aclk -period 5.000 [get_ports aclk]
