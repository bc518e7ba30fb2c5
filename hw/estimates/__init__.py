"""What a core costs, computed before it is built."""
