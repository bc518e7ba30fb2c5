#!/bin/sh
# The Debian packages that the tests need, installed when missing; without root, named.
# ccache compiles what all cores of Verilator have in common once: a block then builds in 3 s, and not in 15.
# tclsh runs the scripts for Vivado, and the compiler for RISC-V makes the firmware of a SoC.
set -eu
missing=
need() { # a command, and its package
    command -v "$1" >/dev/null || missing="$missing $2"
}
for tool in iverilog g++ make perl ccache; do
    need "$tool" "$tool"
done
need tclsh tcl
need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "installing Debian packages:$missing"
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
    echo "make test needs the Debian packages$missing: sudo apt-get install$missing" >&2
    exit 2
fi
