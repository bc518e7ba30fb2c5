"""Options are checked when they are parsed, and errors are one line."""

import pytest

from fxp_model import options
from fxp_model.errors import InputError


def parsed(type_, text):
    parser = options.Parser(prog="x")
    parser.add_argument("--n", type=type_)
    return parser.parse_args(["--n", text]).n


def test_options_have_limits(capsys):
    assert parsed(options.whole(0, 5), "5") == 5
    assert parsed(options.real(0.5, 2), "0.5") == 0.5
    assert parsed(options.SEED, str(2**63 - 1)) == 2**63 - 1
    for type_, text, message in (
        (options.whole(1), "0", "--n must be at least 1, not 0"),
        (options.whole(1, 5), "6", "--n must be at most 5, not 6"),
        (options.whole(1), "1.5", "--n must be an integer, not '1.5'"),
        (options.whole(1), "9" * 5000, r"--n must be an integer, not '9+\.\.\.9+'"),
        (options.SEED, "-1", "--n must be at least 0, not -1"),
        (options.SEED, str(2**64), f"--n must be at most {2**63 - 1}, not {2**64}"),
        (options.real(0.5, 2), "0.4", "--n must be a number from 0.5 to 2, not 0.4"),
        *(
            (options.real(0.5, 2), bad, f"--n must be a number from 0.5 to 2, not {shown}")
            for bad, shown in (("nan", "nan"), ("inf", "inf"), ("x", "'x'"))
        ),
    ):
        with pytest.raises(InputError, match=f"^{message}$"):
            parsed(type_, text)
    assert capsys.readouterr() == ("", "")


def test_an_option_that_is_not_known_is_one_line():
    with pytest.raises(InputError, match=r"^unrecognized arguments: --y$"):
        options.Parser(prog="x").parse_args(["--y"])


def test_options_without_effect_are_refused(monkeypatch):
    """Beside another option, whether the default is left out or given."""

    def given(*arguments):
        parser = options.Parser(prog="x")
        start = parser.add_argument("--from", dest="start", default=options.argparse.SUPPRESS)
        size = parser.add_argument("--size", type=int, default=3)
        more = parser.add_argument("--more", default=options.argparse.SUPPRESS)
        parser.not_with(start, size, more)
        monkeypatch.setattr("sys.argv", ["x", *arguments])
        return vars(parser.options())

    assert given() == {"size": 3}
    assert given("--from", "a") == {"size": 3, "start": "a"}
    assert given("--size", "3", "--more", "b") == {"size": 3, "more": "b"}
    for name in ("--size", "--more"):
        with pytest.raises(InputError, match=f"^{name} must not be given with --from$"):
            given("--from", "a", name, "3")
