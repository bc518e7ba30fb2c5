"""Drivers of a generated device: what runs on a host, and what a build holds for it.

`spikeline`, `uart`, `linux_tty`, `uio` and `overlay` are copied into builds as they are: they import nothing
of this project, and not each other.
"""
