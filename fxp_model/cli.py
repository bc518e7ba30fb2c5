"""What every script shares: exit statuses and one clear line per error.

0 all went well; 1 a check failed; 2 a usage or input error; 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from fxp_model.errors import InputError
from fxp_model.files import replacing


def run(main: Callable[[], int]) -> NoReturn:
    """Call `main` and exit with its status.

    An `InputError`, or an `OSError` of a named file, becomes one line and status 2.
    """
    program = Path(sys.argv[0]).name
    try:
        status = main()
    except InputError as error:
        print(f"{program}: {error}", file=sys.stderr)
        status = 2
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{program}: {error.filename2 or error.filename}: {error.strerror}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        status = 130
    sys.exit(status)


def write_json(target: str, value: Any) -> None:
    """Write `value` as JSON to the file `target`, or to standard output when it is ``-``."""
    text = json.dumps(value, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        with replacing(target) as path:
            path.write_text(text)
