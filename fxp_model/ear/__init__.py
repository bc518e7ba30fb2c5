"""The ear in integers: from the samples of a microphone to counts of events (NUMERICS.md, "The ear")."""
