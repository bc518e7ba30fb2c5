"""The ear in integers: from a microphone to events (NUMERICS.md, from section 11 on)."""
