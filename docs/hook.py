"""What is generated in the manual: options, Python interface, registers, and texts that are kept beside the
code.

A page says ``<!-- generated: NAME -->`` where the text of `GENERATED[NAME]` goes.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import fxp_model
import hw
from fxp_model.pretrained import DEFAULT, bundled, find
from hw import ear_registers, mailbox_registers, protocol, registers

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = tuple(sorted(path.stem for path in (ROOT / "scripts").glob("*.py")))


def parser_of(script: str) -> argparse.ArgumentParser:
    """The parser of the script `name`."""
    if str(ROOT) not in sys.path:  # the command `mkdocs` has only its own folder there
        sys.path.insert(0, str(ROOT))
    parser: argparse.ArgumentParser = importlib.import_module(f"scripts.{script}").parser()
    return parser


def options() -> Iterator[str]:
    """A section for each script: what it is for, and its options."""
    for name in SCRIPTS:
        parser = parser_of(name)
        yield f"## {name}.py\n"
        yield f"{(parser.description or '').strip()}\n"
        for group in parser._action_groups:
            actions = [action for action in group._group_actions if action.dest != "help"]
            if not actions:
                continue
            title = "option" if group.title in ("options", "positional arguments") else group.title
            yield f"| {title} | meaning |\n|---|---|"
            for action in actions:
                needed = "**required**; " if action.required and action.option_strings else ""
                yield f"| {_invocation(action)} | {needed}{_cell(_help(parser, action))} |"
            yield ""


def _invocation(action: argparse.Action) -> str:
    """The option as it is typed, without line breaks."""
    form = argparse.HelpFormatter("")
    if not action.option_strings:
        return f"`{form._format_args(action, action.dest)}`"
    name = form._get_default_metavar_for_optional(action)
    value = name if _many(action) else form._format_args(action, name)
    return ", ".join(f"`{_cell(f'{option} {value}')}`" for option in action.option_strings)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    text = text.replace(f"{ROOT}/", "").replace("<", "&lt;")
    return f"{text}; one of {', '.join(map(str, action.choices or ()))}" if _many(action) else text


def _many(action: argparse.Action) -> bool:
    """Whether an option has more choices than fit beside it."""
    return action.choices is not None and len(", ".join(map(str, action.choices))) > 24


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def public(package: ModuleType) -> Iterator[str]:
    """The public names of a package, each documented where it is defined."""
    for name in package.__all__:
        home = getattr(getattr(package, name), "__module__", package.__name__)
        yield f"::: {home}.{name}\n"


def stream() -> Iterator[str]:
    """The format of the beats, from the module that encodes them."""
    yield inspect.cleandoc(protocol.__doc__ or "").partition("\n")[2].strip()


def schema() -> Iterator[str]:
    """The JSON schema of an artifact's description."""
    yield "```json"
    yield (ROOT / "fxp_model" / "artifact.schema.json").read_text(encoding="utf-8").rstrip()
    yield "```"


def networks() -> Iterator[str]:
    """The model cards of the bundled networks, the default's first."""
    for name in sorted(bundled(), key=lambda name: (name != DEFAULT.name, name)):
        card = (find(name) / "README.md").read_text(encoding="utf-8")
        yield re.sub(r"^#", "##", card, flags=re.MULTILINE)


def text_of(file: str) -> Callable[[], Iterator[str]]:
    """The text of a file of the project without its heading."""

    def read() -> Iterator[str]:
        yield (ROOT / file).read_text(encoding="utf-8").partition("\n")[2]

    return read


GENERATED: dict[str, Callable[[], Iterator[str]]] = {
    "options": options,
    "fxp_model": lambda: public(fxp_model),
    "hw": lambda: public(hw),
    "registers": registers.table,
    "ear_registers": ear_registers.table,
    "mailbox_registers": mailbox_registers.table,
    "stream": stream,
    "schema": schema,
    "networks": networks,
    "numbers": text_of("fxp_model/NUMERICS.md"),
    "core": text_of("hw/ARCHITECTURE.md"),
    "hls": text_of("hw/hls/README.md"),
}


FIGURES = "../../scripts/results/figures/"
"""Path from a reference page to the figures of the results; in the site they are beside it."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Publish the figures of the results."""
    for figure in sorted((ROOT / "scripts" / "results" / "figures").glob("*.svg")):
        files.append(File.generated(config, f"reference/figures/{figure.name}", abs_src_path=str(figure)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Insert generated text where a page asks for it."""
    whole = re.sub(r"<!-- generated: (\w+) -->", lambda asked: "\n".join(GENERATED[asked[1]]()), markdown)
    return whole.replace(f"]({FIGURES}", "](figures/")
