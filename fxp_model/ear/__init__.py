"""The ear: from the samples of a microphone to the events of a network, in integers."""
