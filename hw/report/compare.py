"""Two builds side by side."""

from __future__ import annotations

from typing import Any

from fxp_model.errors import InputError
from hw.report.builds import Build, shown
from hw.report.page import render_page
from hw.report.text import table


def differing(a: Build, b: Build) -> list[tuple[str, Any, Any]]:
    """Name and values of every figure that is not the same in both, in the order of `a`.

    Raises
    ------
    InputError
        If no figure is known for both.
    """
    names = list(dict.fromkeys((*a.figures, *b.figures)))
    both = [(name, a.figures.get(name), b.figures.get(name)) for name in names]
    if not any(x is not None and y is not None for _, x, y in both):
        raise InputError(f"{a.name} and {b.name} must have at least 1 figure in common, not 0")
    return [(name, x, y) for name, x, y in both if x != y]


def ratio(x: Any, y: Any) -> str:
    """`y` as a multiple of `x`, where both are numbers."""
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (x, y))
    return f"{y / x:.2f}" if numeric and x else ""


def compare_text(a: Build, b: Build) -> str:
    """The differing figures as a page of text."""
    rows = [(name, shown(x), shown(y), ratio(x, y)) for name, x, y in differing(a, b)]
    if not rows:
        return f"{a.name} and {b.name} do not differ in any figure\n"
    head = ("figure", f"A: {a.name}, {a.kind}", f"B: {b.name}, {b.kind}", "B / A")
    return "\n".join(table(head, rows, right=(1, 2, 3))) + "\n"


def compare_page(a: Build, b: Build) -> str:
    """The differing figures as a page of HTML."""
    rows = [(name, shown(x), shown(y), ratio(x, y)) for name, x, y in differing(a, b)]
    same = [(name, shown(x)) for name, x in a.figures.items() if b.figures.get(name, object()) == x]
    return render_page("compare.html", a=a, b=b, rows=rows, same=same)
