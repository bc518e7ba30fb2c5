"""The examples in NUMERICS.md are correct, and the sections cited by the code exist."""

import doctest
import re
from pathlib import Path

import pytest

from tests.paths import ROOT

LAW = ROOT / "fxp_model" / "NUMERICS.md"


def test_examples_of_the_law_hold():
    result = doctest.testfile(str(LAW), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 20


@pytest.mark.parametrize("module", ["fixed", "spec", "network"])
def test_docstring_examples_hold(module):
    __import__(f"fxp_model.{module}")
    result = doctest.testmod(__import__("sys").modules[f"fxp_model.{module}"])
    assert result.failed == 0


def cited_sections(text: str) -> list[int]:
    """Numbers that `text` cites as sections of NUMERICS.md."""
    cited = []
    for clause in re.findall(r"NUMERICS\.md`?`?,? sections? ([0-9]+(?:(?:,| to| and) [0-9]+)*)", text):
        cited += [int(number) for number in re.findall(r"[0-9]+", clause)]
    return cited


def test_cited_sections_exist():
    sections = {
        int(number)
        for number in re.findall(r"^## ([0-9]+)\. ", LAW.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert sections == set(range(1, len(sections) + 1))
    files = [file for folder in ("fxp_model", "hw", "tb", "tests") for file in (ROOT / folder).rglob("*.py")]
    cited = {
        file: cited_sections(file.read_text(encoding="utf-8"))
        for file in files
        if file != Path(__file__).resolve()
    }
    assert sum(map(len, cited.values())) > 5
    assert {
        str(file): number for file, numbers in cited.items() for number in numbers if number not in sections
    } == {}


def test_citations_are_found():
    text = "see NUMERICS.md sections 4 to 8, NUMERICS.md section 11 and NUMERICS.md sections 2, 3 and 12"
    assert cited_sections(text) == [4, 8, 11, 2, 3, 12]
