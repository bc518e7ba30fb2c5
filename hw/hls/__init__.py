"""The second road to hardware: the same artifact as an hls4ml project, equal bit for bit (README.md)."""
