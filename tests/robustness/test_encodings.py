"""Text is always read and written as UTF-8: every call specifies it, and scripts run in any locale."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.paths import ROOT
from tests.robustness.builds import built, generated

TEXT_METHODS = {"read_text", "write_text"}
RUNS = {"run", "Popen", "check_output"}


def sources() -> Iterator[tuple[str, ast.Call]]:
    for folder in ("fxp_model", "hw", "scripts", "tb", "tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def is_text(call: ast.Call) -> bool:
    """Whether the call opens a file, or communicates with a program, as text."""
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    function = ast.unparse(call.func)
    given = {keyword.arg for keyword in call.keywords}
    if method in TEXT_METHODS:
        return function.split(".")[0] != "files"
    if function == "open" or method == "open":
        if function in ("os.open", "webbrowser.open", "wave.open") or function.endswith(
            ("zip.open", "archive.open")
        ):
            return False
        place = 1 if function == "open" else 0
        modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[place:][:1]
        return not any(isinstance(mode, ast.Constant) and "b" in str(mode.value) for mode in modes)
    return bool(given & {"text", "universal_newlines"}) and function.startswith("subprocess.")


def test_every_text_names_its_encoding() -> None:
    calls = [(place, call) for place, call in sources() if is_text(call)]
    assert len(calls) > 100
    unnamed = [place for place, call in calls if "encoding" not in {keyword.arg for keyword in call.keywords}]
    assert unnamed == []


def test_a_build_has_the_same_bytes_without_unicode(small: Path, tmp_path: Path) -> None:
    environment = {"PYTHONWARNDEFAULTENCODING": "1", "PYTHONWARNINGS": "always::EncodingWarning"}
    environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    files, stderr = generated(small, tmp_path, environment)
    assert files == built(small, tmp_path)
    warned = [line for line in stderr.splitlines() if "EncodingWarning" in line]
    assert warned  # of libraries
    own = tuple(str(ROOT / folder) for folder in ("fxp_model", "hw", "scripts"))
    assert [line for line in warned if line.startswith(own)] == []
