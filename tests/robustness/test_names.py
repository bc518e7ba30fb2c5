"""A user's names and texts in Verilog, C++, Tcl, HTML, SVG and Markdown: refused, or reproduced exactly."""

import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fxp_model.artifact import load_artifact
from fxp_model.errors import InputError
from hw.build import module_name
from hw.config import HardwareConfig
from hw.estimates.resources.shapes import Shape
from hw.names import MAX_LENGTH, check_name, free_name
from hw.report.page import render_page
from hw.verilog import emit
from tb.harness.depth import depth
from tests.calls import call
from tests.tiny import tiny_artifact

needs_hls = pytest.mark.skipif(importlib.util.find_spec("hls4ml") is None, reason="hls4ml not found")
HOSTILE = 'a*"$x$<script>alert(1)<p>`{}[exit];#'
"""A valid folder name."""
SVG = "{http://www.w3.org/2000/svg}"
CONTROL = HOSTILE + "\n\x1b[31m\udcff"


NOT_RESERVED = {"strength", "finally", "throws", "uuidof", "pre", "post"}
NOT_RESERVED |= {f"{kind}_inheritance" for kind in ("single", "multiple", "virtual")}
"""Other words in Pygments' lists: those of other compilers, and context-dependent ones."""


def words_of(lexer: str) -> set[str]:
    """Keywords of a language, as Pygments knows them, which comes with pytest."""
    from pygments import lexers
    from pygments.lexer import words
    from pygments.token import Comment, Keyword, Operator

    rules = [rule for state in getattr(lexers, lexer).tokens.values() for rule in state]
    found: set[str] = set()
    for rule in rules:
        if isinstance(rule, tuple) and isinstance(rule[0], words):
            kind = rule[1]
            if any(kind in own for own in (Keyword, Operator.Word)) and kind not in Comment:
                found |= {word for word in rule[0].words if re.fullmatch("[a-z]\\w*", word)}
    return found


@pytest.mark.parametrize(
    ("lexer", "least"),
    [("VerilogLexer", 100), ("SystemVerilogLexer", 200), ("VhdlLexer", 90), ("CppLexer", 50)],
)
def test_a_word_of_a_language_is_no_name(lexer: str, least: int) -> None:
    words = words_of(lexer) - NOT_RESERVED
    assert len(words) >= least
    allowed = set()
    for word in words:
        try:
            check_name("a core", word)
        except InputError:
            continue
        allowed.add(word)
    assert allowed == set()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a-b", "must be letters and digits with single _ between, a letter first, not 'a-b'"),
        ("a__b", "must be letters and digits with single _ between, a letter first, not 'a__b'"),
        ("_a", "must be letters and digits with single _ between, a letter first, not '_a'"),
        ("", "must be letters and digits with single _ between, a letter first, not ''"),
        ("a\n", "must be letters and digits with single _ between, a letter first, not 'a\\n'"),
        ("é", "must be letters and digits with single _ between, a letter first, not 'é'"),
        ("a" * 65, "must have at most 64 characters, not 65"),
        ("FDRE", "must have a lower-case letter, as cells and macros have none, not 'FDRE'"),
        ("logic", "must not be a word of Verilog, SystemVerilog, VHDL or C++, and 'logic' is one"),
        ("Signal", "must not be a word of Verilog, SystemVerilog, VHDL or C++, and 'Signal' is one"),
        ("main", "must not be a word of Verilog, SystemVerilog, VHDL or C++, and 'main' is one"),
        ("aclk", "must not be that of a port or a net in it, and 'aclk' is"),
    ],
)
def test_a_name_that_is_not_free_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^name of a core {re.escape(message)}$"):
        check_name("a core", name)


@given(
    st.text(max_size=80) | st.sampled_from(["main", "module", "FDRE", "7up", "a--b", "core", "m_axis", "_"])
)
def test_a_default_name_is_free(name: str) -> None:
    own = free_name(name)
    check_name("a core", own)
    assert len(own) <= MAX_LENGTH
    assert free_name(own) == own


def test_a_name_that_is_free_is_kept() -> None:
    for name in ("asc20_256x256_k5", "Net", "a_core", "x1"):
        assert free_name(name) == name


@pytest.mark.parametrize(
    "widths", [{}, {"reload": True}, {"reload": True, "programmable_delays": True, "events_per_cycle": 2}]
)
def test_no_name_of_a_core_is_one_of_its_ports_and_nets(widths: dict) -> None:
    network = Shape((4, 6, 5, 3), kernel=3, max_delay=5).network()
    core = emit(network, HardwareConfig.uniform(network.spec, **widths), "a_core")
    top = re.search(r"^module a_core\(.*?^endmodule", core.verilog, re.MULTILINE | re.DOTALL)
    assert top is not None
    nets = re.findall(
        r"^  (?:wire|reg|input|output)\b[^;=]*?\b([A-Za-z]\w*)(?: =[^;]*)?;", top[0], re.MULTILINE
    )
    assert {port.name for port in core.ports} <= set(nets)
    for net in set(nets):
        with pytest.raises(InputError):
            check_name("a core", net)


@pytest.mark.parametrize(("script", "thing"), [("gen_hw.py", "core"), ("gen_hls.py", "project")])
@pytest.mark.parametrize("name", ["int", "a b", "x" * 65, "../up", "main"])
def test_a_bad_name_is_one_line_and_nothing_is_written(
    script: str, thing: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if script == "gen_hls.py":
        pytest.importorskip("hls4ml")
    monkeypatch.chdir(tmp_path)
    done = call(script, "--name", name)
    assert done.returncode == 2
    assert done.stderr.startswith(f"{script}: name of a {thing} must ")
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@needs_hls
@pytest.mark.parametrize(
    "name", ["nnet", "hls", "defines", "parameters", "ap_int", "w2", "layer2_t", "own_beta2", "compare"]
)
def test_a_name_in_the_cpp_of_a_project_is_refused(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("gen_hls.py", "--name", name, "--out", str(out))
    line = f"gen_hls.py: name of a project must not be one in its C++, and {name!r} is\n"
    assert (done.returncode, done.stderr) == (2, line)
    assert not out.exists()


@needs_hls
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ not found: apt-get install g++")
@pytest.mark.parametrize("folder", ["main", "defines", "w2", "FDRE", "exp", HOSTILE][: depth(2, 6)])
def test_a_project_compiles_whatever_its_artifact_is_called(folder: str, tmp_path: Path) -> None:
    tiny_artifact(tmp_path / folder / "artifact")
    out = tmp_path / "out"
    done = call("gen_hls.py", "--artifact", str(tmp_path / folder / "artifact"), "--out", str(out))
    assert done.returncode == 0, done.stderr
    bench = subprocess.run(["sh", out / "check.sh"], capture_output=True, text=True, encoding="utf-8")
    assert bench.stdout.startswith("PASS"), bench.stdout + bench.stderr
    if folder == HOSTILE:
        assert f"From the artifact `` {HOSTILE} `` (sha256" in (out / "README.md").read_text(encoding="utf-8")


@needs_hls
@pytest.mark.parametrize(
    "part", ['x"', "x]", "[exit]", "$x", "x;y", "x\ny", "x y", "{x}", "x\\", "", "-x", "x" * 65]
)
def test_a_part_that_tcl_would_read_is_refused(part: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call("gen_hls.py", f"--part={part}", "--out", str(out))
    assert done.returncode == 2
    line = "gen_hls.py: --part must be letters, digits, '.', '_' and '-', at most 64, not "
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1
    assert not out.exists()
    from hw.hls.project import generate

    with pytest.raises(InputError, match=r"^part must be letters, digits"):
        generate(load_artifact(tiny_artifact_at(tmp_path)), "a_core", out, part=part)
    assert not out.exists()


def tiny_artifact_at(tmp_path: Path) -> Path:
    tiny_artifact(tmp_path / "tiny")
    return tmp_path / "tiny"


class Tags(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_build_of_hostile_names_is_well_formed(tmp_path: Path) -> None:
    artifact = tiny_artifact(tmp_path / HOSTILE, metrics={HOSTILE: 0.5, "$": {"a|b": 1}})
    out = tmp_path / f"out {HOSTILE}"
    done = call("gen_hw.py", "--artifact", str(tmp_path / HOSTILE), "--out", str(out))
    assert done.returncode == 0, done.stderr
    name = module_name(artifact)
    assert name == "a_x_script_alert_1_p_exit"
    page = Tags((out / "report.html").read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert HOSTILE in page.text
    texts = [
        (out / "report.txt").read_text(encoding="utf-8"),
        (out / f"{name}.v").read_text(encoding="utf-8"),
    ]
    assert not any(re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text) for text in texts)
    figures = sorted((out / "figures").glob("*.svg"))
    assert figures
    for figure in figures:
        ElementTree.parse(figure)
    both = call("compare.py", str(out), str(out), "--html", str(tmp_path / "both.html"))
    assert both.returncode == 0
    assert "script" not in Tags((tmp_path / "both.html").read_text(encoding="utf-8")).tags
    if shutil.which("tclsh"):
        tcl = tmp_path / "core.tcl"
        shutil.copyfile(out / "vivado" / "core.tcl", tcl)
        script = f"source {tcl}; puts $core_name"
        told = subprocess.run(["tclsh"], input=script, capture_output=True, text=True, encoding="utf-8")
        assert (told.stdout, told.stderr) == (f"{name}\n", "")


def test_texts_of_rows_and_artifacts_stay_texts_in_figures(tmp_path: Path) -> None:
    from fxp_model.results.figures import raster
    from fxp_model.results.front import draw

    artifact = replace(tiny_artifact(tmp_path / "tiny"), name=CONTROL)
    point = {"us": 1.0, "share": 0.5, "accuracy": None, "system": CONTROL}
    draw(tmp_path / "front.svg", [point], {"balanced": point}, "LFE5U-85F")
    raster(tmp_path / "raster.svg", artifact)
    for figure in ("front.svg", "raster.svg"):
        texts = [own.text or "" for own in ElementTree.parse(tmp_path / figure).iter(f"{SVG}text")]
        assert any(HOSTILE + r"\n\x1b[31m\udcff" in text for text in texts)


def test_a_page_escapes_every_text() -> None:
    values = {
        "a": {"name": HOSTILE, "kind": "RTL"},
        "b": {"name": '"', "kind": "HLS"},
        "rows": [],
        "same": [],
    }
    page = render_page("compare.html", **values)
    assert "<script" not in page
    assert os.fsencode(page)
