# Out of context: no driver of the clock is known here. Slack is reported against this period.
create_clock -name aclk -period 5.000 [get_ports aclk]
