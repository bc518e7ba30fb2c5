"""A script like those in `scripts/`, run as a process, to test how it ends."""

import signal
import subprocess
import sys
import textwrap

from fxp_model.cli import ENDING

SCRIPT = """
    if __name__ == "__main__":
        from fxp_model.cli import run_script
        run_script(__file__)
    import os, signal, sys, time
    {top}

    def main():
        {body}
        return 0
"""


def start(tmp_path, body="pass", top="pass", prepare=lambda: None, **options):
    """Start a script with `top` among its imports and `body` in its main function.

    Its signals act as in a terminal, even if the tests run in the background or under nohup;
    then its process calls `prepare`.
    """

    def first():
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        prepare()

    script = tmp_path / "tool.py"
    inside = textwrap.indent(textwrap.dedent(body), "    ").strip()
    script.write_text(textwrap.dedent(SCRIPT).format(top=top, body=inside), encoding="utf-8")
    options = {"stderr": subprocess.PIPE, "encoding": "utf-8", "cwd": tmp_path} | options
    return subprocess.Popen([sys.executable, script], preexec_fn=first, **options)


def ended(process):
    """Exit status and stderr of the process."""
    _, err = process.communicate(timeout=60)
    return process.returncode, err
