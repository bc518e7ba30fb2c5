"""The ear: from the pins of a microphone to events, one Component per file."""
