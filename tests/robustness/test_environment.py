"""User settings, unwritable caches and stray variables neither change a result nor stop a run."""

from pathlib import Path

import matplotlib as mpl
import numba
import pytest

from fxp_model import caches, cli, compiled
from fxp_model.errors import InputError
from fxp_model.qat import kernels, parallel
from fxp_model.results.style import figure
from tb.harness.depth import FULL
from tests.robustness.builds import built, generated

SETTINGS = {
    "axes.unicode_minus": False,
    "figure.dpi": 300,
    "font.family": ["serif"],
    "lines.linewidth": 5,
    "path.sketch": (1, 100, 2),
    "savefig.bbox": "tight",
    "text.usetex": True,
}


def drawn(path: Path) -> bytes:
    with figure(path, 3, 2) as drawing:
        axes = drawing.add_subplot()
        axes.plot([1, 2, 3], [-3, 1, 2])
        axes.set_title("a title")
    return path.read_bytes()


def test_figures_are_equal_whatever_matplotlib_is_set_to(tmp_path: Path) -> None:
    plain = drawn(tmp_path / "plain.svg")
    with mpl.rc_context(SETTINGS):
        assert drawn(tmp_path / "set.svg") == plain
        assert mpl.rcParams["lines.linewidth"] == 5


def test_a_build_has_the_same_bytes_in_any_environment(small: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 5\nsavefig.bbox: tight\n", encoding="utf-8")
    nowhere = str(tmp_path / "matplotlibrc" / "x")  # cannot be created, even by root
    environment = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MPLCONFIGDIR": nowhere}
    environment |= {"WORLD_SIZE": "2", "NUMBA_CACHE_DIR": nowhere}
    if FULL:  # without a cache, yosys is compiled
        environment |= {"HOME": nowhere, "XDG_CACHE_HOME": nowhere}
    files, _ = generated(small, tmp_path, environment)
    assert files == built(small, tmp_path)


def double(x: int) -> int:
    return 2 * x


def test_functions_are_compiled_where_no_folder_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled._Cache._impl_class, "_locator_classes", [])
    assert compiled.compiled()(double)(21) == 42


def test_a_cache_that_cannot_be_read_or_written_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    function = compiled.compiled()(double)
    (folder,) = (tmp_path / "cache").iterdir()
    folder.rmdir()
    folder.write_bytes(b"")
    assert function(21) == 42


def test_what_is_compiled_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert compiled.compiled()(double)(21) == 42
    again = compiled.compiled()(double)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("0", "must be an integer of at least 1, not '0'"),
        ("two", "must be an integer of at least 1, not 'two'"),
    ],
)
def test_a_number_of_threads_that_is_none_is_refused(
    value: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMBA_NUM_THREADS", value)
    monkeypatch.setattr("sys.argv", ["train.py"])
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.run(lambda: 0)
    assert capsys.readouterr().err == f"train.py: NUMBA_NUM_THREADS {line}\n"


def test_a_threading_layer_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(threads: int) -> None:
        raise ValueError("layer 'foo' is unknown")

    monkeypatch.setattr(numba, "set_num_threads", refuse)
    with pytest.raises(InputError, match=r"^numba's threads do not start, see NUMBA_THREADING_LAYER: layer "):
        kernels.match_threads()


@pytest.mark.parametrize("size", ["2", "0", "many"])
def test_without_torchrun_a_training_is_alone(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", size)
    with parallel.launched():
        assert parallel.shares() == (0, 1)


def test_tools_get_a_cache_where_the_users_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with caches.tool_environment() as environment:
        assert environment["XDG_CACHE_HOME"] == str(tmp_path / "cache")
    (tmp_path / "cache").write_bytes(b"")
    for unusable in (str(tmp_path / "cache"), "~/.cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        with caches.tool_environment() as environment:
            folder = Path(environment["XDG_CACHE_HOME"])
            assert folder.is_dir()
        assert not folder.exists()
