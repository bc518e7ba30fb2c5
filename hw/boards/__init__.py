"""From an artifact to a bitstream for a board that can be bought. Extra ``flow``."""
