"""The ear in gates: from a microphone to events."""
