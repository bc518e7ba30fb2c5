"""The manual is correct: blocks run, commands exist, tables match the results, links resolve."""

import re
import subprocess
import sys

import pytest

from docs import chain, hook, tables
from fxp_model import pretrained
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "hw" / "hls" / "README.md"]


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """A folder that stands in for that of the bundled networks."""
    folder = tmp_path_factory.mktemp("pretrained")
    for name in pretrained.bundled():
        pages.small(name, folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_run(page, tmp_path, monkeypatch, networks):
    monkeypatch.setattr(pretrained, "DEFAULT", networks / pretrained.DEFAULT.name)
    monkeypatch.setattr(pretrained, "_FOLDER", networks)
    assert "run" in list(pages.run(page, tmp_path, monkeypatch)) or page.stem in NOT_RUN


NOT_RUN = {"machines", "spikes"}
"""Pages without a block that can be run here."""


def commands():
    """Every command in the documents that runs a script of the project, in blocks and in sentences."""
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        for code in re.findall(r"`([^`\n]+)`|^ *((?:\S+ )*python scripts/.+)$", text, re.MULTILINE):
            found = pages.arguments("".join(code))
            if found is not None:
                yield document, *found


@pytest.mark.slow
def test_commands_are_ones_that_the_scripts_take():
    checked = 0
    for document, script, own in commands():
        if own and "..." not in own:
            hook.parser_of(script).parse_args(own)
            checked += 1
        else:
            assert script in hook.SCRIPTS, f"{document}: {script}"
    assert checked > 40


def test_what_is_not_run_says_why():
    for page in PAGES:
        for reason in re.findall(r"<!-- skip: next(.*)-->", page.read_text(encoding="utf-8")):
            assert re.fullmatch(r' "needs .+" ', reason), page


def test_the_tables_are_the_results():
    texts = [page.read_text(encoding="utf-8") for page in tables.PAGES]
    assert sorted(re.findall(r"<!-- table: (\w+) -->", "".join(texts))) == sorted(tables.TABLES)
    assert [tables.renewed(text) for text in texts] == texts


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


def test_tests_that_are_named_exist():
    named = [
        target
        for document in DOCUMENTS
        for target in re.findall(r"`pytest ((?:tests|tb)\S*?)`", document.read_text(encoding="utf-8"))
    ]
    assert len(named) >= 10
    assert [target for target in named if not (ROOT / target).exists()] == []


def test_links_of_the_readme_lead_somewhere():
    """Links of the documents outside the manual; MkDocs checks those inside."""
    targets = re.findall(r"\]\((?!http)([^)#]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(targets) > 20
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built manual; a warning of MkDocs is an error."""
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_the_site_loads_nothing_from_elsewhere(site):
    built = sorted(site.rglob("*.html"))
    assert len(built) > 25
    for page in built:
        text = page.read_text(encoding="utf-8")
        assert "<!-- generated" not in text
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]* src=\"?([^\" >]+)", text)
        loaded += re.findall(r"<link[^>]* rel=\"?(?:stylesheet|preconnect)\"?[^>]* href=\"?([^\" >]+)", text)
        assert [target for target in loaded if re.match(r"(?:https?:)?//", target)] == [], page


@pytest.mark.slow
def test_every_script_and_every_public_name_is_in_the_reference(site):
    text = (site / "reference" / "scripts.html").read_text(encoding="utf-8")
    for script in hook.SCRIPTS:
        assert f">{script}.py<" in text.replace("<a class", "<"), script
    names = (site / "reference" / "python.html").read_text(encoding="utf-8")
    import fxp_model
    import hw

    for package in (fxp_model, hw):
        for name in package.__all__:
            assert re.search(rf'id="[\w.]+\.{name}"', names), name


def test_the_picture_is_what_its_script_draws(tmp_path):
    drawn, committed = (
        chain.draw(tmp_path / "chain.svg").read_text(encoding="utf-8"),
        chain.PICTURE.read_text(encoding="utf-8"),
    )
    words = re.compile(r"<text[^>]*>([^<]+)<")
    assert words.findall(drawn) == words.findall(committed) != []
