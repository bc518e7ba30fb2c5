"""What the benches are made of: drivers, monitors, scoreboard, networks, the runner of the simulators."""
