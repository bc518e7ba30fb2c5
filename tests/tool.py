"""A script like those in `scripts/`, run as a process, to see how it ends."""

import subprocess
import sys
import textwrap

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


def start(tmp_path, body="pass", top="pass", **options):
    """Begin a script with `top` among its imports and `body` in its main function."""
    script = tmp_path / "tool.py"
    inside = textwrap.indent(textwrap.dedent(body), "    ").strip()
    script.write_text(textwrap.dedent(SCRIPT).format(top=top, body=inside), encoding="utf-8")
    options = {"stderr": subprocess.PIPE, "encoding": "utf-8", "cwd": tmp_path} | options
    return subprocess.Popen([sys.executable, script], **options)


def ended(process):
    """Its status, and what it printed on stderr."""
    _, err = process.communicate(timeout=60)
    return process.returncode, err
