"""The second path to hardware: the same artifact as an hls4ml project, bit-exact (README.md)."""
