"""Spotting: how well a network finds words in an endless stream of sound."""
