"""What things cost, measured. A module each: `python -m tests.benchmarks.<name>`, or make bench BENCH=<name>."""

SPEED = 60  # of the world in which an hour passes in a minute (`hour`)
