"""Scripts called in this process, with the same result as in one of their own."""

import importlib
import io
import os
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from fxp_model import cli
from tests.paths import ROOT

SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.py"))


@dataclass(frozen=True)
class Done:
    """Result of a call, with the names of `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


def call(script: str, *arguments: str) -> Done:
    """Status and output of ``scripts/SCRIPT ARGUMENTS``; exceptions that are bugs are raised."""
    main = importlib.import_module(f"scripts.{Path(script).stem}").main
    out, err = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))
        stack.enter_context(mock.patch.object(sys, "argv", [script, *arguments]))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        try:
            cli.run(main)
        except SystemExit as end:
            return Done(int(end.code), out.getvalue(), err.getvalue())
