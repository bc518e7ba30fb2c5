#!/bin/sh
# The Debian packages that the benches need, installed when missing; without root, named.
# ccache compiles what all cores of Verilator have in common once: a block then builds in 3 s, and not in 15.
set -eu
missing=
for tool in iverilog g++ make perl ccache; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
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
