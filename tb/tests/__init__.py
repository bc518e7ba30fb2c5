"""What pytest collects: each test builds a design and runs a bench on it."""
