"""Parts of the benches: drivers, monitors, scoreboard, networks, the runner of the simulators."""
